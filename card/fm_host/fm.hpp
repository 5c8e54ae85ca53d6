// SPDX-License-Identifier: GPL-2.0-or-later
//
// One FM that was started: its CPU, its services, and what becomes of its calls.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "card/fm/engine.hpp"
#include "card/fm_host/core.hpp"
#include "card/fm_host/services.hpp"
#include "k7/payload.h"

namespace k7::card {

/// An FM faulted: the card halts. Thrown past everything that waits for the FM, so nothing of it completes.
struct FmFault {
    k7_fault_report report; ///< all but sequence, time and generation
    std::shared_ptr<const Core> core;
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

    /// Hand @p request to its handler. @param reply receives the reply. @param slice as of FmEngine::resume()
    /// @return nothing when the call is paused: @p request must stay where it is until resume() has ended it
    /// @throws Error FM_NOT_STARTED, FM_ISOLATED, FM_NO_HANDLER, FM_NO_REPLY; and as start(), but with kToTheEnd only:
    /// what halts the card in a slice pauses there, and resume(kToTheEnd) throws it
    std::optional<FmReply> call(std::span<const std::byte> request, std::span<std::byte> reply, std::uint64_t slice);
    /// Go on with a call that is paused. @return and throws as call()
    std::optional<FmReply> resume(std::span<std::byte> reply, std::uint64_t slice);

    /// When its next timer is due; nothing when none runs.
    [[nodiscard]] std::optional<FmTimers::Clock::time_point> next_timer();
    /// Call the handler of a timer that is due at @p now. Not while a call is paused. Throws as start()
    void run_timer(FmTimers::Clock::time_point now);

    /// It has faulted and the card goes on without it. @param fault what its calls answer from now on
    void isolate(const std::string &fault);
    /// What calls of one that is stopped get. @throws Error FM_NOT_STARTED, FM_ISOLATED
    [[noreturn]] void refuse() const { throw Error(refusal_.value()); }

    [[nodiscard]] bool is(const StoredFm &stored) const { return stored.fingerprint == stored_.fingerprint; }
    [[nodiscard]] bool started() const { return engine_ != nullptr; }
    /// Fill the fields of @p info that only a started FM has.
    void describe(k7_fm_info &info) const;
    /// Wipe its keys; it is not called again.
    void forget_keys() { services_.forget_keys(); }

  private:
    /// Request and reply are in the FM's memory for as long as the call.
    class MappedMessage {
      public:
        MappedMessage(fm::FmEngine &engine, std::span<const std::byte> request) : engine_(engine) {
            engine_.map_message(request);
        }
        ~MappedMessage() { engine_.unmap_message(); }
        MappedMessage(const MappedMessage &) = delete;
        MappedMessage &operator=(const MappedMessage &) = delete;

      private:
        fm::FmEngine &engine_;
    };

    void load();
    /// It does not run again, and holds nothing any more. @param refusal what its calls answer from now on
    void stop(k7_fm_status status, const Error &refusal);
    /// What the FM returned. @throws FmFault, FmKilled, StoreError
    std::uint32_t result_of(k7_fault_phase phase, const fm::Outcome &outcome);
    FmReply take_reply(std::span<std::byte> reply);
    [[nodiscard]] k7_fault_report report(k7_fault_phase phase, const fm::Outcome &outcome) const;
    void describe_registers(k7_fault_report &report) const;

    Context &card_;
    const StoredFm stored_;
    const std::atomic<bool> &kill_;
    FmServices services_;
    std::unique_ptr<fm::FmEngine> engine_;
    std::optional<MappedMessage> message_; ///< of the call that runs or is paused
    std::optional<fm::Outcome> bad_end_;   ///< of the call that is paused: it has faulted or was killed
    k7_fm_status status_ = K7_FM_STATUS_LOADED;
    k7_fm_startup startup_ = K7_FM_STARTUP_NOT_STARTED;
    std::uint32_t startup_value_ = 0;
    std::uint64_t calls_ = 0;
    std::optional<Error> refusal_; ///< of calls, once it is stopped
};

} // namespace k7::card
