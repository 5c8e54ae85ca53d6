// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the subcommands that run an FM have in common: an FM on a throw-away card, and calls of it.
#pragma once

#include <filesystem>
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

/// Call the FM with all requests, options.repeat times; what it replies goes to stderr.
void call_all(const tool::Tool &tool, const Options &options, hsm::ThrowawayCard &card);

/// A directory that is gone with this object.
class TemporaryDirectory {
  public:
    TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory &) = delete;
    TemporaryDirectory &operator=(const TemporaryDirectory &) = delete;
    ~TemporaryDirectory();
    [[nodiscard]] std::string file(const char *name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

} // namespace k7::fmsdk
