// SPDX-License-Identifier: GPL-2.0-or-later
//
// A card in this process that forgets everything, with one FM on it: for trying an FM out.
#pragma once

#include <chrono>
#include <string>

#include "hsm/card.hpp"
#include "hsm/fm_image.hpp"

namespace k7::tool {

/// The ELF file of an FM. @param path ELF file or signed image. @throws hsm::Error when it is neither
hsm::Bytes read_fm_elf(const std::string &path);

/// The FM is signed with a key made for the purpose, so neither its own key nor a certificate is needed.
class ThrowawayCard {
  public:
    /// Load @p elf; it has not started yet. @param properties of the card, "name=value,..."; may be empty
    /// @throws hsm::Error
    ThrowawayCard(const hsm::Bytes &elf, const std::string &properties);

    /// Start the FM, for as long as its start-up takes. @throws hsm::Error (not_operational) when that halts the card
    void start();
    [[nodiscard]] hsm::FmReply call(hsm::ByteView request, std::chrono::milliseconds timeout = kPatience);
    [[nodiscard]] hsm::FmId fm_id() const { return header_.id; }
    [[nodiscard]] hsm::Card &card() { return card_; }

  private:
    /// Whoever steps through an FM takes their time; the longest that a card's transport waits.
    static constexpr std::chrono::minutes kPatience{10};

    hsm::FmHeader header_;
    hsm::Card card_;
};

} // namespace k7::tool
