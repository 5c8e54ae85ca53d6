// SPDX-License-Identifier: GPL-2.0-or-later
//
// Request payloads in pieces: K7_SQE_LIST, good and hostile.
#include <numeric>

#include "tests/unit/card_fixture.hpp"

namespace k7::test {
namespace {

using Segments = std::vector<k7_segment>;

class CardLists : public testing::Test {
  protected:
    CardLists() : list_(card.host.allocate(2 * K7_SEGMENTS_MAX * sizeof(k7_segment))) {}

    k7_sqe entry(std::uint16_t opcode, const Segments &segments, std::uint32_t arg0 = 0) {
        card.host.poke(list_, std::as_bytes(std::span(segments)));
        k7_sqe sqe = card.ring.entry(opcode, {}, arg0);
        sqe.flags = K7_SQE_LIST;
        sqe.in_addr = list_;
        sqe.in_segments = static_cast<std::uint32_t>(segments.size());
        for (const k7_segment &segment : segments)
            sqe.in_len += segment.len;
        return sqe;
    }
    k7_status status_of(const k7_sqe &sqe) { return card.ring.send(sqe).value().status; }

    /// @p bytes in bus memory, cut into pieces of @p size, each somewhere else.
    Segments scatter(const Bytes &bytes, std::size_t size) {
        const std::size_t pieces = (bytes.size() + size - 1) / size;
        const std::uint64_t base = card.host.allocate(pieces * size);
        Segments segments;
        for (std::size_t i = 0; i < pieces; ++i) {
            const auto piece = std::span(bytes).subspan(i * size, std::min(size, bytes.size() - i * size));
            const std::uint64_t address = base + (pieces - 1 - i) * size; // backwards
            card.host.poke(address, piece);
            segments.push_back({address, static_cast<std::uint32_t>(piece.size()), 0});
        }
        return segments;
    }

    OperationalCard card;
    std::uint64_t list_;
};

TEST_F(CardLists, AnImageInOneRequest) {
    const Bytes image = image_of("big");
    ASSERT_EQ(card.load_begin(image.size(), signer().certificate()).status, K7_ST_OK);
    ASSERT_EQ(status_of(entry(K7_CMD_FM_LOAD_DATA, scatter(image, 4096))), K7_ST_OK);
    const CommandReply reply = card.ring.command(K7_CMD_FM_LOAD_COMMIT);
    EXPECT_EQ(reply.status, K7_ST_OK) << reply.text();
    card.restart();
    EXPECT_EQ(card.call(0xa0f8, "fill").text(), "filled 2031616 bytes");
}

TEST_F(CardLists, PiecesOfAnySize) {
    card.load("echo");
    card.restart();
    const Bytes request = card.ring.command(K7_CMD_GET_RANDOM, {}, 1000).data;
    for (const std::size_t size : {1u, 3u, 64u, 999u, 1000u, 4096u}) {
        const auto reply = card.ring.send(entry(K7_CMD_FM_CALL, scatter(request, size), kEcho));
        EXPECT_EQ(reply.value().data, request) << size;
    }
}

// What the card had of an upload is intact after a request that failed.
TEST_F(CardLists, TheLargestAndOneMore) {
    ASSERT_EQ(card.load_begin(K7_FM_IMAGE_MAX, {}).status, K7_ST_OK);
    const Bytes half(K7_BULK_MAX / 2, std::byte{'x'});
    Segments segments = scatter(half, 65536);
    segments.insert(segments.end(), segments.begin(), segments.end());
    Segments more = segments;
    more.push_back({segments[0].addr, 1, 0});
    EXPECT_EQ(status_of(entry(K7_CMD_FM_LOAD_DATA, more)), K7_ST_BAD_LENGTH);
    EXPECT_EQ(status_of(entry(K7_CMD_FM_LOAD_DATA, segments)), K7_ST_OK);
    EXPECT_EQ(status_of(entry(K7_CMD_FM_LOAD_DATA, {{segments[0].addr, 1, 0}}, K7_FM_IMAGE_MAX)), K7_ST_BAD_LENGTH)
        << "the image is complete";
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_COMMIT).status, K7_ST_IMAGE_FORMAT);
}

TEST_F(CardLists, WrongUploadsAreRefusedAfterTheirPayloadWasRead) {
    const Segments segments = scatter(Bytes(100, std::byte{'x'}), 10);
    EXPECT_EQ(status_of(entry(K7_CMD_FM_LOAD_DATA, segments)), K7_ST_NOT_FOUND);
    ASSERT_EQ(card.load_begin(99, {}).status, K7_ST_OK);
    EXPECT_EQ(status_of(entry(K7_CMD_FM_LOAD_DATA, segments)), K7_ST_BAD_LENGTH);
    EXPECT_EQ(status_of(entry(K7_CMD_FM_LOAD_DATA, segments, 1)), K7_ST_BAD_FIELD);
    k7_sqe other = entry(K7_CMD_FM_LOAD_DATA, segments);
    other.channel = 2;
    EXPECT_EQ(status_of(other), K7_ST_BUSY);
    Segments nowhere = segments;
    nowhere.pop_back();
    nowhere.back().addr = 0x10;
    EXPECT_EQ(status_of(entry(K7_CMD_FM_LOAD_DATA, nowhere)), K7_ST_DMA_ERROR);
    EXPECT_EQ(status_of(entry(K7_CMD_FM_LOAD_DATA, {{segments[0].addr, 99, 0}})), K7_ST_OK);
}

struct BadList {
    const char *what;
    k7_status status;
    void (*spoil)(k7_sqe &entry, Segments &segments);
};

const std::vector<BadList> kBadLists{
    {"no segments", K7_ST_BAD_FIELD, [](k7_sqe &e, Segments &) { e.in_segments = 0; }},
    {"too many segments", K7_ST_BAD_FIELD, [](k7_sqe &e, Segments &) { e.in_segments = K7_SEGMENTS_MAX + 1; }},
    {"2^32 - 1 segments", K7_ST_BAD_FIELD, [](k7_sqe &e, Segments &) { e.in_segments = UINT32_MAX; }},
    {"list unaligned", K7_ST_BAD_FIELD, [](k7_sqe &e, Segments &) { e.in_addr += 4; }},
    {"list nowhere", K7_ST_DMA_ERROR, [](k7_sqe &e, Segments &) { e.in_addr = 0x10; }},
    {"list at the end of the address space", K7_ST_DMA_ERROR,
     [](k7_sqe &e, Segments &) { e.in_addr = UINT64_MAX - 7; }},
    {"empty segment", K7_ST_BAD_FIELD, [](k7_sqe &, Segments &s) { s[1].len = 0; }},
    {"reserved field", K7_ST_BAD_FIELD, [](k7_sqe &, Segments &s) { s[2].reserved = 1; }},
    {"sum too small", K7_ST_BAD_LENGTH, [](k7_sqe &e, Segments &) { ++e.in_len; }},
    {"sum too large", K7_ST_BAD_LENGTH, [](k7_sqe &e, Segments &) { --e.in_len; }},
    {"sum that wraps to the right value", K7_ST_BAD_LENGTH,
     [](k7_sqe &, Segments &s) {
         s[0].len += 0x80000000u;
         s[1].len += 0x80000000u;
     }},
    {"segment nowhere", K7_ST_DMA_ERROR, [](k7_sqe &, Segments &s) { s[1].addr = 0x10; }},
    {"segment around the end of the address space", K7_ST_DMA_ERROR,
     [](k7_sqe &, Segments &s) { s[1].addr = UINT64_MAX - 1; }},
    {"more than the command takes", K7_ST_BAD_LENGTH, [](k7_sqe &e, Segments &) { e.in_len = K7_PAYLOAD_MAX + 1; }},
    {"a list for a command without payload", K7_ST_BAD_LENGTH, [](k7_sqe &e, Segments &) { e.opcode = K7_CMD_NOP; }},
    {"4 GiB", K7_ST_BAD_LENGTH, [](k7_sqe &e, Segments &) { e.in_len = UINT32_MAX; }},
};

TEST_F(CardLists, HostileListsFailAlone) {
    card.load("echo");
    card.restart();
    const Segments good = scatter(Bytes(30, std::byte{'x'}), 10);
    for (const BadList &bad : kBadLists) {
        Segments segments = good;
        k7_sqe sqe = entry(K7_CMD_FM_CALL, segments, kEcho);
        bad.spoil(sqe, segments);
        card.host.poke(list_, std::as_bytes(std::span(segments)));
        const auto reply = card.ring.send(sqe);
        ASSERT_TRUE(reply) << bad.what;
        EXPECT_EQ(reply->status, bad.status) << bad.what << ": " << reply->text();
        EXPECT_EQ(status_of(entry(K7_CMD_FM_CALL, good, kEcho)), K7_ST_OK) << "after: " << bad.what;
    }
    EXPECT_EQ(card.host.guest_errors(), 0u);
}

} // namespace
} // namespace k7::test
