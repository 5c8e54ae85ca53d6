// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a developer sees of a running FM: a debugger's view (gdb's remote protocol) and counts of its instructions. Off
// unless the card is made with the properties `debug` or `profile`; then FEATURES says DEBUG, because who debugs an FM
// reads all that it knows.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "card/fm/engine.hpp"

namespace k7::card {

class DebugPort;
class Profile;

struct DebugOptions {
    std::string place;       ///< where a debugger attaches, see valid_place(); empty: nowhere
    std::uint32_t fm_id = 0; ///< which FM it gets; 0: the first that runs when it is there
    std::string profile;     ///< file for instruction counts; empty: none

    /// unix:PATH listens on a socket, wait:PATH also lets no FM run before a debugger has come, stdio is this process'
    /// standard input and output, with a debugger there from the start.
    [[nodiscard]] static bool valid_place(std::string_view place);
};

class Debug {
  public:
    /// @throws Error BAD_FIELD when the socket or the file cannot be made
    explicit Debug(const DebugOptions &options);
    ~Debug();
    Debug(const Debug &) = delete;
    Debug &operator=(const Debug &) = delete;

    /// K7_FEATURE_DEBUG, or 0.
    [[nodiscard]] std::uint32_t features() const;

    /// As fm::make_rv32im_engine(), which is what it is on a card without debugger. The engine must end before this.
    [[nodiscard]] std::unique_ptr<fm::FmEngine> make_engine(std::uint32_t fm_id, std::span<const std::byte> elf,
                                                            fm::ServiceHandler &services,
                                                            const std::atomic<bool> &kill);

  private:
    std::unique_ptr<DebugPort> port_;
    std::unique_ptr<Profile> profile_;
};

} // namespace k7::card
