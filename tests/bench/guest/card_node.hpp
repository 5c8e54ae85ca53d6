// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the parts that talk to the card share.
#pragma once

#include <vector>

#include "tests/kmod/node.hpp"

namespace k7bench {

/// The card's node, a channel of its own. @throws std::system_error
k7test::Node open_card();

/// @param error  0 or a negative errno. @throws unless that and the card's status are 0
void check_card(int error, std::uint32_t card_status, const char *what);

/// Bytes that are the same each time, but not all the same.
std::vector<std::byte> pattern(std::size_t size);

/// @throws Skipped, naming @p way, when the driver of @p node lacks @p feature (K7_DRIVER_HAS_*)
void require_driver(const k7test::Node &node, std::uint32_t feature, const char *way);

} // namespace k7bench
