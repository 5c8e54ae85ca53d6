// SPDX-License-Identifier: GPL-2.0-or-later
//
// One FM that was started: its CPU, its services, and what becomes of its calls.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "card/fm/engine.hpp"
#include "card/fm_host/services.hpp"
#include "k7/payload.h"

namespace k7::card {

/// An FM faulted: the card halts. Thrown past everything that waits for the FM, so nothing of it completes.
struct FmFault {
    k7_fault_report report; ///< all but sequence, time and generation
};

/// The firmware is being stopped while an FM runs.
struct FmKilled {};

/// How a call ended that did not halt the card.
struct FmReply {
    std::uint32_t status = 0; ///< the FM's own
    std::uint32_t length = 0; ///< bytes of reply
};

class Fm {
  public:
    /// @param kill ends a running call soon; must outlive this
    Fm(Context &card, Smfs &smfs, StoredFm stored, const std::atomic<bool> &kill);

    /// Load it into a CPU and run its start-up function. An error of the start-up leaves it not started.
    /// @throws FmFault, FmKilled, StoreError
    void start();

    /// Hand @p request to its handler. @param reply receives the reply, cut to nothing on an error
    /// @throws Error FM_NOT_STARTED, FM_NO_HANDLER, FM_NO_REPLY; and as start()
    FmReply call(std::span<const std::byte> request, std::span<std::byte> reply);

    [[nodiscard]] bool is(const StoredFm &stored) const { return stored.fingerprint == stored_.fingerprint; }
    [[nodiscard]] bool started() const { return engine_ != nullptr; }
    /// Fill the fields of @p info that only a started FM has.
    void describe(k7_fm_info &info) const;

  private:
    void load();
    std::uint32_t run(k7_fault_phase phase, std::uint32_t address, std::span<const std::uint32_t> arguments);
    [[nodiscard]] k7_fault_report report(k7_fault_phase phase, const fm::Outcome &outcome) const;
    void describe_registers(k7_fault_report &report) const;

    Context &card_;
    const StoredFm stored_;
    const std::atomic<bool> &kill_;
    FmServices services_;
    std::unique_ptr<fm::FmEngine> engine_;
    k7_fm_startup startup_ = K7_FM_STARTUP_NOT_STARTED;
    std::uint32_t startup_value_ = 0;
    std::uint64_t calls_ = 0;
};

} // namespace k7::card
