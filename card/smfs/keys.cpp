// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/smfs/keys.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card/file_descriptor.hpp"
#include "card/smfs/seal.hpp"

namespace k7::card {
namespace {

FileDescriptor open_file(const std::string &path, int flags, mode_t mode = 0) {
    return FileDescriptor(::open(path.c_str(), flags | O_CLOEXEC, mode));
}

[[noreturn]] void refuse(const std::string &path, const std::string &why) {
    throw Error(K7_ST_BAD_FIELD, "root key " + path + ": " + why);
}

// Whole under its own name or not there: a power cut must not leave half a key.
void create_root_key(const std::string &path) {
    const std::string draft = path + ".new";
    const SecretKey key = random_key();
    {
        const FileDescriptor file = open_file(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
        if (!file.is_open() || ::fchmod(file.get(), 0600) != 0 ||
            ::write(file.get(), key.bytes.data(), key.bytes.size()) != static_cast<ssize_t>(key.bytes.size()) ||
            ::fsync(file.get()) != 0)
            refuse(path, std::string("cannot be made: ") + std::strerror(errno));
    }
    if (::rename(draft.c_str(), path.c_str()) != 0)
        refuse(path, std::string("cannot be made: ") + std::strerror(errno));
    const std::size_t slash = path.rfind('/');
    const FileDescriptor directory =
        open_file(slash == std::string::npos ? "." : path.substr(0, slash + 1), O_RDONLY | O_DIRECTORY);
    if (directory.is_open())
        ::fsync(directory.get());
}

void check_mode(const std::string &path, const FileDescriptor &file) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0)
        refuse(path, std::string("cannot be read: ") + std::strerror(errno));
    if (!S_ISREG(status.st_mode))
        refuse(path, "is no regular file");
    if ((status.st_mode & 077) != 0)
        refuse(path, "others may use it: `chmod 600 " + path + "`");
    if (status.st_size != SecretKey::kSize)
        refuse(path, "has " + std::to_string(status.st_size) +
                         " bytes instead of 32: put back the key that the store "
                         "was made with");
}

int digit_of(char c) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const std::size_t digit = kDigits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
    return digit == std::string_view::npos ? -1 : static_cast<int>(digit);
}

SealPlace key_place(std::uint32_t generation) {
    return {0, generation, SealPlace::kKey};
}

SecretKey wrapping_key(const SecretKey &root, std::string_view esn) {
    return derive_key(root, "k7 SMFS key of " + std::string(esn));
}

} // namespace

SecretKey random_key() {
    SecretKey key;
    if (RAND_bytes(reinterpret_cast<unsigned char *>(key.bytes.data()), static_cast<int>(key.bytes.size())) != 1)
        throw Error(K7_ST_INTERNAL, "the random generator failed");
    return key;
}

void keyed_digest(const SecretKey &key, std::span<const std::byte> bytes,
                  std::span<std::byte, SecretKey::kSize> digest) {
    if (!HMAC(EVP_sha256(), key.bytes.data(), static_cast<int>(key.bytes.size()),
              reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size(),
              reinterpret_cast<unsigned char *>(digest.data()), nullptr))
        throw Error(K7_ST_INTERNAL, "HMAC failed");
}

SecretKey derive_key(const SecretKey &key, std::string_view purpose) {
    SecretKey derived;
    keyed_digest(key, std::as_bytes(std::span(purpose)), derived.bytes);
    return derived;
}

SecretKey read_root_key(const std::string &path, bool may_create) {
    if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
        if (!may_create)
            refuse(path, "is missing, and the store is sealed under it: put it back");
        create_root_key(path);
    }
    const FileDescriptor file = open_file(path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
    if (!file.is_open())
        refuse(path, std::string("cannot be opened: ") + std::strerror(errno));
    check_mode(path, file);
    SecretKey key;
    if (::read(file.get(), key.bytes.data(), key.bytes.size()) != static_cast<ssize_t>(key.bytes.size()))
        refuse(path, std::string("cannot be read: ") + std::strerror(errno));
    return key;
}

SecretKey root_key_from_hex(std::string_view text) {
    SecretKey key;
    bool good = text.size() == 2 * SecretKey::kSize;
    for (std::size_t i = 0; good && i < SecretKey::kSize; ++i) {
        const int high = digit_of(text[2 * i]);
        const int low = digit_of(text[2 * i + 1]);
        good = high >= 0 && low >= 0;
        key.bytes[i] = static_cast<std::byte>(high * 16 + low);
    }
    if (!good)
        throw Error(K7_ST_BAD_FIELD, "property root-key-hex: must be 64 hex digits");
    return key;
}

Bytes wrap_key(const SecretKey &root, const SecretKey &key, std::uint32_t generation, std::string_view esn) {
    return seal(wrapping_key(root, esn), key_place(generation), key.bytes);
}

std::optional<SecretKey> unwrap_key(const SecretKey &root, const Bytes &wrapped, std::uint32_t generation,
                                    std::string_view esn) {
    SecretKey key;
    if (wrapped.size() != key.bytes.size() + kSealOverhead ||
        !unseal(wrapping_key(root, esn), key_place(generation), wrapped, key.bytes))
        return std::nullopt;
    return key;
}

} // namespace k7::card
