// SPDX-License-Identifier: GPL-2.0-or-later
//
// Requests to FMs and their replies, which may be secret, as people type and read them.
#pragma once

#include <string_view>

#include "hsm/card.hpp"
#include "utils/common/tool.hpp"

namespace k7::tool {

[[nodiscard]] hsm::SecureBytes to_hex(hsm::ByteView bytes);
/// @param text digits, blanks between bytes allowed. @throws hsm::Error (usage)
[[nodiscard]] hsm::SecureBytes from_hex(std::string_view text);

/// To standard output, and not through std::cout, whose buffer nobody wipes. @throws hsm::Error
void write_out(hsm::ByteView bytes);

/// A reply for --json, with its payload in hexadecimal.
[[nodiscard]] Json reply_json(const hsm::FmReply &reply);

/// Print a reply: as text when it is text and @p hex does not forbid it, else in hexadecimal.
void print_payload(const Tool &tool, hsm::ByteView payload, bool hex);

} // namespace k7::tool
