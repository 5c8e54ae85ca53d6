// SPDX-License-Identifier: GPL-2.0-or-later
//
// The firmware's side of the command rings: fetches submissions, moves payloads, writes completions. The other side is
// a guest's memory, so entries are copied once and only the copy is looked at, and each DMA's result is checked.
//
// Used by one thread at a time: the firmware's, or one that rings a doorbell while the firmware's is parked
// (Registers::park()). So whoever does DMA holds up no other thread that serves. A submission is fetched only when its
// completion has room, so that nothing ever waits for one driver while other rings have work.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "card/context.hpp"
#include "k7/hw.h"

namespace k7::card {

/// A submission that was fetched.
struct Request {
    unsigned ring = 0;
    std::uint64_t ring_epoch = 0;
    k7_sqe sqe{};
    bool aborted = false;       ///< to be completed without being run
    std::uint32_t aborting = 0; ///< ABORT and CHANNEL_CLOSE: requests that this one has aborted
};

struct Completion {
    k7_status status = K7_ST_OK;
    std::uint32_t result = 0;
    std::uint32_t out_len = 0;
};

class RingServer {
  public:
    RingServer(Context &card, Gate::Ticket ticket) : card_(card), ticket_(ticket) {}

    /// Fetch the submissions that wait in the rings that rang, and have room to complete.
    void fetch();
    /// The next request, taking the rings in turn; nothing when none waits.
    [[nodiscard]] const Request *peek();
    /// Take the request that peek() has shown.
    Request take();

    /// Read the request payload, whole or as the list says. @p payload has in_len bytes. @throws Error DMA_ERROR; of
    /// a list that is wrong BAD_FIELD or BAD_LENGTH
    void read_payload(const Request &request, std::span<std::byte> payload);
    Dma write_payload(const Request &request, std::span<const std::byte> payload);

    /// Write the completion. Its interrupt may wait for more completions, until flush().
    void complete(const Request &request, const Completion &completion);
    /// Send the interrupts of completions that were written.
    void flush();

  private:
    static constexpr unsigned kFetchBatch = 16;
    static constexpr unsigned kCoalesce = 16; ///< completions that share an interrupt at most

    struct Queue {
        std::uint64_t epoch = 0;
        std::deque<Request> requests; ///< fetched, not completed
        std::uint32_t running = 0;    ///< taken by next(), not completed
        unsigned unsignalled = 0;     ///< completions that were not looked at for an interrupt so far
        unsigned vector = 0;
    };

    void fetch_ring(unsigned index);
    /// What was fetched before the ring was disabled.
    void forget(Queue &queue, const RingRegisters &ring);
    [[nodiscard]] std::vector<k7_segment> read_segments(const Request &request);
    void read_piece(const Request &request, std::uint64_t address, std::span<std::byte> bytes);
    void accept(Queue &queue, Request request);
    std::uint32_t abort_tag(Queue &queue, std::uint32_t tag);
    std::uint32_t abort_channel(std::uint32_t channel);
    bool write_completion(const Request &request, const Completion &completion);
    void ring_failed(unsigned index, std::uint64_t epoch, const char *what);
    /// ENABLED must stay set while DMA for the ring runs, and no DMA may begin once the ring is disabled. @p before and
    /// @p after run on the ring's registers, @p after unless the ring was disabled meanwhile.
    template <class Before, class Transfer, class After>
    Dma ring_dma(unsigned index, std::uint64_t epoch, Before &&before, Transfer &&transfer, After &&after) {
        const auto begin = [&](RingRegisters &ring) {
            before(ring);
            ++ring.dma_running;
        };
        if (!card_.registers.with_ring(index, epoch, begin))
            return Dma::Revoked;
        const Dma result = transfer();
        card_.registers.end_ring_dma(index, epoch, [&](RingRegisters &ring) { after(ring, result); });
        return result;
    }
    template <class Transfer>
    Dma ring_dma(unsigned index, std::uint64_t epoch, Transfer &&transfer) {
        return ring_dma(
            index, epoch, [](RingRegisters &) {}, transfer, [](RingRegisters &, Dma) {});
    }

    Context &card_;
    const Gate::Ticket ticket_;
    std::array<Queue, K7_RING_MAX> queues_;
    unsigned turn_ = 0;    ///< the ring that is looked at first
    unsigned waiting_ = 0; ///< requests in all queues
};

} // namespace k7::card
