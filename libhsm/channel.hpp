// SPDX-License-Identifier: Apache-2.0
//
// Requests over a transport, with errno and card status turned into errors that say what to do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <endian.h>

#include "hsm/bytes.hpp"
#include "hsm/error.hpp"
#include "hsm/types.hpp"
#include "k7/hw.h"
#include "libhsm/transport.hpp"

namespace hsm {

struct Request {
    std::uint32_t opcode = 0;
    std::uint32_t arg0 = 0;
    ByteView payload{};
    std::uint32_t timeout_ms = 0;      ///< 0: the driver's default
    std::size_t room = K7_PAYLOAD_MAX; ///< longest reply that is taken, which the FM is told; at most K7_PAYLOAD_MAX
    std::uint32_t arg1 = 0;
};

struct Answer {
    SecureBytes payload;
    std::uint32_t result = 0;
};

/// @param selector see Card::open()
std::unique_ptr<Transport> open_transport(std::string_view selector);

/// @param attempt what the caller wants, as in "cannot <attempt>"
/// @throws Error unless @p value, an errno of @p transport, is 0
void check_errno(Transport &transport, int value, const std::string &attempt);

/// @param text the card's own explanation, untrusted
/// @throws Error unless @p status is success
void check_card_status(Transport &transport, std::uint32_t status, ByteView text, const std::string &attempt);

/// Send @p request to the firmware. @throws Error
Answer request(Transport &transport, const Request &request, const std::string &attempt);

/// Ask the boot loader. @param room longest reply, in bytes. @throws Error
Answer query(Transport &transport, std::uint32_t query, std::uint32_t argument, std::size_t room,
             const std::string &attempt);

/// @return nothing when the card has no such report. @throws Error
std::optional<FaultReport> read_fault(Transport &transport, std::uint32_t sequence);

/// @throws Error (not_operational) when the firmware does not run, without asking it
void require_firmware(Transport &transport, const std::string &attempt);

/// Why the card serves no requests; empty when it does. Does not throw.
std::string trouble_of(Transport &transport);

} // namespace hsm
