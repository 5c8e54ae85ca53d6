// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/rings/ring_server.hpp"

#include <algorithm>
#include <atomic>
#include <string>

#include "card/rings/lies.hpp"

namespace k7::card {

static_assert(sizeof(k7_sqe) == 64);
static_assert(sizeof(k7_cqe) == 32);

// ENABLED must stay set while DMA for the ring runs, and no DMA may begin once the ring is disabled.
template <class Transfer>
Dma RingServer::ring_dma(unsigned index, std::uint64_t epoch, Transfer &&transfer) {
    if (!card_.registers.with_ring(index, epoch, [](RingRegisters &ring) { ++ring.dma_running; }))
        return Dma::Revoked;
    const Dma result = transfer();
    card_.registers.end_ring_dma(index);
    return result;
}

void RingServer::ring_failed(unsigned index, std::uint64_t epoch, const char *what) {
    const bool was_enabled = card_.registers.with_ring(index, epoch, [](RingRegisters &ring) { ring.fail(); });
    if (was_enabled)
        card_.bus.guest_error("ring " + std::to_string(index) + ": " + what + "; the ring is disabled");
}

void RingServer::fetch() {
    for (unsigned index = 0; index < K7_RING_MAX; ++index)
        fetch_ring(index);
}

void RingServer::fetch_ring(unsigned index) {
    Queue &queue = queues_[index];
    RingRegisters ring = card_.registers.ring(index);
    if (ring.epoch != queue.epoch)
        queue = {.epoch = ring.epoch, .requests = {}, .running = 0, .unsignalled = 0, .vector = ring.vector};
    while (ring.enabled) {
        const auto pending = static_cast<std::uint32_t>(queue.requests.size()) + queue.running;
        const std::uint32_t room = ring.completion_room() - std::min(ring.completion_room(), pending);
        const std::uint32_t count =
            std::min({ring.submissions(), room, ring.size - ring.sq_head, std::uint32_t{kFetchBatch}});
        if (count == 0)
            return;
        std::array<k7_sqe, kFetchBatch> entries;
        const auto bytes = std::as_writable_bytes(std::span(entries).first(count));
        const std::uint64_t address = ring.sq_base + ring.sq_head * sizeof(k7_sqe);
        const Dma result = ring_dma(index, ring.epoch, [&] { return card_.bus.read(ticket_, address, bytes); });
        if (result == Dma::Failed)
            ring_failed(index, ring.epoch, "the submission ring cannot be read");
        if (result != Dma::Done)
            return;
        for (std::uint32_t i = 0; i < count; ++i)
            accept(queue, {.ring = index, .ring_epoch = ring.epoch, .sqe = entries[i]});
        ring.sq_head = (ring.sq_head + count) & (ring.size - 1);
        if (!card_.registers.with_ring(index, ring.epoch, [&](RingRegisters &r) { r.sq_head = ring.sq_head; }))
            return;
    }
}

// Aborts work on what was fetched before them and did not run yet, so they are looked at here and not in their turn.
void RingServer::accept(Queue &queue, Request request) {
    if (request.sqe.opcode == K7_CMD_ABORT)
        request.aborting = abort_tag(queue, request.sqe.arg[0]);
    else if (request.sqe.opcode == K7_CMD_CHANNEL_CLOSE)
        request.aborting = abort_channel(request.sqe.channel);
    queue.requests.push_back(request);
}

std::uint32_t RingServer::abort_tag(Queue &queue, std::uint32_t tag) {
    const auto found = std::find_if(queue.requests.begin(), queue.requests.end(), [tag](const Request &request) {
        return !request.aborted && request.sqe.tag == tag;
    });
    if (found == queue.requests.end())
        return 0;
    found->aborted = true;
    return 1;
}

std::uint32_t RingServer::abort_channel(std::uint32_t channel) {
    std::uint32_t count = 0;
    for (Queue &queue : queues_)
        for (Request &request : queue.requests)
            if (request.sqe.channel == channel && !request.aborted) {
                request.aborted = true;
                ++count;
            }
    return count;
}

std::optional<Request> RingServer::next() {
    for (unsigned i = 0; i < K7_RING_MAX; ++i) {
        Queue &queue = queues_[turn_];
        turn_ = (turn_ + 1) % K7_RING_MAX;
        if (queue.requests.empty())
            continue;
        Request request = queue.requests.front();
        queue.requests.pop_front();
        ++queue.running;
        return request;
    }
    return std::nullopt;
}

Dma RingServer::read_payload(const Request &request, std::span<std::byte> payload) {
    return ring_dma(request.ring, request.ring_epoch,
                    [&] { return card_.bus.read(ticket_, request.sqe.in_addr, payload); });
}

Dma RingServer::write_payload(const Request &request, std::span<const std::byte> payload) {
    return ring_dma(request.ring, request.ring_epoch,
                    [&] { return card_.bus.write(ticket_, request.sqe.out_addr, payload); });
}

void RingServer::complete(const Request &request, const Completion &completion) {
    Queue &queue = queues_[request.ring];
    if (queue.epoch != request.ring_epoch)
        return; // the ring was disabled meanwhile and the queue is another one
    --queue.running;
    if (card_.faults.take(FaultKind::DropCompletion))
        return;
    const auto has_room = [&] {
        return card_.registers.ring(request.ring).completion_room() >= queue.requests.size() + queue.running + 2;
    };
    const auto write = [&](const Request &told) { return write_completion(told, completion); };
    if (tell_completion(card_.faults, request, has_room, write) && ++queue.unsignalled >= kCoalesce)
        flush();
}

// The slot is taken before it is written: the driver may consume the entry, and say so, as soon as it can see it. The
// last word carries the phase bit and tells the driver that the rest is there, so it goes out last.
bool RingServer::write_completion(const Request &request, const Completion &completion) {
    k7_cqe entry{};
    std::uint64_t address = 0;
    const bool enabled = card_.registers.with_ring(request.ring, request.ring_epoch, [&](RingRegisters &ring) {
        address = ring.cq_base + ring.cq_tail * sizeof(k7_cqe);
        entry.sq_head = static_cast<std::uint16_t>(ring.sq_head);
        entry.phase = ring.phase ? K7_CQE_PHASE : 0;
        ring.cq_tail = (ring.cq_tail + 1) & (ring.size - 1);
        ring.phase = ring.cq_tail == 0 ? !ring.phase : ring.phase;
    });
    if (!enabled)
        return false;
    entry.tag = request.sqe.tag;
    entry.out_len = completion.out_len;
    entry.result = completion.result;
    entry.status = static_cast<std::uint16_t>(completion.status);
    falsify_completion(card_.faults, request.sqe, entry);
    const auto bytes = std::as_bytes(std::span(&entry, 1));
    constexpr std::size_t kLast = offsetof(k7_cqe, status);
    const Dma result = ring_dma(request.ring, request.ring_epoch, [&] {
        const Dma body = card_.bus.write(ticket_, address, bytes.first(kLast));
        if (body != Dma::Done)
            return body;
        std::atomic_thread_fence(std::memory_order_release);
        return card_.bus.write(ticket_, address + kLast, bytes.subspan(kLast));
    });
    if (result == Dma::Failed)
        ring_failed(request.ring, request.ring_epoch, "the completion ring cannot be written");
    return result == Dma::Done;
}

void RingServer::flush() {
    for (Queue &queue : queues_) {
        if (queue.unsignalled != 0)
            card_.bus.completion_interrupt(ticket_, queue.vector);
        queue.unsignalled = 0;
    }
}

} // namespace k7::card
