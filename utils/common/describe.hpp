// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a card tells, as text and as JSON, the same in all tools.
#pragma once

#include <cstdint>
#include <string>

#include "hsm/card.hpp"
#include "hsm/types.hpp"
#include "utils/common/tool.hpp"

namespace k7::tool {

/// "2026-03-01 12:00:00 UTC"; "unknown" for 0.
std::string time_text(std::uint64_t seconds);
/// "0x0001f2c0"
std::string hex(std::uint32_t value);

Json to_json(const hsm::FmInfo &fm);
Json to_json(const hsm::FmLogLine &line);
Json to_json(const hsm::FaultReport &report);
Json to_json(const hsm::Identity &identity);
Json to_json(const hsm::CardStatus &status);

/// Several lines that say which card it is: model, ESN, label, firmware, PCI address, state.
std::string card_text(const hsm::Card &card, const hsm::Identity &identity, const hsm::CardStatus &status);

} // namespace k7::tool
