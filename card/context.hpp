// SPDX-License-Identifier: GPL-2.0-or-later
//
// What boot loader and firmware of one card share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "card/bus.hpp"
#include "card/debug/debug.hpp"
#include "card/faults.hpp"
#include "card/fm_host/fm_log.hpp"
#include "card/options.hpp"
#include "card/registers/registers.hpp"
#include "card/security/roles.hpp"
#include "card/sensors.hpp"
#include "card/smfs/vault.hpp"
#include "card/store/store.hpp"
#include "k7/payload.h"

namespace k7::card {

/// Seconds since 1970, UTC, by the card's clock.
[[nodiscard]] inline std::uint64_t card_time() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

struct Context {
    Context(const k7card_host &host, const Options &given)
        : options(given), bus(host, faults), registers(bus, faults), store(given.store, given.store_size, given.esn),
          smfs(store, given.vault), debug(given.debug) {
        provision(given);
        faults.set(given.fault);
        for (const auto &[sensor, value] : given.sensors)
            sensors.set(sensor, value);
        registers.set_identity(store.esn(), store.last_fault_sequence(), kFeatures | debug.features());
    }

    const Options options;
    Faults faults;
    Sensors sensors;
    Bus bus;
    Registers registers;
    Store store;
    SmfsVault smfs;
    Debug debug;
    FmLog fm_log; ///< of the firmware thread; outlives it, so that the last lines before a halt can be read

    std::atomic<std::uint32_t> resets_since_power_on{0};
    std::atomic<std::uint32_t> faults_since_power_on{0};
    std::atomic<bool> smfs_active{false};

    [[nodiscard]] std::uint32_t smfs_state() const {
        return smfs_active ? K7_SMFS_ACTIVE : smfs.facts().damage.empty() ? K7_SMFS_INACTIVE : K7_SMFS_DAMAGED;
    }
    [[nodiscard]] std::uint64_t smfs_quota() const { return options.smfs_quota.value_or(store.smfs_capacity() / 4); }

    /// Say so if an erase has left something for later.
    void report_unfinished_erase() {
        if (store.erase_unfinished())
            bus.log(K7CARD_LOG_WARNING, "erased, but the disk is too full to remove the traces from the store's file: "
                                        "make room there, the next start of the card does it");
    }

  private:
    // A card that is ready at once, for machines that test. A store that has ever been initialised stays as it is: what
    // was zeroized stays so.
    void provision(const Options &given) {
        if (!given.so_password_file.empty() && !store.security().was_initialised)
            store.initialise(given.label, credentials_of_file(given.so_password_file), true, {});
    }
};

} // namespace k7::card
