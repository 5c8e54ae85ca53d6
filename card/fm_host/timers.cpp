// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fm_host/timers.hpp"

namespace k7::card {

void FmTimers::start(std::uint32_t timer, std::chrono::milliseconds first, std::chrono::milliseconds period,
                     std::uint32_t handler) {
    timers_.at(timer) = Timer{Clock::now() + first, period, handler};
}

std::optional<FmTimers::Clock::time_point> FmTimers::next() const {
    std::optional<Clock::time_point> soonest;
    for (const std::optional<Timer> &timer : timers_)
        if (timer && (!soonest || timer->due < *soonest))
            soonest = timer->due;
    return soonest;
}

std::optional<FmTimers::Due> FmTimers::take(Clock::time_point now) {
    const auto soonest = next();
    if (!soonest || *soonest > now)
        return std::nullopt;
    for (std::uint32_t number = 0; number < timers_.size(); ++number) {
        std::optional<Timer> &timer = timers_[number];
        if (!timer || timer->due != *soonest)
            continue;
        const Due due{number, timer->handler};
        if (timer->period.count() == 0)
            timer.reset();
        else
            timer->due = now + timer->period;
        return due;
    }
    return std::nullopt;
}

} // namespace k7::card
