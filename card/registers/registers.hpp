// SPDX-License-Identifier: GPL-2.0-or-later
//
// BAR0: what the bus sees, and what the boot loader and the firmware thread sleep on.
//
// One short mutex guards all of it. It is never held while a callback, the store or an FM runs, so that nobody waits
// long for a register. Lock order: gates of the bus, then this mutex.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "card/bus.hpp"
#include "card/faults.hpp"
#include "card/registers/mailbox_registers.hpp"
#include "card/registers/ring_registers.hpp"

namespace k7::card {

/// Name of a state for people: "operational" ...
[[nodiscard]] std::string_view state_name(std::uint32_t state);
/// Do the rings work in @p state?
[[nodiscard]] constexpr bool firmware_state(std::uint32_t state) {
    return state == K7_STATE_OPERATIONAL || state == K7_STATE_PRE_INIT || state == K7_STATE_MAINTENANCE;
}

/// Value of FEATURES, of a card without debugger.
constexpr std::uint32_t kFeatures = K7_FEATURE_FM | K7_FEATURE_SMFS | K7_FEATURE_ARM | K7_FEATURE_BULK;

/// What the boot loader thread should look at.
enum Attention : unsigned {
    kQuit = 1,    ///< the card is switched off
    kReset = 2,   ///< a reset was begun: registers are reset already
    kMailbox = 4, ///< a command is in the mailbox
    kFaults = 8,  ///< the fault property was set
};

/// The firmware, as far as it serves a doorbell on the thread that rings it.
class DoorbellServer {
  public:
    /// Serve what is short. Only while the firmware's thread is parked. @return whether anything is left for that
    /// thread
    virtual bool serve_doorbell() noexcept = 0;

  protected:
    ~DoorbellServer() = default;
};

/// A copy of the registers that tell how the card is.
struct Status {
    std::uint32_t state = K7_STATE_BOOT;
    std::uint32_t reason = K7_REASON_NONE;
    std::uint32_t generation = 1;
    std::uint32_t fault_sequence = 0;
};

/// Thread-safe.
class Registers {
  public:
    using Clock = std::chrono::steady_clock;

    Registers(Bus &bus, Faults &faults) : bus_(bus), faults_(faults) {}

    // ---- The bus ----
    std::uint32_t read(std::uint64_t offset, unsigned size);
    void write(std::uint64_t offset, std::uint32_t value, unsigned size);

    // ---- State and events ----
    /// Once, before the bus may see the card.
    void set_identity(std::string_view esn, std::uint32_t fault_sequence, std::uint32_t features);
    [[nodiscard]] std::uint32_t features() const { return features_; }
    [[nodiscard]] Status status() const;
    /// Draw a ticket for change_state(): what was begun before a reset must not change the state after it.
    [[nodiscard]] Gate::Ticket ticket() const { return bus_.event_gate().ticket(); }
    /// Set STATE and raise @p events and, if it differs, EVENT_STATE. A state in which the firmware does not run first
    /// ends all DMA and disables the rings. @return false, and nothing is done, when @p ticket is of before a reset
    bool change_state(Gate::Ticket ticket, k7_state state, k7_reason reason, std::uint32_t events = 0);
    /// The same for the firmware: also refused when @p firmware, its own ticket, is not good any more.
    bool change_state(Gate::Ticket ticket, Gate::Ticket firmware, k7_state state, k7_reason reason,
                      std::uint32_t events);
    void raise(std::uint32_t events);
    void set_fault_sequence(std::uint32_t sequence);
    void next_generation();
    void beat() { ++heartbeat_; }
    [[nodiscard]] std::uint32_t heartbeat() const { return heartbeat_; }

    // ---- Boot loader ----
    /// Reset all registers to their values after power on, end DMA and interrupts, and call for the boot loader.
    /// @param mode what the boot loader is to do afterwards
    /// @param keep_mailbox so that the driver still sees the answer to K7_BOOT_RESET
    void reset(k7_boot_mode mode, bool keep_mailbox);
    [[nodiscard]] k7_boot_mode reset_mode() const;
    void call_boot_loader(unsigned attention);
    /// What the boot loader is called for, and the ticket for what it does about it: a reset that comes later makes
    /// that worthless, and calls again.
    struct BootCall {
        unsigned attention = 0;
        Gate::Ticket ticket = 0;
    };
    /// Sleep until there is something to look at or @p deadline. @return what; it is cleared
    BootCall wait_boot(std::optional<Clock::time_point> deadline);
    /// The command that waits; none when @p ticket is of before a reset.
    [[nodiscard]] std::optional<MailboxCommand> mailbox_command(Gate::Ticket ticket) const;
    void answer_mailbox(Gate::Ticket ticket, k7_status status, std::span<const std::byte> reply);

    // ---- Firmware ----
    // One at a time serves the rings: the firmware's thread, or, while that is parked, a thread that rings a doorbell.
    // The thread calls these three.
    /// From here on doorbells may be served by @p server whenever the thread is parked.
    void attach(DoorbellServer &server);
    /// Sleep until called or @p deadline, and let doorbells be served meanwhile.
    void park(Clock::time_point deadline);
    void detach();
    /// Wake the firmware's thread, or keep it from sleeping.
    void call_firmware();
    /// The rings of which a doorbell rang or that were enabled or disabled, a bit each, since this was asked last.
    [[nodiscard]] std::uint32_t take_rung() { return rung_.load() == 0 ? 0 : rung_.exchange(0); }
    [[nodiscard]] RingRegisters ring(unsigned index) const;
    /// Run @p change on ring @p index unless it was disabled since @p epoch. @return whether it ran
    template <class Change>
    bool with_ring(unsigned index, std::uint64_t epoch, Change &&change) {
        const std::scoped_lock lock(mutex_);
        if (rings_.at(index).epoch != epoch)
            return false;
        change(rings_.at(index));
        return true;
    }
    /// A DMA that began while the ring was enabled is over, whatever became of the ring. @p change as in with_ring()
    template <class Change>
    void end_ring_dma(unsigned index, std::uint64_t epoch, Change &&change) {
        const std::scoped_lock lock(mutex_);
        RingRegisters &ring = rings_.at(index);
        --ring.dma_running;
        if (ring.epoch == epoch)
            change(ring);
    }

  private:
    /// What a register write asks for once the mutex is free again.
    struct Effects {
        std::string guest_error{};
        bool boot_loader = false;
        bool call_firmware = false;
        DoorbellServer *server = nullptr;
        bool interrupt = false;
        std::optional<unsigned> ring_vector{};
    };

    std::uint32_t read_locked(std::uint32_t offset, std::string &guest_error) const;
    [[nodiscard]] std::optional<std::uint32_t> read_identity(std::uint32_t offset) const;
    [[nodiscard]] std::optional<std::uint32_t> read_mailbox(std::uint32_t offset) const;
    void write_locked(std::uint32_t offset, std::uint32_t value, Effects &effects);
    void rang_locked(unsigned index, bool anything_to_do, Effects &effects);
    void end_doorbell(bool work_is_left);
    void write_ring(std::uint32_t offset, std::uint32_t value, Effects &effects);
    void write_mailbox(std::uint32_t offset, std::uint32_t value, Effects &effects);
    /// @return whether vector 0 is to be raised
    bool raise_locked(std::uint32_t events);
    void reset_locked(bool keep_mailbox);
    [[nodiscard]] unsigned attention_locked() const;

    Bus &bus_;
    Faults &faults_;

    mutable std::mutex mutex_;
    std::condition_variable boot_wake_;
    std::condition_variable firmware_wake_;

    std::array<char, K7_ESN_SIZE> esn_{};
    std::uint32_t features_ = kFeatures; ///< never changes once the card is made
    Status status_;
    std::uint32_t event_status_ = 0;
    std::uint32_t event_mask_ = 0;
    MailboxRegisters mailbox_;
    std::array<RingRegisters, K7_RING_MAX> rings_;
    unsigned attention_ = 0;
    k7_boot_mode reset_mode_ = K7_BOOT_MODE_OPERATIONAL;

    enum class Serving { Nobody, Thread, Doorbell };
    Serving serving_ = Serving::Nobody;
    DoorbellServer *server_ = nullptr; ///< while the firmware serves
    bool firmware_called_ = false;
    bool thread_waits_ = false; ///< for a doorbell to have been served
    std::atomic<std::uint32_t> rung_{0};
    std::atomic<std::uint32_t> heartbeat_{0};
};

} // namespace k7::card
