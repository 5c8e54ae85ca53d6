// SPDX-License-Identifier: GPL-2.0-or-later
//
// The card as a liar: each `fault` value that breaks a rule of docs/card-interface.md breaks exactly that one, as often
// as it is told to, and then the card is honest again.
#include "tests/unit/card_fixture.hpp"

namespace k7::test {
namespace {

constexpr auto kShort = std::chrono::milliseconds(100);

struct Exchange {
    std::uint32_t tag = 0;
    std::vector<k7_cqe> completions;
};

/// A NOP with room for @p room bytes, and the next @p count completions, as raw entries.
Exchange exchange(OperationalCard &card, unsigned count, std::uint32_t tag = 0, std::uint32_t room = 64) {
    k7_sqe entry = card.ring.entry(K7_CMD_NOP);
    entry.tag = tag;
    entry.out_len = room;
    Exchange result;
    result.tag = card.ring.push(entry);
    card.ring.doorbell();
    for (unsigned i = 0; i < count; ++i) {
        const auto completion = card.ring.take();
        if (!completion)
            throw std::runtime_error("a completion is missing");
        result.completions.push_back(*completion);
    }
    return result;
}

void expect_honest(OperationalCard &card) {
    EXPECT_EQ(card.host.get("fault"), "none");
    const Exchange honest = exchange(card, 1);
    EXPECT_EQ(honest.completions[0].tag, honest.tag);
    EXPECT_EQ(honest.completions[0].out_len, 0u);
    EXPECT_EQ(honest.completions[0].status, K7_ST_OK);
    EXPECT_FALSE(card.ring.take(std::chrono::milliseconds(20))) << "one completion each";
}

TEST(CardLies, NumbersAreCheckedAndShown) {
    OperationalCard card;
    for (const char *fault : {"lie-tag:0", "lie-tag:x", "lie-tag:", "slow:all", "slow:600001", "lie-limits:9",
                              "stuck-ring-forever:1", "lie", "gone:0"})
        EXPECT_NE(card.host.set("fault", fault), "") << fault;
    const auto shown = [&](const char *fault) {
        EXPECT_EQ(card.host.set("fault", fault), "") << fault;
        return card.host.get("fault");
    };
    EXPECT_EQ(shown("lie-tag"), "lie-tag:1");
    EXPECT_EQ(shown("lie-tag:7"), "lie-tag:7");
    EXPECT_EQ(shown("lie-tag:all"), "lie-tag:all");
    EXPECT_EQ(shown("slow"), "slow:100");
    EXPECT_EQ(shown("lie-limits"), "lie-limits");
    EXPECT_EQ(shown("lose-irq:all"), "lose-irq");
}

TEST(CardLies, TagNeverUsed) {
    OperationalCard card;
    card.host.set("fault", "lie-tag");
    const Exchange lied = exchange(card, 2);
    EXPECT_EQ(lied.completions[0].tag, ~lied.tag);
    EXPECT_EQ(lied.completions[1].tag, lied.tag);
    expect_honest(card);
}

TEST(CardLies, TagOfAnotherSequence) {
    OperationalCard card;
    card.host.set("fault", "lie-stale-tag:2");
    for (const std::uint32_t tag : {5u, 3u << K7_RING_ENTRIES_MAX_LOG2 | 7u}) {
        const Exchange lied = exchange(card, 2, tag);
        constexpr std::uint32_t kSlot = (1u << K7_RING_ENTRIES_MAX_LOG2) - 1;
        EXPECT_EQ(lied.completions[0].tag & kSlot, tag & kSlot);
        EXPECT_NE(lied.completions[0].tag, tag);
        EXPECT_EQ(lied.completions[1].tag, tag);
    }
    expect_honest(card);
}

TEST(CardLies, Duplicate) {
    OperationalCard card;
    card.host.set("fault", "duplicate:3");
    for (int i = 0; i < 3; ++i) {
        const Exchange lied = exchange(card, 2);
        EXPECT_EQ(lied.completions[0].tag, lied.tag);
        EXPECT_EQ(lied.completions[1].tag, lied.tag);
    }
    expect_honest(card);
}

TEST(CardLies, MoreCompletionsThanRequestsNeverOverwriteOnes) {
    OperationalCard card;
    card.host.set("fault", "duplicate:all");
    // A full ring of submissions needs every slot for true completions: the lies wait for room.
    std::vector<std::uint32_t> tags;
    for (std::uint32_t i = 0; i < card.ring.size() - 1; ++i)
        tags.push_back(card.ring.push(card.ring.entry(K7_CMD_NOP)));
    card.ring.doorbell();
    std::vector<std::uint32_t> seen;
    while (std::count(seen.begin(), seen.end(), tags.back()) == 0) {
        const auto completion = card.ring.take();
        ASSERT_TRUE(completion);
        seen.push_back(completion->tag);
    }
    for (const std::uint32_t tag : tags)
        EXPECT_GE(std::count(seen.begin(), seen.end(), tag), 1) << tag;
}

TEST(CardLies, LengthBeyondTheRoom) {
    OperationalCard card;
    const std::uint64_t reply = card.ring.reply_address();
    card.host.poke(reply, Bytes(256, std::byte{0x5a}));
    card.host.set("fault", "lie-length:2");
    EXPECT_EQ(exchange(card, 1, 0, 100).completions[0].out_len, UINT32_MAX);
    EXPECT_EQ(exchange(card, 1, 0, 100).completions[0].out_len, 101u);
    EXPECT_EQ(card.host.peek(reply, 256), Bytes(256, std::byte{0x5a})) << "nothing was written";
    expect_honest(card);
}

TEST(CardLies, CompletionThatCannotBeSeen) {
    OperationalCard card;
    card.host.set("fault", "lie-phase");
    const std::uint32_t hidden = card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    EXPECT_FALSE(card.ring.take(kShort));
    const std::uint32_t seen = card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    const auto entry_at = [&](unsigned slot) { return card.host.peek<k7_cqe>(card.ring.cq() + slot * sizeof(k7_cqe)); };
    ASSERT_TRUE(eventually([&] { return (entry_at(1).phase & K7_CQE_PHASE) != 0; }));
    EXPECT_EQ(entry_at(0).tag, hidden);
    EXPECT_EQ(entry_at(0).phase & K7_CQE_PHASE, 0u);
    EXPECT_EQ(entry_at(1).tag, seen);
    EXPECT_TRUE(card.ring.disable());
    EXPECT_EQ(card.ring.enable(), K7_RING_ENABLED);
    expect_honest(card);
}

TEST(CardLies, UnknownStatusAndNonsenseHead) {
    OperationalCard card;
    card.host.set("fault", "lie-status");
    const Exchange status = exchange(card, 1);
    EXPECT_EQ(status.completions[0].status, 0xffff);
    EXPECT_EQ(status.completions[0].tag, status.tag);
    card.host.set("fault", "lie-sq-head");
    EXPECT_GE(exchange(card, 1).completions[0].sq_head, card.ring.size());
    expect_honest(card);
}

TEST(CardLies, StormRaisesTheVectorsOfEventsAndRings) {
    OperationalCard card;
    wait_parked(card); // nobody holds a gate, which would join interrupts that wait (card/bus.hpp)
    const auto total = [&] { return card.host.interrupts(K7_VECTOR_EVENTS) + card.host.interrupts(K7_VECTOR_RING(0)); };
    const unsigned before = total();
    card.host.set("fault", "storm:5000");
    ASSERT_TRUE(eventually([&] { return card.host.get("fault") == "none"; }));
    ASSERT_TRUE(eventually([&] { return total() == before + 5000; }));
    EXPECT_EQ(card.host.interrupts(K7_VECTOR_EVENTS), 2500u);
    EXPECT_EQ(card.host.interrupts(K7_VECTOR_RING(1)), 0u) << "a ring that is not enabled has no interrupt";

    card.host.set("fault", "storm");
    ASSERT_TRUE(eventually([&] { return total() > before + 6000; })) << "it does not end by itself";
    EXPECT_EQ(card.host.mailbox(K7_BOOT_IDENTIFY).status, K7_ST_OK) << "the boot loader lives";
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
    card.host.set("fault", "none");
    card.host.mailbox(K7_BOOT_IDENTIFY); // the storm is played by the boot loader, so now it has ended
    const unsigned ended = total();
    std::this_thread::sleep_for(kShort);
    EXPECT_LE(total(), ended + 3) << "at most that of the NOP above, and one of each vector that waited meanwhile";
    expect_honest(card);
}

TEST(CardLies, StormGoesOnAfterAReset) {
    OperationalCard card;
    card.host.set("fault", "storm");
    card.restart();
    const unsigned before = card.host.interrupts(K7_VECTOR_RING(0));
    EXPECT_TRUE(eventually([&] { return card.host.interrupts(K7_VECTOR_RING(0)) > before + 10; }));
    card.host.reset(K7CARD_RESET_POWER);
    EXPECT_EQ(card.host.get("fault"), "none");
}

TEST(CardLies, EventsAreSetAgainWhenTheyAreCleared) {
    OperationalCard card;
    card.host.write(K7_REG_EVENT_MASK, K7_EVENT_ALL);
    card.host.set("fault", "storm-events:3");
    ASSERT_TRUE(eventually([&] { return card.host.read(K7_REG_EVENT_STATUS) == K7_EVENT_ALL; }));
    for (int i = 0; i < 3; ++i) {
        const unsigned interrupts = card.host.interrupts(K7_VECTOR_EVENTS);
        card.host.write(K7_REG_EVENT_STATUS, K7_EVENT_ALL);
        EXPECT_EQ(card.host.read(K7_REG_EVENT_STATUS), K7_EVENT_ALL) << i;
        EXPECT_TRUE(eventually([&] { return card.host.interrupts(K7_VECTOR_EVENTS) > interrupts; })) << i;
    }
    card.host.write(K7_REG_EVENT_STATUS, K7_EVENT_ALL);
    EXPECT_EQ(card.host.read(K7_REG_EVENT_STATUS), 0u);
    expect_honest(card);
}

TEST(CardLies, StuckRingUntilAFunctionOrBusReset) {
    OperationalCard card;
    card.host.set("fault", "stuck-ring:1");
    card.ring.write(K7_RING_CONTROL, 0);
    EXPECT_EQ(card.ring.read(K7_RING_STATUS), K7_RING_ENABLED);
    EXPECT_EQ(card.host.get("fault"), "none");
    card.ring.write(K7_RING_CONTROL, 0);
    EXPECT_EQ(card.host.mailbox(K7_BOOT_STOP_FIRMWARE).status, K7_ST_OK);
    EXPECT_EQ(card.ring.read(K7_RING_STATUS), K7_RING_ENABLED) << "whatever the firmware does";
    const std::uint32_t generation = card.host.read(K7_REG_GENERATION);
    EXPECT_EQ(card.host.mailbox(K7_BOOT_RESET).status, K7_ST_OK);
    ASSERT_TRUE(eventually([&] { return card.host.read(K7_REG_GENERATION) >= generation + 2; }));
    EXPECT_EQ(card.ring.read(K7_RING_STATUS), K7_RING_ENABLED) << "whatever the boot loader does";
    const unsigned dma = card.host.dma_accesses();
    card.ring.doorbell();
    std::this_thread::sleep_for(kShort);
    EXPECT_EQ(card.host.dma_accesses(), dma) << "it lies, it does no DMA";
    card.restart();
    expect_honest(card);
}

TEST(CardLies, StuckRingForeverUntilPowerOff) {
    OperationalCard card;
    card.host.set("fault", "stuck-ring-forever");
    card.ring.write(K7_RING_CONTROL, 0);
    for (const k7card_reset_kind kind : {K7CARD_RESET_FLR, K7CARD_RESET_BUS}) {
        card.host.reset(kind);
        EXPECT_EQ(card.ring.read(K7_RING_STATUS), K7_RING_ENABLED);
    }
    card.host.reset(K7CARD_RESET_POWER);
    EXPECT_EQ(card.ring.read(K7_RING_STATUS), 0u);
    card.start();
    expect_honest(card);
}

TEST(CardLies, SlowFirmwareLivesAndKeepsTheOrder) {
    OperationalCard card(Properties{{"watchdog-ms", "2500"}});
    card.host.set("fault", "slow:3000");
    const auto begin = std::chrono::steady_clock::now();
    const std::uint32_t first = card.ring.push(card.ring.entry(K7_CMD_NOP));
    const std::uint32_t second = card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    EXPECT_EQ(card.ring.take()->tag, first);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(3000));
    EXPECT_EQ(card.ring.take()->tag, second);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(6000));
    EXPECT_EQ(card.host.state(), static_cast<std::uint32_t>(K7_STATE_OPERATIONAL)) << "longer than the watchdog, twice";
    EXPECT_EQ(card.host.get("fault"), "slow:3000");
    card.host.set("fault", "none");
    expect_honest(card);
}

TEST(CardLies, AbortTakesBackARequestThatWaitsBehindASlowOne) {
    OperationalCard card;
    card.host.set("fault", "slow:500");
    const std::uint32_t running = card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    std::this_thread::sleep_for(kShort);
    const std::uint32_t waiting = card.ring.push(card.ring.entry(K7_CMD_GET_RANDOM, {}, 32));
    const std::uint32_t abort = card.ring.push(card.ring.entry(K7_CMD_ABORT, {}, waiting));
    card.ring.doorbell();
    const auto first = card.ring.take();
    EXPECT_EQ(first->tag, running);
    EXPECT_EQ(first->status, K7_ST_OK);
    const auto aborted = card.ring.take();
    EXPECT_EQ(aborted->tag, waiting);
    EXPECT_EQ(aborted->status, K7_ST_ABORTED);
    const auto told = card.ring.take();
    EXPECT_EQ(told->tag, abort);
    EXPECT_EQ(told->status, K7_ST_OK);
    EXPECT_EQ(told->result, 1u);
}

TEST(CardLies, SlowFirmwareCanBeStopped) {
    OperationalCard card;
    card.host.set("fault", "slow:600000");
    card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    std::this_thread::sleep_for(kShort);
    EXPECT_EQ(card.host.mailbox(K7_BOOT_STOP_FIRMWARE).status, K7_ST_OK);
    card.restart();
    card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    std::this_thread::sleep_for(kShort);
    card.host.set("fault", "none");
    EXPECT_TRUE(card.ring.take()) << "clearing the fault ends the wait";
}

TEST(CardLies, Identity) {
    CardHost host(Properties{{"fault", "lie-identity"}});
    ASSERT_TRUE(host.wait_state(K7_STATE_OPERATIONAL));
    EXPECT_NE(host.read(K7_REG_MAGIC), K7_MAGIC);
    EXPECT_NE(host.read(K7_REG_MAGIC), 0xffffffff);
    host.set("fault", "lie-identity:1");
    EXPECT_NE(host.read(K7_REG_MAGIC), K7_MAGIC);
    EXPECT_EQ(host.read(K7_REG_MAGIC), K7_MAGIC);
}

TEST(CardLies, Limits) {
    CardHost host(Properties{{"fault", "lie-limits"}});
    EXPECT_EQ(K7_LIMITS_RINGS(host.read(K7_REG_LIMITS)), 0u);
    EXPECT_EQ(K7_LIMITS_ENTRIES_LOG2(host.read(K7_REG_LIMITS)), 31u);
    EXPECT_EQ(host.read(K7_REG_PAYLOAD_MAX), 0u);
    EXPECT_EQ(host.read(K7_REG_CHANNEL_MAX), 0u);
    EXPECT_EQ(host.read(K7_REG_BULK_MAX), 0xfffffff0);
    const std::array<std::uint32_t, 4> registers{K7_REG_LIMITS, K7_REG_PAYLOAD_MAX, K7_REG_CHANNEL_MAX,
                                                 K7_REG_BULK_MAX};
    host.set("fault", "none");
    std::array<std::uint32_t, 4> honest{};
    for (std::size_t i = 0; i < registers.size(); ++i)
        honest[i] = host.read(registers[i]);
    for (int variant = 1; variant <= 8; ++variant) {
        ASSERT_EQ(host.set("fault", "lie-limits:" + std::to_string(variant)), "");
        int lies = 0;
        for (std::size_t i = 0; i < registers.size(); ++i)
            lies += host.read(registers[i]) != honest[i];
        EXPECT_EQ(lies, 1) << "variant " << variant;
    }
}

TEST(CardLies, State) {
    OperationalCard card;
    card.host.set("fault", "lie-state");
    EXPECT_GT(card.host.state(), static_cast<std::uint32_t>(K7_STATE_TAMPERED));
    card.host.set("fault", "lie-state:2");
    card.host.read(K7_REG_STATE);
    card.host.read(K7_REG_STATE);
    EXPECT_EQ(card.host.state(), static_cast<std::uint32_t>(K7_STATE_OPERATIONAL));
    expect_honest(card);
}

TEST(CardLies, MailboxWithAnotherTag) {
    OperationalCard card;
    card.host.set("fault", "lie-tag-mailbox");
    card.host.mailbox_begin(K7_BOOT_IDENTIFY);
    ASSERT_TRUE(eventually([&] { return (card.host.read(K7_REG_MB_STATUS) & K7_MB_BUSY) == 0; }));
    EXPECT_FALSE(card.host.mailbox_end(kShort));
    EXPECT_EQ(card.host.mailbox(K7_BOOT_IDENTIFY).status, K7_ST_OK);
    expect_honest(card);
}

TEST(CardLies, MailboxGarbage) {
    OperationalCard card;
    card.host.set("fault", "mailbox-garbage");
    card.host.mailbox_begin(K7_BOOT_IDENTIFY);
    ASSERT_TRUE(eventually([&] { return (card.host.read(K7_REG_MB_STATUS) & K7_MB_BUSY) == 0; }));
    EXPECT_EQ(card.host.read(K7_REG_MB_LENGTH), 0xfffffff0);
    std::uint32_t ones = 0;
    for (std::uint32_t at = 0; at < K7_MB_DATA_BYTES; at += 4)
        ones += static_cast<std::uint32_t>(std::popcount(card.host.read(K7_REG_MB_DATA + at)));
    EXPECT_GT(ones, K7_MB_DATA_BYTES * 3) << "about half of the bits of a random reply are set";
    EXPECT_LT(ones, K7_MB_DATA_BYTES * 5);
    EXPECT_EQ(card.host.mailbox(K7_BOOT_IDENTIFY).data.size(), sizeof(k7_identity));
    expect_honest(card);
}

TEST(CardLies, GoneForAWhile) {
    OperationalCard card;
    card.host.set("fault", "gone:600000");
    EXPECT_EQ(card.host.read(K7_REG_MAGIC), 0xffffffff);
    EXPECT_EQ(card.host.read(K7_REG_INTX), 0xffffffff);
    card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    card.host.set("fault", "gone:300");
    EXPECT_TRUE(eventually([&] { return card.host.read(K7_REG_MAGIC) == K7_MAGIC; }));
    EXPECT_EQ(card.host.get("fault"), "none");
    EXPECT_FALSE(card.ring.take(kShort)) << "the doorbell was lost";
    EXPECT_EQ(card.ring.read(K7_RING_STATUS), K7_RING_ENABLED) << "a glitch is no reset";
    card.ring.doorbell();
    EXPECT_TRUE(card.ring.take());
    expect_honest(card);
}

TEST(CardIntx, RegisterBelongsToTheHost) {
    OperationalCard card;
    const unsigned errors = card.host.guest_errors();
    EXPECT_EQ(card.host.read(K7_REG_INTX), 0u);
    EXPECT_EQ(card.host.guest_errors(), errors);
}

TEST(CardSensors, ShowTheirProperties) {
    CardHost host(Properties{{"temperature", "-5000"}, {"battery-voltage", "0"}});
    k7_card_state state = host.card_state();
    EXPECT_EQ(static_cast<std::int32_t>(state.temperature_mc), -5000);
    EXPECT_EQ(state.core_mv, 900u) << "a new card";
    EXPECT_EQ(state.battery_mv, 0u) << "no such sensor";
    EXPECT_EQ(host.set("temperature", "91500"), "");
    EXPECT_EQ(host.set("core-voltage", "870"), "");
    EXPECT_EQ(host.set("battery-voltage", "2100"), "");
    state = host.card_state();
    EXPECT_EQ(state.temperature_mc, 91500u);
    EXPECT_EQ(state.core_mv, 870u);
    EXPECT_EQ(state.battery_mv, 2100u);
    EXPECT_EQ(host.get("temperature"), "91500");
    for (const char *value : {"", "warm", "1e3", "-300000", "38 C"})
        EXPECT_NE(host.set("temperature", value), "") << value;
    EXPECT_NE(host.set("core-voltage", "-1"), "");
    EXPECT_THROW(CardHost(Properties{{"battery-voltage", "full"}}), CreateError);
    host.reset(K7CARD_RESET_POWER);
    EXPECT_EQ(host.card_state().temperature_mc, 91500u) << "a reset does not cool it";
}

TEST(CardSensors, OfANewCard) {
    CardHost host;
    const k7_card_state state = host.card_state();
    EXPECT_EQ(state.temperature_mc, 38000u);
    EXPECT_EQ(state.core_mv, 900u);
    EXPECT_EQ(state.battery_mv, 3000u);
}

} // namespace
} // namespace k7::test
