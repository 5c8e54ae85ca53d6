// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/boot_loader/storm.hpp"

#include <algorithm>

namespace k7::card {
namespace {

constexpr std::uint64_t kPerSecond = 20000; // of a storm without a count
constexpr std::uint64_t kAtOnce = 200;      // between two looks at the mailbox; what a sleep missed beyond it is lost

} // namespace

void Storm::begin() {
    started_.reset();
    if (card_.faults.active(FaultKind::StormEvents))
        card_.registers.raise(K7_EVENT_ALL);
}

std::optional<Storm::Clock::time_point> Storm::blow() {
    if (!card_.faults.active(FaultKind::Storm)) {
        started_.reset();
        return std::nullopt;
    }
    const Clock::time_point now = Clock::now();
    if (card_.faults.number(FaultKind::Storm) != 0) {
        blow_once();
        return now;
    }
    if (!started_) {
        started_ = now;
        sent_ = 0;
    }
    const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now - *started_).count();
    const std::uint64_t due = static_cast<std::uint64_t>(elapsed) * kPerSecond / 1'000'000;
    sent_ = std::max(sent_, due - std::min(due, kAtOnce));
    while (sent_ < due && card_.faults.active(FaultKind::Storm))
        blow_once();
    return *started_ + std::chrono::microseconds((sent_ + 1) * 1'000'000 / kPerSecond);
}

// The vector of events and that of each ring that is enabled.
void Storm::blow_once() {
    const auto send = [&](auto &&interrupt) {
        if (card_.faults.take(FaultKind::Storm)) {
            interrupt();
            ++sent_;
        }
    };
    send([&] { card_.bus.event_interrupt(card_.registers.ticket()); });
    const Gate::Ticket firmware = card_.bus.firmware_gate().ticket();
    for (unsigned index = 0; index < K7_RING_MAX; ++index)
        if (const RingRegisters ring = card_.registers.ring(index); ring.enabled)
            send([&] { card_.bus.completion_interrupt(firmware, ring.vector); });
}

} // namespace k7::card
