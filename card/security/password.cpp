// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/security/password.hpp"

#include <cstdio>
#include <memory>
#include <mutex>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "card/error.hpp"
#include "k7/payload.h"

namespace k7::card {
namespace {

using Verifier = decltype(Credentials::verifier);

const unsigned char *raw(const std::byte *bytes) {
    return reinterpret_cast<const unsigned char *>(bytes);
}
unsigned char *raw(std::byte *bytes) {
    return reinterpret_cast<unsigned char *>(bytes);
}

Verifier stretch(const Credentials &credentials, std::span<const std::byte> password) {
    constexpr std::uint64_t kBlockSize = 8;
    constexpr std::uint64_t kMemory = 64 << 20;
    static std::mutex one_at_a_time;
    const std::scoped_lock lock(one_at_a_time);
    Verifier verifier;
    if (credentials.cost_log2 == 0 || credentials.cost_log2 > 20 ||
        EVP_PBE_scrypt(reinterpret_cast<const char *>(password.data()), password.size(), raw(credentials.salt.data()),
                       credentials.salt.size(), std::uint64_t{1} << credentials.cost_log2, kBlockSize, 1, kMemory,
                       raw(verifier.data()), verifier.size()) != 1)
        throw Error(K7_ST_INTERNAL, "the password cannot be stretched");
    return verifier;
}

struct CloseFile {
    void operator()(std::FILE *file) const { std::fclose(file); }
};

/// A line of a file on its way, wiped afterwards.
struct Line {
    std::array<char, K7_PASSWORD_MAX + 2> text{};
    Line() = default;
    Line(const Line &) = delete;
    Line &operator=(const Line &) = delete;
    ~Line() { OPENSSL_cleanse(text.data(), text.size()); }
};

} // namespace

Credentials make_credentials(std::span<const std::byte> password, std::uint32_t cost_log2) {
    if (password.size() < K7_PASSWORD_MIN || password.size() > K7_PASSWORD_MAX)
        throw Error(K7_ST_BAD_FIELD, "a password has " + std::to_string(K7_PASSWORD_MIN) + " to " +
                                         std::to_string(K7_PASSWORD_MAX) + " bytes");
    Credentials credentials;
    credentials.cost_log2 = cost_log2;
    if (RAND_bytes(raw(credentials.salt.data()), static_cast<int>(credentials.salt.size())) != 1)
        throw Error(K7_ST_INTERNAL, "the random generator failed");
    credentials.verifier = stretch(credentials, password);
    return credentials;
}

bool fits(const Credentials &credentials, std::span<const std::byte> password) {
    Verifier given = stretch(credentials, password);
    const bool same = CRYPTO_memcmp(given.data(), credentials.verifier.data(), given.size()) == 0;
    OPENSSL_cleanse(given.data(), given.size());
    return same;
}

Credentials credentials_of_file(const std::string &path) {
    const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "re"));
    if (!file)
        throw Error(K7_ST_BAD_FIELD, "property so-password-file='" + path + "': the file cannot be read");
    Line line;
    std::setvbuf(file.get(), nullptr, _IONBF, 0); // no copy is left in a buffer
    if (!std::fgets(line.text.data(), static_cast<int>(line.text.size()), file.get()))
        throw Error(K7_ST_BAD_FIELD, "property so-password-file='" + path + "': the file is empty");
    const std::string_view text = line.text.data();
    const std::string_view password = text.substr(0, text.find_first_of("\r\n"));
    return make_credentials(std::as_bytes(std::span(password)), kProvisionedCost);
}

} // namespace k7::card
