// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the subcommands that run an FM have in common: an FM on a throw-away card, and calls of it.
#pragma once

#include <string>
#include <vector>

#include "hsm/bytes.hpp"
#include "hsm/throwaway_card.hpp"
#include "utils/fmsdk/subcommand.hpp"

namespace k7::fmsdk {

/// Add the FM and the options --text, --hex and --file for its requests.
void declare_calls(tool::CommandLine &line, Options &options);

/// The ELF file of the FM that @p options name. @throws hsm::Error not_found, failed (no FM)
hsm::Bytes elf_of(const Options &options);

/// Texts first, then those in hexadecimal, then files. @throws hsm::Error usage, not_found
std::vector<hsm::SecureBytes> requests_of(const Options &options);

/// Call the FM with all requests, @p rounds times; what it replies goes to stderr.
void call_all(const tool::Tool &tool, const std::vector<hsm::SecureBytes> &requests, unsigned rounds,
              hsm::ThrowawayCard &card);

} // namespace k7::fmsdk
