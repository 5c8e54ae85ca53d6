// SPDX-License-Identifier: GPL-2.0-or-later
//
// Resets: nothing of before happens after, and the card comes back by itself.
#include "tests/unit/card_fixture.hpp"

namespace k7::test {
namespace {

std::string kind_name(const testing::TestParamInfo<k7card_reset_kind> &kind) {
    constexpr std::array kNames{"Power", "Bus", "Flr"};
    return kNames.at(kind.param);
}

class CardReset : public testing::TestWithParam<k7card_reset_kind> {};

TEST_P(CardReset, ClearsTheRegistersAndStartsAnew) {
    OperationalCard card;
    const std::uint32_t generation = card.host.read(K7_REG_GENERATION);
    card.host.write(K7_REG_EVENT_MASK, K7_EVENT_ALL);
    card.host.mailbox(K7_BOOT_STATE);
    card.host.reset(GetParam());
    EXPECT_EQ(card.host.read(K7_REG_EVENT_MASK), 0u);
    EXPECT_EQ(card.ring.read(K7_RING_STATUS), 0u);
    EXPECT_EQ(card.ring.read(K7_RING_SQ_BASE_LO), 0u);
    EXPECT_EQ(card.ring.read(K7_RING_SIZE), 0u);
    EXPECT_EQ(card.host.read(K7_REG_MB_STATUS), 0u);
    EXPECT_EQ(card.host.read(K7_REG_MB_LENGTH), 0u);
    EXPECT_EQ(card.host.read(K7_REG_MB_DATA), 0u);
    EXPECT_GT(card.host.read(K7_REG_GENERATION), generation);
    card.start();
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
    EXPECT_TRUE(card.host.read(K7_REG_EVENT_STATUS) & K7_EVENT_STATE);
}

TEST_P(CardReset, EndsACallAtOnce) {
    OperationalCard card;
    card.load("slow");
    card.restart();
    card.ring.push(card.ring.entry(K7_CMD_FM_CALL, bytes_of("400000000"), 0xa0fa));
    card.ring.doorbell();
    ASSERT_TRUE(eventually([&] { return card.ring.read(K7_RING_SQ_HEAD) == 1; }));
    const auto before = std::chrono::steady_clock::now();
    card.host.reset(GetParam());
    EXPECT_EQ(card.ring.read(K7_RING_STATUS), 0u);
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(10)) << "the reset waits for nothing";
    const unsigned interrupts = card.host.interrupts(K7_VECTOR_RING(0));
    const unsigned dma = card.host.dma_accesses();
    ASSERT_TRUE(card.host.wait_state(K7_STATE_OPERATIONAL));
    EXPECT_EQ(card.host.interrupts(K7_VECTOR_RING(0)), interrupts);
    EXPECT_EQ(card.host.dma_accesses(), dma);
    EXPECT_EQ(card.host.read(K7_REG_FAULT_SEQUENCE), 0u) << "a reset is no fault";
}

INSTANTIATE_TEST_SUITE_P(Kinds, CardReset, testing::Values(K7CARD_RESET_POWER, K7CARD_RESET_BUS, K7CARD_RESET_FLR),
                         kind_name);

TEST(CardResets, PowerClearsWhatABusResetKeeps) {
    CardHost host;
    host.set("fault", "lose-irq");
    host.reset(K7CARD_RESET_BUS);
    host.reset(K7CARD_RESET_FLR);
    EXPECT_EQ(host.get("fault"), "lose-irq");
    EXPECT_EQ(host.card_state().resets, 2u);
    host.reset(K7CARD_RESET_POWER);
    EXPECT_EQ(host.get("fault"), "none");
    EXPECT_EQ(host.card_state().resets, 0u);
}

TEST(CardResets, MailboxResetAnswersFirst) {
    OperationalCard card;
    const std::uint32_t generation = card.host.read(K7_REG_GENERATION);
    const MailboxReply reply = card.host.mailbox(K7_BOOT_RESET, K7_BOOT_MODE_OPERATIONAL);
    EXPECT_EQ(reply.status, K7_ST_OK);
    EXPECT_TRUE(eventually([&] { return card.host.read(K7_REG_GENERATION) >= generation + 2; }));
    EXPECT_NE(card.host.read(K7_REG_MB_STATUS), 0u) << "the answer stays";
    card.start();
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
}

// The rule of k7card_reset(): no DMA and no interrupt of before. Resets come at random moments of busy rings; the host
// counts what happens between a reset and the next enabling of a ring.
TEST(CardResets, NothingOfBeforeHappensAfterwards) {
    OperationalCard card;
    std::atomic<bool> forbidden{false};
    std::atomic<unsigned> violations{0};
    card.host.on_dma = [&] { violations += forbidden ? 1 : 0; };
    card.host.on_interrupt = [&](unsigned) { violations += forbidden ? 1 : 0; };
    for (int round = 0; round < 50; ++round) {
        card.host.write(K7_REG_EVENT_MASK, K7_EVENT_ALL);
        for (int i = 0; i < 10; ++i)
            card.ring.push(card.ring.entry(K7_CMD_NOP));
        card.ring.doorbell();
        card.host.mailbox_begin(K7_BOOT_STATE);
        std::this_thread::sleep_for(std::chrono::microseconds(round * 7));
        card.host.reset(round % 2 == 0 ? K7CARD_RESET_FLR : K7CARD_RESET_BUS);
        forbidden = true;
        ASSERT_TRUE(card.host.wait_state(K7_STATE_OPERATIONAL));
        forbidden = false;
        card.start();
    }
    EXPECT_EQ(violations, 0u);
}

// A driver's interrupt handler may run inside the callback: it reads registers, acknowledges, even resets.
TEST(CardResets, CallbacksMayUseTheCard) {
    OperationalCard card;
    std::atomic<unsigned> resets{0};
    std::atomic<bool> was_reset{false};
    card.host.on_interrupt = [&](unsigned vector) {
        card.host.read(K7_REG_STATE);
        card.host.write(K7_REG_EVENT_STATUS, K7_EVENT_ALL);
        if (vector == K7_VECTOR_RING(0) && ++resets == 1) {
            card.host.reset(K7CARD_RESET_FLR);
            was_reset = true;
        }
    };
    card.host.write(K7_REG_EVENT_MASK, K7_EVENT_ALL);
    card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    ASSERT_TRUE(eventually([&] { return was_reset.load(); }));
    card.start();
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
    card.host.switch_off(); // until then its thread may be inside of on_interrupt
}

TEST(CardResets, ManyThreadsAtOnce) {
    OperationalCard card;
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
        while (!stop)
            card.host.reset(K7CARD_RESET_FLR);
    });
    threads.emplace_back([&] {
        while (!stop)
            for (std::uint64_t offset = 0; offset < 0x9000; offset += 0x44)
                card.host.read(offset / 4 * 4);
    });
    threads.emplace_back([&] {
        for (std::uint32_t i = 0; !stop; ++i) {
            card.host.write(K7_REG_MB_COMMAND, K7_MB_COMMAND(1 + i % 8, i));
            card.host.write(K7_REG_EVENT_MASK, i);
            card.host.write(K7_REG_RING(i % 16) + i % 16 * 4, i * 0x1000);
        }
    });
    threads.emplace_back([&] {
        while (!stop) {
            card.host.set("fault", "drop-completion");
            card.host.get("state");
        }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop = true;
    for (std::thread &thread : threads)
        thread.join();
    card.host.set("fault", "none");
    card.restart();
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
}

} // namespace
} // namespace k7::test
