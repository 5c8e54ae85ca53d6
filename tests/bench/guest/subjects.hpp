// SPDX-License-Identifier: GPL-2.0-or-later
//
// Everything that can be measured. Making a subject opens its device; a device that is not there is an error.
#pragma once

#include <memory>
#include <string>

#include "k7/hw.h"
#include "tests/bench/guest/operation.hpp"

namespace k7bench {

// ---- The kernel by itself (kernel.cpp) ----

/// A system call that does nothing.
std::unique_ptr<Operation> getpid_call();
/// A byte to another thread and back, through two pipes: two sleeps, two wake-ups.
std::unique_ptr<Operation> pipe_ping_pong();

// ---- The card (card.cpp) ----

inline constexpr char kCardNode[] = "/dev/k7pf0";
inline constexpr std::uint32_t kEchoFm = 0xa000; ///< of fmsdk/samples/echo

/// A request to the card. The reply to an FM call must be the request.
struct CardRequest {
    std::uint32_t opcode = K7_CMD_NOP;
    std::uint32_t arg0 = 0;
    std::uint32_t in_len = 0;
    std::uint32_t out_len = 0;
};

inline constexpr CardRequest kNop{};
constexpr CardRequest get_random(std::uint32_t bytes) {
    return {K7_CMD_GET_RANDOM, bytes, 0, bytes};
}
constexpr CardRequest echo(std::uint32_t bytes) {
    return {K7_CMD_FM_CALL, kEchoFm, bytes, bytes};
}

/// An ioctl number that the driver does not know: the way into the driver and back.
std::unique_ptr<Operation> card_unknown_ioctl();
/// A request that the driver refuses after it has copied and checked it.
std::unique_ptr<Operation> card_refused_request();
/// K7_IOC_INFO: copies both ways, one register read.
std::unique_ptr<Operation> card_info();
/// K7_IOC_REQUEST
std::unique_ptr<Operation> card_request(const CardRequest &request);

// ---- Many requests to the card at a time (card_queues.cpp) ----

/// K7_IOC_SUBMIT and K7_IOC_COLLECT. @throws Skipped when the driver has no such way
std::unique_ptr<Queue> card_submit_queue(const CardRequest &request, unsigned depth);
/// K7_URING_CMD_REQUEST. @throws Skipped when the driver has no such way
std::unique_ptr<Queue> card_uring_queue(const CardRequest &request, unsigned depth);

// ---- NVMe admin commands (nvme.cpp) ----

enum class NvmeCommand { get_features, identify };

/// NVME_IOCTL_ADMIN_CMD
std::unique_ptr<Operation> nvme_ioctl(NvmeCommand command);
/// NVME_URING_CMD_ADMIN
std::unique_ptr<Queue> nvme_uring_queue(NvmeCommand command, unsigned depth);

// ---- TPM 2.0 (tpm.cpp), virtio-crypto (crypto.cpp) ----

/// TPM2_GetRandom of 32 bytes through /dev/tpm0.
std::unique_ptr<Operation> tpm_get_random();
/// AES-128-CBC encryption of @p bytes through AF_ALG, by virtio-crypto's driver and no other.
std::unique_ptr<Operation> virtio_crypto_cbc(std::size_t bytes);

} // namespace k7bench
