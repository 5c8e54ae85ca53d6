// SPDX-License-Identifier: GPL-2.0-or-later
//
// What boot loader and firmware of one card share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "card/bus.hpp"
#include "card/faults.hpp"
#include "card/fm_host/fm_log.hpp"
#include "card/options.hpp"
#include "card/registers/registers.hpp"
#include "card/sensors.hpp"
#include "card/store/store.hpp"

namespace k7::card {

/// Seconds since 1970, UTC, by the card's clock.
[[nodiscard]] inline std::uint64_t card_time() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

struct Context {
    Context(const k7card_host &host, const Options &given)
        : options(given), bus(host, faults), registers(bus, faults), store(given.store, given.store_size, given.esn) {
        provision(given);
        faults.set(given.fault);
        for (const auto &[sensor, value] : given.sensors)
            sensors.set(sensor, value);
        registers.set_identity(store.esn(), store.last_fault_sequence());
    }

    const Options options;
    Faults faults;
    Sensors sensors;
    Bus bus;
    Registers registers;
    Store store;
    FmLog fm_log; ///< of the firmware thread; outlives it, so that the last lines before a halt can be read

    std::atomic<std::uint32_t> resets_since_power_on{0};
    std::atomic<std::uint32_t> faults_since_power_on{0};
    std::atomic<bool> smfs_active{false};

  private:
    // A card that is ready at once, for machines that test. A store that has ever been initialised stays as it is: what
    // was zeroized stays so.
    void provision(const Options &given) {
        if (!given.so_password_file.empty() && !store.security().was_initialised)
            store.initialise(given.label, credentials_of_file(given.so_password_file), true, {});
    }
};

} // namespace k7::card
