// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>
#include <cstdint>

#include <fcntl.h>
#include <unistd.h>

#include "tests/bench/guest/measure.hpp"
#include "tests/bench/guest/subjects.hpp"

namespace k7bench {
namespace {

constexpr char kTpmNode[] = "/dev/tpm0";
/// Header of 10 bytes (no sessions, length, TPM2_CC_GetRandom), then the number of bytes wanted: 32.
constexpr std::array<std::uint8_t, 12> kGetRandom{0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x7b, 0, 32};
constexpr std::size_t kReplyBytes = 10 + 2 + 32;

class TpmGetRandom final : public Operation {
  public:
    TpmGetRandom() : fd_(checked(::open(kTpmNode, O_RDWR | O_CLOEXEC), kTpmNode)) {}
    ~TpmGetRandom() override { ::close(fd_); }

    void run() override {
        checked(::write(fd_, kGetRandom.data(), kGetRandom.size()), "write to the TPM");
        std::array<std::uint8_t, 4096> reply;
        const ssize_t length = checked(::read(fd_, reply.data(), reply.size()), "read from the TPM");
        const bool good =
            static_cast<std::size_t>(length) == kReplyBytes && (reply[6] | reply[7] | reply[8] | reply[9]) == 0;
        if (!good)
            throw std::runtime_error("TPM2_GetRandom of 32 bytes failed");
    }

  private:
    int fd_;
};

} // namespace

std::unique_ptr<Operation> tpm_get_random() {
    return std::make_unique<TpmGetRandom>();
}

} // namespace k7bench
