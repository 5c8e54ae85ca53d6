// SPDX-License-Identifier: GPL-2.0-or-later
//
// The card's way out: DMA, interrupts and log lines to whoever hosts the card (struct k7card_host).
//
// A reset must end all DMA and all interrupts of before, at once, whatever the card's threads are doing. So each goes
// through a gate and shows a ticket that was drawn when the work began; turning the gate makes all tickets worthless
// and waits for the one copy that is just running.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>

#include "card/faults.hpp"
#include "card/k7card.h"

namespace k7::card {

/// Lets work through that belongs to the present epoch. All gates of a card share one mutex, so that their order cannot
/// deadlock; it is recursive because a callback that runs inside a gate may access registers, which may raise an
/// interrupt, or may reset the card.
class Gate {
  public:
    using Ticket = std::uint64_t;

    explicit Gate(std::recursive_mutex &mutex) : mutex_(mutex) {}

    [[nodiscard]] Ticket ticket() const { return epoch_.load(); }

    /// Run @p work unless the gate was turned since @p ticket was drawn. @return whether it ran
    template <class Work>
    bool pass(Ticket ticket, Work &&work) {
        const std::scoped_lock lock(mutex_);
        if (ticket != epoch_.load())
            return false;
        work();
        return true;
    }

    /// Run @p change before anything passes again; it calls revoke(), under whatever lock tickets are drawn under.
    template <class Change>
    void turn(Change &&change) {
        const std::scoped_lock lock(mutex_);
        change();
    }

    /// Make all tickets worthless; inside turn().
    void revoke() { ++epoch_; }

  private:
    std::recursive_mutex &mutex_;
    std::atomic<Ticket> epoch_{1};
};

enum class Dma { Done, Failed, Revoked };

/// Thread-safe.
class Bus {
  public:
    Bus(const k7card_host &host, Faults &faults) : host_(host), faults_(faults) {}

    Dma read(Gate::Ticket ticket, std::uint64_t address, std::span<std::byte> bytes);
    Dma write(Gate::Ticket ticket, std::uint64_t address, std::span<const std::byte> bytes);

    /// Completion interrupt of a ring; @p ticket of the firmware gate.
    void completion_interrupt(Gate::Ticket ticket, unsigned vector);
    /// Event interrupt; @p ticket of the event gate.
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
    void send(unsigned vector);

    const k7card_host host_;
    Faults &faults_;
    std::recursive_mutex mutex_;
    Gate firmware_gate_{mutex_};
    Gate event_gate_{mutex_};
    std::atomic<unsigned> guest_errors_{0};
};

} // namespace k7::card
