// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/bus.hpp"

#include <algorithm>

#include "k7/hw.h"

namespace k7::card {

bool Bus::dma_fails() {
    return faults_.link_down() || faults_.take(FaultKind::DmaError);
}

Dma Bus::read(Gate::Ticket ticket, std::uint64_t address, std::span<std::byte> bytes) {
    bool ok = false;
    const bool passed = firmware_gate_.pass(
        ticket, [&] { ok = !dma_fails() && host_.dma_read(host_.opaque, address, bytes.data(), bytes.size()) == 0; });
    return !passed ? Dma::Revoked : ok ? Dma::Done : Dma::Failed;
}

Dma Bus::write(Gate::Ticket ticket, std::uint64_t address, std::span<const std::byte> bytes) {
    bool ok = false;
    const bool passed = firmware_gate_.pass(
        ticket, [&] { ok = !dma_fails() && host_.dma_write(host_.opaque, address, bytes.data(), bytes.size()) == 0; });
    return !passed ? Dma::Revoked : ok ? Dma::Done : Dma::Failed;
}

void Bus::completion_interrupt(Gate::Ticket ticket, unsigned vector) {
    {
        const std::scoped_lock lock(pending_mutex_);
        pending_.completions.at(vector) = std::max(ticket, pending_.completions.at(vector));
    }
    lock_.pend();
}

void Bus::event_interrupt(Gate::Ticket ticket) {
    {
        const std::scoped_lock lock(pending_mutex_);
        pending_.event = std::max(ticket, pending_.event);
    }
    lock_.pend();
}

void Bus::send_pending() {
    Pending pending;
    {
        const std::scoped_lock lock(pending_mutex_);
        pending = std::exchange(pending_, {});
    }
    if (pending.event == event_gate_.ticket())
        send(K7_VECTOR_EVENTS);
    for (unsigned vector = 0; vector < pending.completions.size(); ++vector)
        if (pending.completions.at(vector) == firmware_gate_.ticket())
            send(vector);
}

void Bus::send(unsigned vector) {
    if (!faults_.link_down() && !faults_.take(FaultKind::LoseIrq))
        host_.interrupt(host_.opaque, vector);
}

void Bus::guest_error(const std::string &line) {
    constexpr unsigned kLimit = 64; // a hostile driver must not fill the host's disk
    const unsigned count = ++guest_errors_;
    if (count <= kLimit)
        log(K7CARD_LOG_GUEST_ERROR, line);
    if (count == kLimit)
        log(K7CARD_LOG_GUEST_ERROR, "further errors of this driver are not logged before the next reset");
}

void Bus::log(k7card_log_level level, const std::string &line) const {
    if (host_.log)
        host_.log(host_.opaque, level, line.c_str());
}

void Bus::thread_start() const {
    if (host_.thread_start)
        host_.thread_start(host_.opaque);
}

void Bus::thread_stop() const {
    if (host_.thread_stop)
        host_.thread_stop(host_.opaque);
}

} // namespace k7::card
