// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hsm/error.hpp"

namespace k7::tool {
namespace {

hsm::Error file_error(int value, const std::string &attempt, const std::string &path) {
    auto kind = hsm::ErrorKind::failed;
    if (value == ENOENT || value == ENOTDIR)
        kind = hsm::ErrorKind::not_found;
    if (value == EACCES || value == EPERM || value == EROFS)
        kind = hsm::ErrorKind::permission;
    return hsm::Error(kind, "cannot " + attempt + " " + path + ": " + std::strerror(value))
        .with_errno(value)
        .with_object(path);
}

class File {
  public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    File(const File &) = delete;
    File &operator=(const File &) = delete;
    ~File() { close(); }
    [[nodiscard]] int get() const noexcept { return descriptor_; }
    /// @return false when what was written may be lost
    bool close() {
        const int descriptor = std::exchange(descriptor_, -1);
        return descriptor < 0 || ::close(descriptor) == 0;
    }

  private:
    int descriptor_;
};

template <typename Container>
Container read_descriptor(int descriptor, const std::string &path, const std::string &what) {
    Container bytes;
    std::size_t used = 0;
    for (;;) {
        if (used == bytes.size())
            bytes.resize(std::max<std::size_t>(65536, bytes.size() * 2));
        const ssize_t size = ::read(descriptor, bytes.data() + used, bytes.size() - used);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            throw file_error(errno, "read " + what, path);
        used += static_cast<std::size_t>(size);
        if (used > kFileMax)
            throw file_error(EFBIG, "read " + what, path);
        if (size == 0)
            break;
    }
    bytes.resize(used);
    return bytes;
}

template <typename Container>
Container read_path(const std::string &path, const std::string &what) {
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0)
        throw file_error(errno, "open " + what, path);
    return read_descriptor<Container>(file.get(), path, what);
}

void write_all(int descriptor, hsm::ByteView bytes, const std::string &path) {
    while (!bytes.empty()) {
        const ssize_t size = ::write(descriptor, bytes.data(), bytes.size());
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            throw file_error(errno, "write", path);
        bytes = bytes.subspan(static_cast<std::size_t>(size));
    }
}

} // namespace

hsm::Bytes read_file(const std::string &path, const std::string &what) {
    return read_path<hsm::Bytes>(path, what);
}

hsm::SecureBytes read_secret(const std::string &path, const std::string &what) {
    if (path == "-")
        return read_descriptor<hsm::SecureBytes>(STDIN_FILENO, "standard input", what);
    return read_path<hsm::SecureBytes>(path, what);
}

hsm::SecureBytes read_password_file(const std::string &path) {
    hsm::SecureBytes password = read_secret(path, "the password file");
    const auto end =
        std::ranges::find_if(password, [](std::byte c) { return c == std::byte{'\n'} || c == std::byte{'\r'}; });
    password.erase(end, password.end());
    if (password.empty())
        throw hsm::Error(hsm::ErrorKind::failed, "the password file " + path + " is empty").with_object(path);
    if (std::ranges::find(password, std::byte{0}) != password.end()) // each try with a wrong one counts on the card
        throw hsm::Error(hsm::ErrorKind::failed, "the password file " + path + " is no text: it has a NUL byte",
                         "save it as plain text, not as UTF-16")
            .with_object(path);
    return password;
}

void write_file(const std::string &path, hsm::ByteView bytes, mode_t mode) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error))
        throw file_error(EISDIR, "write", path);
    std::string temporary = path + ".XXXXXX";
    File file(::mkostemp(temporary.data(), O_CLOEXEC)); // mode 0600 until it is complete
    if (file.get() < 0)
        throw file_error(errno, "write", path);
    try {
        write_all(file.get(), bytes, path);
        if (::fchmod(file.get(), mode) != 0 || ::fsync(file.get()) != 0 || !file.close() ||
            ::rename(temporary.c_str(), path.c_str()) != 0)
            throw file_error(errno, "write", path);
    } catch (...) {
        ::unlink(temporary.c_str());
        throw;
    }
}

} // namespace k7::tool
