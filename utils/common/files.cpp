// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

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

void replace_file(const std::string &path, hsm::ByteView bytes, mode_t mode) {
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

/// A device, a pipe, a file without a name: what stands there stays.
void write_into(const std::string &path, hsm::ByteView bytes) {
    File file(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY));
    if (file.get() < 0)
        throw file_error(errno, "write", path);
    write_all(file.get(), bytes, path);
    if (!file.close())
        throw file_error(errno, "write", path);
}

/// /dev/stdout and whatever else is one of our outputs already: opened anew, one would overwrite the other.
/// @return -1 when it is none of them
int own_output(const struct stat &file) {
    for (const int descriptor : {STDOUT_FILENO, STDERR_FILENO}) {
        struct stat open {};
        if (::fstat(descriptor, &open) == 0 && open.st_dev == file.st_dev && open.st_ino == file.st_ino)
            return descriptor;
    }
    return -1;
}

/// The file that a link leads to. The kernel follows it, as it knows whose links in /tmp are not to be followed.
std::string without_links(const std::string &path) {
    std::error_code ignored;
    if (!std::filesystem::is_symlink(path, ignored))
        return path;
    const File file(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (file.get() < 0)
        throw file_error(errno, "write", path);
    return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file.get()));
}

/// Two names of one file, be it there or not. What is no file can be both input and output.
bool same_file(const std::string &one, const std::string &other) {
    struct stat first {};
    struct stat second {};
    if (::stat(one.c_str(), &first) == 0 && ::stat(other.c_str(), &second) == 0)
        return S_ISREG(first.st_mode) && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
    std::error_code error;
    const auto path = std::filesystem::weakly_canonical(one, error);
    return !error && path == std::filesystem::weakly_canonical(other, error) && !error;
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
    struct stat there {};
    if (::stat(path.c_str(), &there) != 0) {
        const int value = errno;
        std::error_code ignored;
        if (value != ENOENT || std::filesystem::is_symlink(path, ignored)) // a link to nothing stays one
            throw file_error(value, "write", path);
        replace_file(path, bytes, mode);
    } else if (const int descriptor = own_output(there); descriptor >= 0) {
        std::cout.flush();
        write_all(descriptor, bytes, path);
    } else if (S_ISREG(there.st_mode) && there.st_nlink != 0) {
        replace_file(without_links(path), bytes, mode);
    } else {
        write_into(path, bytes);
    }
}

void refuse_one_input_for_two(const std::string &one, const std::string &other) {
    if (one == "-" && other == "-")
        throw hsm::Error(hsm::ErrorKind::usage, "standard input cannot be two inputs at once",
                         "give one of them as a file");
}

void check_output(const std::string &output, const std::vector<std::string> &inputs) {
    if (output == "-")
        throw hsm::Error(hsm::ErrorKind::usage, "standard output is not where a file goes here",
                         "name a file; ./- is one of that name")
            .with_object(output);
    for (const std::string &input : inputs)
        if (!input.empty() && input != "-" && same_file(output, input))
            throw hsm::Error(hsm::ErrorKind::usage, "the output " + output + " is also an input: not overwritten",
                             "choose another name")
                .with_object(output);
}

} // namespace k7::tool
