// SPDX-License-Identifier: GPL-2.0-or-later
//
// The request payload's way in: one piece, or a list of pieces. A list is the driver's, so it is copied once and only
// the copy is looked at.
#include <algorithm>
#include <numeric>

#include "card/error.hpp"
#include "card/rings/ring_server.hpp"

namespace k7::card {
namespace {

static_assert(sizeof(k7_segment) == 16);

/// What one DMA copies at most: a reset waits for no more than that.
constexpr std::size_t kCopyMax = K7_PAYLOAD_MAX;

} // namespace

void RingServer::read_payload(const Request &request, std::span<std::byte> payload) {
    if ((request.sqe.flags & K7_SQE_LIST) == 0)
        return read_piece(request, request.sqe.in_addr, payload);
    std::size_t at = 0;
    for (const k7_segment &segment : read_segments(request)) {
        read_piece(request, segment.addr, payload.subspan(at, segment.len));
        at += segment.len;
    }
}

std::vector<k7_segment> RingServer::read_segments(const Request &request) {
    std::vector<k7_segment> segments(request.sqe.in_segments);
    read_piece(request, request.sqe.in_addr, std::as_writable_bytes(std::span(segments)));
    const auto is_bad = [](const k7_segment &segment) { return segment.len == 0 || segment.reserved != 0; };
    if (std::any_of(segments.begin(), segments.end(), is_bad))
        throw Error(K7_ST_BAD_FIELD, "a segment of the request payload is empty or has a reserved field set");
    const auto add = [](std::uint64_t sum, const k7_segment &segment) { return sum + segment.len; };
    const std::uint64_t sum = std::accumulate(segments.begin(), segments.end(), std::uint64_t{0}, add);
    if (sum != request.sqe.in_len)
        throw Error(K7_ST_BAD_LENGTH, "the segments of the request payload have " + std::to_string(sum) +
                                          " bytes, the request says " + std::to_string(request.sqe.in_len));
    return segments;
}

void RingServer::read_piece(const Request &request, std::uint64_t address, std::span<std::byte> bytes) {
    if (bytes.size() > UINT64_MAX - address)
        throw Error(K7_ST_DMA_ERROR, "the request payload wraps around the end of the address space");
    while (!bytes.empty()) {
        const auto piece = bytes.first(std::min(bytes.size(), kCopyMax));
        const auto read = [&] { return card_.bus.read(ticket_, address, piece); };
        if (ring_dma(request.ring, request.ring_epoch, read) != Dma::Done)
            throw Error(K7_ST_DMA_ERROR, "the request payload cannot be read");
        address += piece.size();
        bytes = bytes.subspan(piece.size());
    }
}

} // namespace k7::card
