// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/rings/ring_server.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <string>

#include "card/rings/lies.hpp"

namespace k7::card {

static_assert(sizeof(k7_sqe) == 64);
static_assert(sizeof(k7_cqe) == 32);

void RingServer::ring_failed(unsigned index, std::uint64_t epoch, const char *what) {
    const bool was_enabled = card_.registers.with_ring(index, epoch, [](RingRegisters &ring) { ring.fail(); });
    if (was_enabled)
        card_.bus.guest_error("ring " + std::to_string(index) + ": " + what + "; the ring is disabled");
}

void RingServer::fetch() {
    for (std::uint32_t rung = card_.registers.take_rung(); rung != 0; rung &= rung - 1)
        fetch_ring(static_cast<unsigned>(std::countr_zero(rung)));
}

void RingServer::forget(Queue &queue, const RingRegisters &ring) {
    waiting_ -= static_cast<unsigned>(queue.requests.size());
    queue = {.epoch = ring.epoch, .requests = {}, .running = 0, .unsignalled = 0, .vector = ring.vector};
}

void RingServer::fetch_ring(unsigned index) {
    Queue &queue = queues_[index];
    RingRegisters ring = card_.registers.ring(index);
    if (ring.epoch != queue.epoch)
        forget(queue, ring);
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
        const std::uint32_t head = (ring.sq_head + count) & (ring.size - 1);
        bool fetched = false;
        const Dma result = ring_dma(
            index, ring.epoch, [](RingRegisters &) {}, [&] { return card_.bus.read(ticket_, address, bytes); },
            [&](RingRegisters &registers, Dma dma) {
                fetched = dma == Dma::Done;
                registers.sq_head = fetched ? head : registers.sq_head;
                ring = registers;
            });
        if (result == Dma::Failed)
            ring_failed(index, ring.epoch, "the submission ring cannot be read");
        if (!fetched)
            return;
        for (std::uint32_t i = 0; i < count; ++i)
            accept(queue, {.ring = index, .ring_epoch = ring.epoch, .sqe = entries[i]});
    }
}

// Aborts work on what was fetched before them and did not run yet, so they are looked at here and not in their turn.
void RingServer::accept(Queue &queue, Request request) {
    if (request.sqe.opcode == K7_CMD_ABORT)
        request.aborting = abort_tag(queue, request.sqe.arg[0]);
    else if (request.sqe.opcode == K7_CMD_CHANNEL_CLOSE)
        request.aborting = abort_channel(request.sqe.channel);
    queue.requests.push_back(request);
    ++waiting_;
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

const Request *RingServer::peek() {
    if (waiting_ == 0)
        return nullptr;
    while (queues_[turn_].requests.empty())
        turn_ = (turn_ + 1) % K7_RING_MAX;
    return &queues_[turn_].requests.front();
}

Request RingServer::take() {
    Queue &queue = queues_[turn_];
    const Request request = queue.requests.front();
    queue.requests.pop_front();
    --waiting_;
    ++queue.running;
    turn_ = (turn_ + 1) % K7_RING_MAX;
    return request;
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

// The last word carries the phase bit and tells the driver that the rest is there, so it goes out last.
bool RingServer::write_completion(const Request &request, const Completion &completion) {
    k7_cqe entry{};
    entry.tag = request.sqe.tag;
    entry.out_len = completion.out_len;
    entry.result = completion.result;
    entry.status = static_cast<std::uint16_t>(completion.status);
    std::uint64_t address = 0;
    const auto take_slot = [&](RingRegisters &ring) {
        entry.sq_head = static_cast<std::uint16_t>(ring.sq_head);
        entry.phase = ring.phase ? K7_CQE_PHASE : 0;
        address = ring.cq_base + ring.take_completion() * sizeof(k7_cqe);
        falsify_completion(card_.faults, request.sqe, entry);
    };
    const auto bytes = std::as_bytes(std::span(&entry, 1));
    constexpr std::size_t kLast = offsetof(k7_cqe, status);
    const auto write = [&] {
        const Dma body = card_.bus.write(ticket_, address, bytes.first(kLast));
        if (body != Dma::Done)
            return body;
        std::atomic_thread_fence(std::memory_order_release);
        return card_.bus.write(ticket_, address + kLast, bytes.subspan(kLast));
    };
    const Dma result = ring_dma(request.ring, request.ring_epoch, take_slot, write,
                                [](RingRegisters &ring, Dma) { ring.written = ring.taken; });
    if (result == Dma::Failed)
        ring_failed(request.ring, request.ring_epoch, "the completion ring cannot be written");
    return result == Dma::Done;
}

void RingServer::flush() {
    for (unsigned index = 0; index < K7_RING_MAX; ++index) {
        Queue &queue = queues_[index];
        if (queue.unsignalled == 0)
            continue;
        queue.unsignalled = 0;
        bool due = false;
        card_.registers.with_ring(index, queue.epoch, [&](RingRegisters &ring) { due = ring.take_interrupt(); });
        if (due)
            card_.bus.completion_interrupt(ticket_, queue.vector);
    }
}

} // namespace k7::card
