// SPDX-License-Identifier: Apache-2.0
/// @file hsm/enumerate.hpp
/// All cards of this host: those with a driver, those without, and why a card cannot be used.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hsm/export.hpp"
#include "hsm/types.hpp"

namespace hsm {

/// A card that the driver has bound, as sysfs tells it: no access to the node is needed and the card is not asked.
struct HSM_EXPORT BoundCard {
    std::uint32_t index = 0; ///< N of /dev/k7pfN
    std::string node;        ///< /dev/k7pfN
    std::string sysfs;       ///< directory below /sys/class/k7hsm
    std::string pci_address; ///< 0000:00:03.0
    std::string link;        ///< "2.5 GT/s PCIe x1"; empty when the slot does not tell
    std::string esn;         ///< empty in all texts: the driver does not know
    std::string model;
    std::string label;
    std::string firmware_version;
    std::string boot_loader_version;
    std::string driver_state;
    CardState state = CardState::gone;
    Reason reason = Reason::none;
    std::uint32_t generation = 0;
    std::uint32_t fault_sequence = 0;
    bool accessible = false;   ///< this process may open the node for reading and writing
    std::string access_reason; ///< why not: owner, group and mode of the node, and the group to join

    /// Module number as tools print it: /dev/k7pf0 is #1.
    [[nodiscard]] std::uint32_t module() const noexcept { return index + 1; }
};

/// A card on the bus that k7hsm does not drive.
struct UnboundCard {
    std::string pci_address;
    std::string driver;  ///< another driver that holds it; empty: none
    bool answers = true; ///< false: its configuration space reads all ones (link down)
    std::string reason;  ///< one line: what is wrong and what to do
};

struct HSM_EXPORT Inventory {
    std::vector<BoundCard> cards; ///< ordered by index; gaps in the index are modules that are not present
    std::vector<UnboundCard> unbound;
    bool driver_loaded = false;
    std::string driver_version; ///< of the loaded module; empty when unknown

    /// The card of module @p number, if it is present.
    [[nodiscard]] const BoundCard *module(std::uint32_t number) const noexcept;
    /// Highest module number; 0: no card.
    [[nodiscard]] std::uint32_t last_module() const noexcept;
};

/// Look for cards. Needs no privilege, no udev daemon, and does not wait for any card. Thread-safe.
/// @throws Error (failed) when sysfs cannot be read at all
HSM_EXPORT Inventory enumerate();

/// Node of the card that @p selector (node, ESN, PCI address) names.
/// @throws Error usage, not_found, not_operational (no driver bound)
HSM_EXPORT std::string find_node(std::string_view selector);

/// The only card of this host, as a selector for Card::open().
/// @throws Error not_found (none), usage (several: one must be named), not_operational (one without driver)
HSM_EXPORT std::string only_card();

} // namespace hsm
