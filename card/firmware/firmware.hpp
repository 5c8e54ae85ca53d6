// SPDX-License-Identifier: GPL-2.0-or-later
//
// The firmware: the card's second life. A thread that starts the FMs, then serves the command rings, until the boot
// loader stops it, an FM faults, or it fails.
//
// While that thread is parked, a thread of the host that rings a doorbell serves short commands itself: handing them to
// the firmware's thread and back would take many times as long as most of them do. It serves for a bounded time and
// then leaves the rest to the thread, as it does with everything that halts the card, touches the store or takes long.
//
// Locks: a thread of the host may hold a lock (QEMU's big lock) that DMA of the firmware's thread waits for inside the
// bus's gates. So it must not wait for the gates while that thread does DMA. It does not: DMA for rings is done only by
// whoever serves them, Registers::park() lets one serve at a time, and a doorbell that finds somebody serving does not
// wait, it calls the thread. Other holders of the gates (resets, halts, interrupts) wait for nothing in them.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <optional>
#include <thread>

#include "card/context.hpp"
#include "card/firmware/bounce_buffer.hpp"
#include "card/firmware/command.hpp"
#include "card/firmware/execution.hpp"
#include "card/firmware/fm_upload.hpp"
#include "card/fm_host/fm_manager.hpp"
#include "card/rings/ring_server.hpp"
#include "card/security/roles.hpp"
#include "card/smfs/smfs.hpp"

namespace k7::card {

class Firmware final : private DoorbellServer {
  public:
    /// Start the thread. STATE turns to what @p mode means when the FMs have started.
    /// @param ticket drawn when the boot loader decided to start: a reset since then makes this firmware mute
    Firmware(Context &card, k7_boot_mode mode, Gate::Ticket ticket);
    /// Stops the firmware: a running FM is ended, a running transaction is finished. Waits for it.
    virtual ~Firmware();
    Firmware(const Firmware &) = delete;
    Firmware &operator=(const Firmware &) = delete;

    /// Is the firmware inside something that takes long but ends by itself (an FM with its budget, a transaction)?
    [[nodiscard]] bool in_long_work() const { return long_work_.load() != 0; }
    /// The firmware has ended by itself: it halted or failed.
    [[nodiscard]] bool ended() const { return ended_.load(); }

    // ---- For commands ----
    /// @param what for messages. @throws Error NOT_INITIALISED, BAD_STATE
    void require_operational(std::string_view what) const;
    [[nodiscard]] Roles &roles() { return roles_; }
    /// What was wiped in the store ends in memory, too: FMs, which may hold secrets of the SMFS, and its key. The state
    /// follows.
    void forget(const Wipe &wiped);
    [[nodiscard]] Context &card() { return card_; }
    [[nodiscard]] FmManager &fms() { return fms_; }
    [[nodiscard]] Smfs &smfs() { return smfs_; }
    /// Make the SMFS usable for FMs, once. Damage that is found is logged. @throws SmfsDamage
    void activate_smfs();
    [[nodiscard]] std::optional<FmUpload> &upload() { return upload_; }

    /// For as long as it lives the watchdog waits; completions so far are signalled first.
    class LongWork {
      public:
        explicit LongWork(Firmware &firmware) : firmware_(firmware) {
            firmware_.rings_.flush();
            ++firmware_.long_work_;
        }
        ~LongWork() {
            firmware_.card_.registers.beat();
            --firmware_.long_work_;
        }
        LongWork(const LongWork &) = delete;
        LongWork &operator=(const LongWork &) = delete;

      private:
        Firmware &firmware_;
    };

  private:
    // What one doorbell may cost the thread that rings it; docs/card-interface.md and k7card.h promise it.
    static constexpr unsigned kDoorbellRequests = 32;
    static constexpr std::chrono::microseconds kDoorbellTime{50};
    static constexpr std::uint64_t kDoorbellSlice = 20000; ///< instructions of an FM

    void run();
    void start_up();
    /// As activate_smfs(), if that is the policy; the card goes on without it.
    void auto_activate_smfs();
    void enter_state();
    void serve();
    /// One of an FM, if it is due, and never two without a request between them that waits. @return whether one was due
    bool run_timer();
    /// Until there is something to do, but no longer than @p tick.
    void rest(std::chrono::milliseconds tick);
    void park(Registers::Clock::time_point until);
    void play_slow();
    void save_memory();
    bool take_request();
    /// Run the request that was taken. @return whether it has ended
    bool execute(std::uint64_t slice);
    bool serve_doorbell() noexcept override;
    /// @return whether nothing is left
    bool serve_short_requests();
    void halt(k7_reason reason, const k7_fault_report &report, const Core *core = nullptr);
    void store_failed(const std::string &why);

    Context &card_;
    const k7_boot_mode mode_;
    const Gate::Ticket event_ticket_;
    const Gate::Ticket firmware_ticket_;
    std::atomic<bool> kill_{false};
    std::atomic<bool> ended_{false};
    std::atomic<int> long_work_{0};

    RingServer rings_;
    Roles roles_;
    Smfs smfs_;
    FmManager fms_;
    std::optional<FmUpload> upload_;
    BounceBuffer request_buffer_;
    BounceBuffer reply_buffer_;
    bool timer_ran_ = false;                    ///< in the last round of the thread
    Registers::Clock::time_point parked_until_; ///< when the thread looks again by itself
    bool served_ = true;                        ///< anything since the thread last looked
    std::optional<Execution> execution_;        ///< the request that runs or is paused
    std::exception_ptr failure_;                ///< of a doorbell, for the thread to end with
    std::thread thread_;
};

} // namespace k7::card
