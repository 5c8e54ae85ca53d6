// SPDX-License-Identifier: Apache-2.0
//
// The two views of the bus that enumerate() joins, apart from their sources so that tests can plant them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hsm/enumerate.hpp"

namespace hsm {

/// A K7 card as libpci sees it.
struct PciCard {
    std::string address; ///< 0000:00:03.0
    std::string driver;  ///< bound driver, empty: none
    bool answers = true;
};

/// Cards that have a node, from libudev.
std::vector<BoundCard> scan_class_devices();
/// Cards on the bus, from libpci.
std::vector<PciCard> scan_pci();

/// Put both views together. @param on_bus cards that are among @p bound as well are left out of the second list
Inventory join(std::vector<BoundCard> bound, const std::vector<PciCard> &on_bus, bool driver_loaded);

/// State and reason as the driver's sysfs attributes write them: "HALTED" or "5", any case.
CardState parse_state(std::string_view text);
Reason parse_reason(std::string_view text);

/// find_node() and only_card() over a planted inventory.
std::string find_node(std::string_view selector, const Inventory &inventory);
std::string only_card(const Inventory &inventory);

} // namespace hsm
