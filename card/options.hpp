// SPDX-License-Identifier: GPL-2.0-or-later
//
// The properties that a card is made with (docs/card-interface.md).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "card/debug/debug.hpp"
#include "card/k7card.h"
#include "card/sensors.hpp"
#include "card/smfs/vault.hpp"
#include "card/store/store.hpp"
#include "k7/fm_abi.h"

namespace k7::card {

struct Options {
    std::string store;            ///< path; empty: in memory
    std::string esn;              ///< empty: made up, or the store's
    std::string so_password_file; ///< path; empty: a new card is not initialised
    std::string label = "virtual";
    std::string fault = "none";
    std::vector<std::pair<Sensors::Index, std::string>> sensors; ///< checked; others show what a new card shows
    std::uint64_t fm_budget = K7_FM_BUDGET_DEFAULT;              ///< instructions per call
    std::uint32_t fm_work = K7_FM_WORK_MAX;                      ///< what the services of a call may cost
    std::chrono::milliseconds watchdog{3000};
    std::uint64_t store_size = Store::kDefaultSize; ///< bytes
    VaultOptions vault;
    std::optional<std::uint64_t> smfs_quota; ///< bytes of one FM; nothing: a quarter of the capacity
    DebugOptions debug;

    /// How often idle firmware shows that it lives, and the watchdog looks.
    [[nodiscard]] std::chrono::milliseconds watchdog_tick() const {
        return std::min(std::chrono::milliseconds(1000), watchdog / 4);
    }
};

/// @throws Error naming the property and the value that is wrong
[[nodiscard]] Options parse_options(std::span<const k7card_property> properties);

} // namespace k7::card
