// SPDX-License-Identifier: GPL-2.0-or-later
//
// Command rings: the rules of include/k7/hw.h for an honest driver, and what a hostile one gets.
#include <set>

#include "tests/unit/card_fixture.hpp"

namespace k7::test {
namespace {

constexpr std::uint64_t kNowhere = 0x10; // no memory of the bus

/// One entry that is to fail, and how.
struct BadEntry {
    const char *what;
    k7_status status;
    void (*spoil)(k7_sqe &entry);
};

const std::vector<BadEntry> kBadEntries{
    {"unknown opcode", K7_ST_UNKNOWN_COMMAND, [](k7_sqe &e) { e.opcode = 0x4242; }},
    {"opcode 0", K7_ST_UNKNOWN_COMMAND, [](k7_sqe &e) { e.opcode = 0; }},
    {"flags", K7_ST_BAD_FIELD, [](k7_sqe &e) { e.flags = 2; }},
    {"a list without segments", K7_ST_BAD_FIELD, [](k7_sqe &e) { e.flags = K7_SQE_LIST; }},
    {"segments without a list", K7_ST_BAD_FIELD, [](k7_sqe &e) { e.in_segments = 1; }},
    {"a bulk request in one piece", K7_ST_BAD_LENGTH,
     [](k7_sqe &e) {
         e.opcode = K7_CMD_FM_LOAD_DATA;
         e.in_len = K7_PAYLOAD_MAX + 1;
     }},
    {"reserved", K7_ST_BAD_FIELD, [](k7_sqe &e) { e.reserved[1] = 1; }},
    {"channel", K7_ST_BAD_FIELD, [](k7_sqe &e) { e.channel = K7_CHANNEL_MAX + 1; }},
    {"payload for NOP", K7_ST_BAD_LENGTH, [](k7_sqe &e) { e.in_len = 1; }},
    {"payload of 4 GiB", K7_ST_BAD_LENGTH, [](k7_sqe &e) { e.in_len = 0xffffffff; }},
    {"reply of 4 GiB", K7_ST_BAD_LENGTH, [](k7_sqe &e) { e.out_len = 0xffffffff; }},
    {"random bytes: none", K7_ST_BAD_FIELD, [](k7_sqe &e) { e.opcode = K7_CMD_GET_RANDOM; }},
    {"random bytes: too many", K7_ST_BAD_FIELD,
     [](k7_sqe &e) {
         e.opcode = K7_CMD_GET_RANDOM;
         e.arg[0] = K7_PAYLOAD_MAX + 1;
     }},
    {"random bytes: no room", K7_ST_BAD_LENGTH,
     [](k7_sqe &e) {
         e.opcode = K7_CMD_GET_RANDOM;
         e.arg[0] = 100;
         e.out_len = 99;
     }},
    {"load request too short", K7_ST_BAD_LENGTH,
     [](k7_sqe &e) {
         e.opcode = K7_CMD_FM_LOAD_BEGIN;
         e.in_len = 47;
     }},
    {"request outside of memory", K7_ST_DMA_ERROR,
     [](k7_sqe &e) {
         e.opcode = K7_CMD_FM_CALL;
         e.in_len = 64;
         e.in_addr = kNowhere;
     }},
    {"request at the end of the address space", K7_ST_DMA_ERROR,
     [](k7_sqe &e) {
         e.opcode = K7_CMD_FM_CALL;
         e.in_len = 64;
         e.in_addr = UINT64_MAX - 1;
     }},
    {"reply outside of memory", K7_ST_DMA_ERROR,
     [](k7_sqe &e) {
         e.opcode = K7_CMD_GET_RANDOM;
         e.arg[0] = 16;
         e.out_addr = kNowhere;
     }},
};

TEST(CardRings, HostileEntriesFailAlone) {
    OperationalCard card;
    for (const BadEntry &bad : kBadEntries) {
        k7_sqe entry = card.ring.entry(K7_CMD_NOP);
        bad.spoil(entry);
        card.ring.push(entry);
        card.ring.doorbell();
        const auto completion = card.ring.take();
        ASSERT_TRUE(completion) << bad.what;
        EXPECT_EQ(completion->status, bad.status) << bad.what;
        EXPECT_LE(completion->out_len, std::min<std::uint32_t>(entry.out_len, K7_PAYLOAD_MAX)) << bad.what;
        EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK) << "after: " << bad.what;
    }
}

TEST(CardRings, ErrorsSayWhyInTheReplyAsFarAsThereIsRoom) {
    OperationalCard card;
    k7_sqe entry = card.ring.entry(0x4242);
    EXPECT_EQ(card.ring.send(entry)->text(), "command 16962 is not known");
    entry.out_len = 7;
    EXPECT_EQ(card.ring.send(entry)->text(), "command");
    entry.out_len = 0;
    EXPECT_EQ(card.ring.send(entry)->text(), "");
}

TEST(CardRings, WrapAroundManyTimes) {
    OperationalCard card;
    for (int i = 0; i < 100; ++i) {
        card.ring.push(card.ring.entry(K7_CMD_NOP));
        const std::uint32_t second = card.ring.push(card.ring.entry(K7_CMD_NOP));
        card.ring.doorbell();
        ASSERT_TRUE(card.ring.take());
        const auto completion = card.ring.take();
        ASSERT_TRUE(completion);
        EXPECT_EQ(completion->tag, second);
        EXPECT_EQ(completion->sq_head, card.ring.read(K7_RING_SQ_HEAD));
    }
    EXPECT_EQ(card.host.guest_errors(), 0u);
    EXPECT_EQ(card.ring.read(K7_RING_CQ_TAIL), card.ring.head());
}

TEST(CardRings, SmallestAndLargest) {
    OperationalCard card;
    for (const std::uint32_t size : {2u, 1024u}) {
        Ring ring(card.host, 15, size);
        ASSERT_EQ(ring.enable(), K7_RING_ENABLED);
        for (std::uint32_t i = 0; i < size + 3; ++i)
            ASSERT_EQ(ring.command(K7_CMD_NOP).status, K7_ST_OK);
        EXPECT_TRUE(ring.disable());
    }
}

// A batch as large as the ring: all of it completes, with fewer interrupts than completions.
TEST(CardRings, FullBatch) {
    OperationalCard card;
    std::set<std::uint32_t> tags;
    for (std::uint32_t i = 0; i < card.ring.size() - 1; ++i)
        tags.insert(card.ring.push(card.ring.entry(K7_CMD_NOP)));
    const unsigned interrupts = card.host.interrupts(K7_VECTOR_RING(0));
    card.ring.doorbell();
    for (std::uint32_t i = 0; i < card.ring.size() - 1; ++i) {
        const auto completion = card.ring.take();
        ASSERT_TRUE(completion);
        EXPECT_EQ(tags.erase(completion->tag), 1u);
    }
    EXPECT_TRUE(eventually([&] { return card.host.interrupts(K7_VECTOR_RING(0)) > interrupts; }));
    EXPECT_LT(card.host.interrupts(K7_VECTOR_RING(0)), interrupts + card.ring.size() - 1);
}

TEST(CardRings, CompletionsThatAreNotConsumedAreNotOverwritten) {
    OperationalCard card;
    for (std::uint32_t i = 0; i < card.ring.size() - 1; ++i)
        card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    std::vector<std::uint32_t> tags;
    for (std::uint32_t i = 0; i < card.ring.size() - 1; ++i)
        tags.push_back(card.ring.take(kPatience, false)->tag);
    // The completion ring is full now, because the card was not told. Nothing more is fetched.
    const std::uint32_t late = card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    EXPECT_FALSE(card.ring.take(std::chrono::milliseconds(50), false));
    EXPECT_EQ(struct_of<k7_cqe>(card.host.peek(card.ring.cq(), sizeof(k7_cqe))).tag, tags.front());
    // Other rings are served meanwhile.
    Ring other(card.host, 1);
    ASSERT_EQ(other.enable(), K7_RING_ENABLED);
    EXPECT_EQ(other.command(K7_CMD_NOP).status, K7_ST_OK);
    card.ring.write(K7_RING_CQ_HEAD, card.ring.head());
    const auto completion = card.ring.take();
    ASSERT_TRUE(completion);
    EXPECT_EQ(completion->tag, late);
}

TEST(CardRings, SetupsThatAreWrongGiveAnError) {
    OperationalCard card;
    Ring ring(card.host, 3);
    const std::vector<std::pair<std::uint32_t, std::uint32_t>> wrong{
        {K7_RING_SIZE, 0},        {K7_RING_SIZE, 1},    {K7_RING_SIZE, 3},           {K7_RING_SIZE, 2048},
        {K7_RING_SIZE, 1u << 31}, {K7_RING_VECTOR, 17}, {K7_RING_SQ_BASE_LO, 0x100}, {K7_RING_CQ_BASE_LO, 0xffc},
    };
    for (const auto &[offset, value] : wrong) {
        ring.set_up();
        ring.write(offset, value);
        ring.write(K7_RING_CONTROL, K7_RING_ENABLE);
        EXPECT_EQ(ring.read(K7_RING_STATUS), K7_RING_ERROR) << offset << " " << value;
        EXPECT_TRUE(ring.disable());
        EXPECT_EQ(ring.read(K7_RING_STATUS), 0u) << "disabling clears the error";
    }
    ring.set_up();
    for (const std::uint32_t base : {K7_RING_SQ_BASE_LO, K7_RING_CQ_BASE_LO}) {
        ring.write(base, 0xfffff000);
        ring.write(base + 4, 0xffffffff);
        ring.write(K7_RING_SIZE, 1024);
        ring.write(K7_RING_CONTROL, K7_RING_ENABLE);
        EXPECT_EQ(ring.read(K7_RING_STATUS), K7_RING_ERROR) << "around the end of the address space";
        ring.set_up();
    }
    EXPECT_EQ(ring.enable(), K7_RING_ENABLED);
    ring.write(K7_RING_SIZE, 2);
    EXPECT_EQ(ring.read(K7_RING_SIZE), 16u) << "the setup of an enabled ring does not change";
}

TEST(CardRings, DoorbellsThatAreWrongAreIgnored) {
    OperationalCard card;
    for (const std::uint32_t value : {16u, 17u, 0x80000000u, 0xffffffffu}) {
        card.ring.write(K7_RING_SQ_TAIL, value);
        card.ring.write(K7_RING_CQ_HEAD, value);
    }
    card.ring.write(K7_RING_CQ_HEAD, 1); // nothing has completed yet
    EXPECT_EQ(card.host.guest_errors(), 9u);
    card.host.write(K7_REG_RING(5) + K7_RING_SQ_TAIL, 1);
    EXPECT_EQ(card.host.guest_errors(), 10u) << "a ring that is disabled";
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
}

TEST(CardRings, RingsOutsideOfMemoryAreDisabledWithAnError) {
    OperationalCard card;
    for (const std::uint32_t base : {K7_RING_SQ_BASE_LO, K7_RING_CQ_BASE_LO}) {
        Ring ring(card.host, 2);
        ring.set_up();
        ring.write(base, 0x10000);
        ring.write(K7_RING_CONTROL, K7_RING_ENABLE);
        ASSERT_EQ(ring.read(K7_RING_STATUS), K7_RING_ENABLED);
        ring.push(ring.entry(K7_CMD_NOP));
        ring.doorbell();
        EXPECT_TRUE(eventually([&] { return ring.read(K7_RING_STATUS) == K7_RING_ERROR; }));
    }
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK) << "other rings do not suffer";
}

TEST(CardRings, DisabledRingsAreNotTouched) {
    OperationalCard card;
    for (int round = 0; round < 30; ++round) {
        for (int i = 0; i < 12; ++i)
            card.ring.push(card.ring.entry(K7_CMD_GET_RANDOM, {}, 0x8000));
        card.ring.doorbell();
        std::this_thread::sleep_for(std::chrono::microseconds(round * 20));
        ASSERT_TRUE(card.ring.disable());
        const unsigned dma = card.host.dma_accesses();
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        ASSERT_EQ(card.host.dma_accesses(), dma);
        ASSERT_EQ(card.ring.enable(), K7_RING_ENABLED);
    }
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
}

TEST(CardRings, AllRingsServe) {
    OperationalCard card;
    for (unsigned index = 1; index < K7_RING_MAX; ++index) {
        Ring ring(card.host, index, 4);
        ASSERT_EQ(ring.enable(), K7_RING_ENABLED);
        EXPECT_EQ(ring.command(K7_CMD_NOP).status, K7_ST_OK);
        EXPECT_TRUE(eventually([&] { return card.host.interrupts(K7_VECTOR_RING(index)) == 1; }));
    }
}

TEST(CardRings, RandomBytesDiffer) {
    OperationalCard card;
    const CommandReply one = card.ring.command(K7_CMD_GET_RANDOM, {}, K7_PAYLOAD_MAX);
    const CommandReply other = card.ring.command(K7_CMD_GET_RANDOM, {}, K7_PAYLOAD_MAX);
    EXPECT_EQ(one.data.size(), static_cast<std::size_t>(K7_PAYLOAD_MAX));
    EXPECT_NE(one.data, other.data);
}

TEST(CardRings, PayloadsAfterAnIdleTime) {
    OperationalCard card(Properties{{"watchdog-ms", "4000"}}); // idle firmware beats each second
    std::vector<Bytes> replies;
    for (int i = 0; i < 3; ++i) {
        replies.push_back(card.ring.command(K7_CMD_GET_RANDOM, {}, K7_PAYLOAD_MAX).data);
        EXPECT_EQ(replies.back().size(), std::size_t{K7_PAYLOAD_MAX});
        const std::uint32_t beats = card.host.read(K7_REG_HEARTBEAT);
        EXPECT_TRUE(eventually([&] { return card.host.read(K7_REG_HEARTBEAT) - beats >= 2; })); // a whole idle round
    }
    EXPECT_NE(replies[0], replies[1]);
    EXPECT_NE(replies[1], replies[2]);
}

// The firmware is kept busy by a call on another ring, so the batch is fetched whole and the aborts find it waiting.
TEST(CardRings, AbortTakesBackWhatDidNotRunYet) {
    OperationalCard card;
    card.load("slow");
    card.restart();
    Ring busy(card.host, 1);
    ASSERT_EQ(busy.enable(), K7_RING_ENABLED);
    busy.push(busy.entry(K7_CMD_FM_CALL, bytes_of("20000000"), 0xa0fa));
    busy.doorbell();
    ASSERT_TRUE(eventually([&] { return busy.read(K7_RING_SQ_HEAD) == 1; }));
    k7_sqe victim = card.ring.entry(K7_CMD_GET_RANDOM, {}, 16);
    victim.tag = 77;
    k7_sqe abort = card.ring.entry(K7_CMD_ABORT, {}, 77);
    k7_sqe of_channel = card.ring.entry(K7_CMD_GET_RANDOM, {}, 16);
    of_channel.channel = 9;
    k7_sqe close = card.ring.entry(K7_CMD_CHANNEL_CLOSE);
    close.channel = 9;
    const k7_sqe nothing = card.ring.entry(K7_CMD_ABORT, {}, 0x12345);
    for (const k7_sqe &entry : {victim, abort, of_channel, close, nothing})
        card.ring.push(entry);
    card.ring.doorbell();
    std::vector<k7_cqe> completions;
    for (int i = 0; i < 5; ++i)
        completions.push_back(card.ring.take().value());
    EXPECT_EQ(completions[0].status, K7_ST_ABORTED);
    EXPECT_EQ(completions[1].result, 1u);
    EXPECT_EQ(completions[2].status, K7_ST_ABORTED);
    EXPECT_EQ(completions[3].result, 1u);
    EXPECT_EQ(completions[4].status, K7_ST_OK);
    EXPECT_EQ(completions[4].result, 0u);
}

} // namespace
} // namespace k7::test
