// SPDX-License-Identifier: GPL-2.0-or-later
//
// The `fault` property: what goes wrong on purpose. One value at a time, read by whichever part plays it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace k7::card {

enum class FaultKind : std::uint32_t {
    None,
    LinkDown,       ///< all registers read as ones, writes are lost, no DMA, no interrupt
    Hang,           ///< the firmware stops serving; the watchdog halts it in the end
    HangMailbox,    ///< the boot loader takes no command: BUSY stays
    LoseIrq,        ///< interrupts are not sent
    DropCompletion, ///< completions are not written
    DmaError,       ///< every DMA fails
    HardwareFailed, ///< self test: state FAILED
};

/// Holds the value of the property. Thread-safe, lock-free: also read inside register accesses.
class Faults {
  public:
    /// @param text "name" or "name:count", see docs/card-interface.md. @throws Error
    void set(std::string_view text);
    void clear() { value_.store(0); }
    [[nodiscard]] std::string text() const;

    [[nodiscard]] bool active(FaultKind kind) const { return kind_of(value_.load()) == kind; }

    /// Is @p kind active for one more event? A counted fault counts down and ends by itself.
    [[nodiscard]] bool take(FaultKind kind);

  private:
    // Kind in the high half, remaining events in the low half (0: until it is cleared), so that both change at once.
    static FaultKind kind_of(std::uint64_t value) { return static_cast<FaultKind>(value >> 32); }
    static std::uint32_t count_of(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

    std::atomic<std::uint64_t> value_{0};
};

} // namespace k7::card
