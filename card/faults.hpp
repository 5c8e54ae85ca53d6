// SPDX-License-Identifier: GPL-2.0-or-later
//
// The `fault` property: what goes wrong on purpose. One value at a time, read by whichever part plays it. Those that
// are lies are told by card/rings/lies.hpp (completions) and card/registers/lies.hpp (registers and mailbox).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace k7::card {

enum class FaultKind : std::uint32_t {
    None,
    LinkDown,         ///< all registers read as ones, writes are lost, no DMA, no interrupt
    Gone,             ///< LinkDown for some milliseconds
    Hang,             ///< the firmware stops serving; the watchdog halts it in the end
    HangMailbox,      ///< the boot loader takes no command: BUSY stays
    LoseIrq,          ///< interrupts are not sent
    DropCompletion,   ///< completions are not written
    DmaError,         ///< every DMA fails
    HardwareFailed,   ///< self test: state FAILED
    Slow,             ///< each firmware command takes some milliseconds
    Storm,            ///< interrupts without cause
    StormEvents,      ///< events that are set again when they are cleared
    StuckRing,        ///< a ring that is disabled goes on reading as ENABLED
    StuckRingForever, ///< the same, and no reset but a power cycle helps
    LieTag,           ///< a completion with a tag that no request has, before the true one
    LieStaleTag,      ///< the same with the tag that the request's slot could have had before
    Duplicate,        ///< the completion is written twice
    LieLength,        ///< a reply is said to be longer than its room
    LiePhase,         ///< a completion that the driver cannot see
    LieStatus,        ///< a status code that is not known
    LieSqHead,        ///< nonsense in sq_head
    LieIdentity,      ///< MAGIC reads wrong
    LieLimits,        ///< LIMITS, PAYLOAD_MAX, CHANNEL_MAX, BULK_MAX read absurd values
    LieState,         ///< STATE reads an unknown state
    LieTagMailbox,    ///< the mailbox answers with another tag
    MailboxGarbage,   ///< the mailbox answers with a random reply of an impossible length
};

/// Holds the value of the property. Thread-safe, lock-free: also read inside register accesses.
class Faults {
  public:
    /// @param text "name", "name:number" or "name:all", see docs/card-interface.md. @throws Error
    void set(std::string_view text);
    void clear() { value_.store(0); }
    [[nodiscard]] std::string text();

    /// No fault is set: what holds nearly always, for those who are in a hurry.
    [[nodiscard]] bool none() const { return value_.load() == 0; }
    [[nodiscard]] bool active(FaultKind kind) const { return kind_of(value_.load()) == kind; }
    /// The number of @p kind, if it is active and takes one that is not a count; else 0.
    [[nodiscard]] std::uint32_t number(FaultKind kind) const;

    /// Is @p kind active for one more event? A counted fault counts down and ends by itself.
    [[nodiscard]] bool take(FaultKind kind);

    /// Is the card off the bus right now?
    [[nodiscard]] bool link_down();

    /// Times that a fault was taken since it was set: lies that alternate go by it.
    [[nodiscard]] std::uint32_t taken() const { return taken_.load(); }

  private:
    using Clock = std::chrono::steady_clock;

    // Kind in the high half, number in the low half (0: until it is cleared), so that both change at once.
    static FaultKind kind_of(std::uint64_t value) { return static_cast<FaultKind>(value >> 32); }
    static std::uint32_t number_of(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

    std::atomic<std::uint64_t> value_{0};
    std::atomic<std::uint32_t> taken_{0};
    std::atomic<Clock::time_point> gone_until_{};
};

} // namespace k7::card
