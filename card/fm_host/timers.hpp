// SPDX-License-Identifier: GPL-2.0-or-later
//
// The timers of one FM: when each is due, and what it calls. The firmware's thread calls it between two requests.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "k7/fm_abi.h"

namespace k7::card {

class FmTimers {
  public:
    using Clock = std::chrono::steady_clock;
    struct Due {
        std::uint32_t timer = 0;
        std::uint32_t handler = 0;
    };

    /// @param period 0: once. A timer that runs starts anew.
    void start(std::uint32_t timer, std::chrono::milliseconds first, std::chrono::milliseconds period,
               std::uint32_t handler);
    void stop(std::uint32_t timer) { timers_.at(timer).reset(); }
    void stop_all() { timers_ = {}; }
    /// When the next one is due.
    [[nodiscard]] std::optional<Clock::time_point> next() const;
    /// The one that is due longest at @p now. It ends, or is due again a period from now: a period that was missed is
    /// not made up for.
    std::optional<Due> take(Clock::time_point now);

  private:
    struct Timer {
        Clock::time_point due;
        std::chrono::milliseconds period;
        std::uint32_t handler;
    };
    std::array<std::optional<Timer>, K7_FM_TIMERS_MAX> timers_;
};

} // namespace k7::card
