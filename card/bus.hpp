// SPDX-License-Identifier: GPL-2.0-or-later
//
// The card's way out: DMA, interrupts and log lines to whoever hosts the card (struct k7card_host).
//
// A reset must end all DMA and all interrupts of before, at once, whatever the card's threads are doing. So each goes
// through a gate and shows a ticket that was drawn when the work began; turning the gate makes all tickets worthless
// and waits for the one copy that is just running.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "card/faults.hpp"
#include "card/k7card.h"

namespace k7::card {

/// The one lock of all gates of a card, so that their order cannot deadlock. It is recursive because a callback that
/// runs inside a gate may access registers, which may raise an interrupt, or may reset the card.
///
/// Interrupts never wait for it: a vCPU may raise one, holding a lock of the host's that the DMA of a card thread,
/// which holds this one, waits for. They are left pending, and whoever gives the lock back sends them.
class GateLock {
  public:
    /// @param send sends what is pending; called with the lock held
    explicit GateLock(std::function<void()> send) : send_(std::move(send)) {}

    void lock() {
        mutex_.lock();
        ++depth_;
    }
    void unlock() {
        const bool outermost = --depth_ == 0;
        mutex_.unlock();
        if (outermost)
            send_unless_locked();
    }
    /// Something is pending, and is to be sent by this thread or by the one that holds the lock.
    void pend() {
        pending_.exchange(1);
        send_unless_locked();
    }

  private:
    // Both sides change pending_ and do not just look: then either the holder finds it set after it has unlocked, or it
    // has unlocked before it was set and try_lock() succeeds.
    void send_unless_locked() {
        while (pending_.fetch_or(0) != 0 && mutex_.try_lock()) {
            ++depth_;
            if (pending_.exchange(0) != 0)
                send_();
            --depth_;
            mutex_.unlock();
        }
    }

    std::recursive_mutex mutex_;
    unsigned depth_ = 0; ///< guarded by mutex_
    std::atomic<unsigned> pending_{0};
    const std::function<void()> send_;
};

/// Lets work through that belongs to the present epoch.
class Gate {
  public:
    using Ticket = std::uint64_t;

    explicit Gate(GateLock &lock) : lock_(lock) {}

    [[nodiscard]] Ticket ticket() const { return epoch_.load(); }

    /// Run @p work unless the gate was turned since @p ticket was drawn. @return whether it ran
    template <class Work>
    bool pass(Ticket ticket, Work &&work) {
        const std::scoped_lock lock(lock_);
        if (ticket != epoch_.load())
            return false;
        work();
        return true;
    }

    /// Run @p change before anything passes again; it calls revoke(), under whatever lock tickets are drawn under.
    template <class Change>
    void turn(Change &&change) {
        const std::scoped_lock lock(lock_);
        change();
    }

    /// Make all tickets worthless; inside turn().
    void revoke() { ++epoch_; }

  private:
    GateLock &lock_;
    std::atomic<Ticket> epoch_{1};
};

enum class Dma { Done, Failed, Revoked };

/// Thread-safe.
class Bus {
  public:
    Bus(const k7card_host &host, Faults &faults) : host_(host), faults_(faults) {}

    Dma read(Gate::Ticket ticket, std::uint64_t address, std::span<std::byte> bytes);
    Dma write(Gate::Ticket ticket, std::uint64_t address, std::span<const std::byte> bytes);

    /// Completion interrupt of a ring; @p ticket of the firmware gate. Sent now or by who holds a gate: never waits.
    void completion_interrupt(Gate::Ticket ticket, unsigned vector);
    /// Event interrupt; @p ticket of the event gate. Never waits either.
    void event_interrupt(Gate::Ticket ticket);

    /// Ends DMA and completions when the firmware stops.
    Gate &firmware_gate() { return firmware_gate_; }
    /// Ends event interrupts, too: turned by resets only, because a halt itself raises an event.
    Gate &event_gate() { return event_gate_; }

    void log(k7card_log_level level, const std::string &line) const;
    /// The driver broke a rule of docs/card-interface.md.
    void guest_error(const std::string &line);
    /// After a reset guest errors are logged again.
    void forgive_guest() { guest_errors_ = 0; }

    void thread_start() const;
    void thread_stop() const;

  private:
    [[nodiscard]] bool dma_fails();
    void send_pending();
    void send(unsigned vector);

    /// Tickets of the interrupts that wait to be sent, 0 where there is none.
    struct Pending {
        Gate::Ticket event = 0;
        std::array<Gate::Ticket, K7CARD_VECTORS> completions{};
    };

    const k7card_host host_;
    Faults &faults_;
    std::mutex pending_mutex_;
    Pending pending_; ///< guarded by pending_mutex_
    GateLock lock_{[this] { send_pending(); }};
    Gate firmware_gate_{lock_};
    Gate event_gate_{lock_};
    std::atomic<unsigned> guest_errors_{0};
};

} // namespace k7::card
