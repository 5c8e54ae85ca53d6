// SPDX-License-Identifier: GPL-2.0-or-later
//
// The faults `storm` and `storm-events`: interrupts without cause. Played by the boot loader's thread between its
// duties, because it lives when the firmware does not.
#pragma once

#include <optional>

#include "card/context.hpp"

namespace k7::card {

class Storm {
  public:
    using Clock = Registers::Clock;

    explicit Storm(Context &card) : card_(card) {}

    /// The fault property was set: the first events come from here, those after them from the driver's clearing.
    void begin();

    /// Send the interrupts that are due. @return when to call again; nothing: no storm
    std::optional<Clock::time_point> blow();

  private:
    void blow_once();

    Context &card_;
    std::optional<Clock::time_point> started_;
    std::uint64_t sent_ = 0;
};

} // namespace k7::card
