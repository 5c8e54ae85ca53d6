// SPDX-License-Identifier: GPL-2.0-or-later
//
// `hsm smfs info` and `hsm smfs check`: what a tool says of a card's SMFS.
#pragma once

#include "hsm/card.hpp"
#include "utils/common/tool.hpp"

namespace k7::tool {

Json to_json(const hsm::SmfsInfo &info);
Json to_json(const hsm::SmfsCheck &check);

/// State, space, and what protects it. @return exit code: failed when it is damaged. @throws hsm::Error
int smfs_info(const Tool &tool, const hsm::Card &card);

/// Let the card read all of it; each finding with its remedy. @return exit code: failed when something was found.
/// @throws hsm::Error
int smfs_check(const Tool &tool, const hsm::Card &card);

} // namespace k7::tool
