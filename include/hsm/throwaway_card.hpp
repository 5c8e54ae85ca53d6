// SPDX-License-Identifier: Apache-2.0
/// @file hsm/throwaway_card.hpp
/// An FM on a virtual card in this process that forgets everything when it ends: for an FM's own tests. It needs no
/// card, no key, no certificate and no privilege, but libk7card. `fmsdk new` begins such a test, NAME-test.cpp.
#pragma once

#include <chrono>
#include <string>

#include "hsm/bytes.hpp"
#include "hsm/card.hpp"
#include "hsm/export.hpp"
#include "hsm/fm_image.hpp"

namespace hsm {

/// One FM on one card. Calls may come from several threads, as with Card; not to be used after fork().
class HSM_EXPORT ThrowawayCard {
  public:
    /// Whoever steps through an FM takes their time; the longest that a card's transport waits.
    static constexpr std::chrono::minutes kPatience{10};

    /// Load an FM; it has not started yet. It is signed with a key made for the purpose.
    /// @param elf         of the FM; not kept
    /// @param properties  of the card, "name=value,..." as docs/card-interface.md lists them; may be empty
    /// @throws Error failed: no FM, a property that the card does not know, no libk7card
    explicit ThrowawayCard(ByteView elf, const std::string &properties = {});
    /// The same with a file. @param path ELF file, or image made by mkfm, whose signature is not looked at
    /// @throws Error not_found when it cannot be read
    [[nodiscard]] static ThrowawayCard from_file(const std::string &path, const std::string &properties = {});

    /// Start the firmware anew, and the FM with it, for as long as its start-up takes. May be repeated: the FM's memory
    /// is then as in the beginning, its files are as it left them. What Startup() returned is
    /// card().fms()[0].startup_value.
    /// @throws Error not_operational when the start-up halts the card; card().fault_report() says why
    void start();
    /// @throws Error not_operational when the FM faults, or did before
    [[nodiscard]] FmReply call(ByteView request, std::chrono::milliseconds timeout = kPatience);
    [[nodiscard]] FmId fm_id() const { return header_.id; }
    /// For everything else that one can do to a card, such as its FM log. Lives as long as this object.
    [[nodiscard]] Card &card() { return card_; }

  private:
    FmHeader header_;
    Card card_;
};

} // namespace hsm
