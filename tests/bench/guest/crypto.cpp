// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>
#include <cstring>
#include <linux/if_alg.h>
#include <sys/socket.h>
#include <vector>

#include <unistd.h>

#include "tests/bench/guest/measure.hpp"
#include "tests/bench/guest/subjects.hpp"

namespace k7bench {
namespace {

constexpr std::size_t kKeyBytes = 16, kIvBytes = 16;
// By the driver's name: "cbc(aes)" would be the guest processor's own.
constexpr char kDriver[] = "virtio_crypto_aes_cbc";

class Socket {
  public:
    Socket(int fd, const char *what) : fd_(checked(fd, what)) {}
    Socket(const Socket &) = delete;
    Socket &operator=(const Socket &) = delete;
    ~Socket() { ::close(fd_); }
    [[nodiscard]] int fd() const { return fd_; }

  private:
    int fd_;
};

/// A transformation with a key. Bound sockets hand out those that take data.
int bound_socket() {
    sockaddr_alg address{};
    address.salg_family = AF_ALG;
    std::memcpy(address.salg_type, "skcipher", sizeof("skcipher"));
    std::memcpy(address.salg_name, kDriver, sizeof(kDriver));
    const int fd = checked(::socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "socket(AF_ALG)");
    const std::array<std::byte, kKeyBytes> key{};
    if (::bind(fd, reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0 ||
        ::setsockopt(fd, SOL_ALG, ALG_SET_KEY, key.data(), key.size()) != 0) {
        const int error = errno;
        ::close(fd);
        throw std::system_error(error, std::generic_category(), kDriver);
    }
    return fd;
}

class VirtioCrypto final : public Operation {
  public:
    explicit VirtioCrypto(std::size_t bytes)
        : transformation_(bound_socket(), kDriver),
          stream_(::accept4(transformation_.fd(), nullptr, nullptr, SOCK_CLOEXEC), "accept(AF_ALG)"), data_(bytes) {
        vector_ = {data_.data(), data_.size()};
        message_.msg_iov = &vector_;
        message_.msg_iovlen = 1;
        message_.msg_control = control_.data();
        message_.msg_controllen = control_.size();
        set_operation();
    }

    void run() override {
        checked(::sendmsg(stream_.fd(), &message_, 0), "sendmsg(AF_ALG)");
        checked(::read(stream_.fd(), data_.data(), data_.size()), "read(AF_ALG)");
    }

  private:
    void set_operation() {
        cmsghdr *header = CMSG_FIRSTHDR(&message_);
        header->cmsg_level = SOL_ALG;
        header->cmsg_type = ALG_SET_OP;
        header->cmsg_len = CMSG_LEN(sizeof(std::uint32_t));
        const std::uint32_t operation = ALG_OP_ENCRYPT;
        std::memcpy(CMSG_DATA(header), &operation, sizeof(operation));
        header = CMSG_NXTHDR(&message_, header);
        header->cmsg_level = SOL_ALG;
        header->cmsg_type = ALG_SET_IV;
        header->cmsg_len = CMSG_LEN(sizeof(std::uint32_t) + kIvBytes);
        const std::uint32_t length = kIvBytes;
        std::memcpy(CMSG_DATA(header), &length, sizeof(length));
    }

    Socket transformation_, stream_;
    std::vector<std::byte> data_;
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(4) + CMSG_SPACE(4 + kIvBytes)> control_{};
    iovec vector_{};
    msghdr message_{};
};

} // namespace

std::unique_ptr<Operation> virtio_crypto_cbc(std::size_t bytes) {
    return std::make_unique<VirtioCrypto>(bytes);
}

} // namespace k7bench
