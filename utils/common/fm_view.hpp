// SPDX-License-Identifier: GPL-2.0-or-later
//
// FMs for a person: the record in a list, and everything that a card knows about one of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hsm/card.hpp"
#include "hsm/types.hpp"
#include "utils/common/tool.hpp"

namespace k7::tool {

/// The record of an FM in a list: lines of "Label:           value".
std::string fm_text(const hsm::FmInfo &fm);

/// Number of FMs, bytes of their images, and what the card allows to one FM: the lines below the head of a list.
std::string fm_capacity_text(const hsm::Identity &identity, const hsm::CardStatus &status);
Json fm_capacity_json(const hsm::Identity &identity, const hsm::CardStatus &status);

/// One FM with what belongs to it.
struct FmView {
    hsm::FmInfo fm;
    hsm::Identity card;
    std::optional<hsm::CertificateInfo> certificate; ///< the one that it was signed with
    std::optional<hsm::FaultReport> fault;           ///< the last one of this FM ID that the card keeps
    std::vector<hsm::FmLogLine> log;                 ///< its lines only
};

/// Ask @p card about the FM @p id. @throws hsm::Error not_found when it is not on the card, and what the card's calls
/// throw
FmView view_fm(const hsm::Card &card, hsm::FmId id);

std::string fm_view_text(const FmView &view);
Json fm_view_json(const FmView &view);

} // namespace k7::tool
