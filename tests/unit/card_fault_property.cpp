// SPDX-License-Identifier: GPL-2.0-or-later
//
// The `fault` property: each value does what docs/card-interface.md says, and ends.
#include "tests/unit/card_fixture.hpp"

namespace k7::test {
namespace {

constexpr auto kShort = std::chrono::milliseconds(100);

TEST(CardFault, LinkDownReadsAllOnes) {
    OperationalCard card;
    card.host.set("fault", "link-down");
    for (const std::uint32_t offset : {K7_REG_MAGIC, K7_REG_STATE, K7_REG_MB_STATUS, K7_REG_RING(0)})
        EXPECT_EQ(card.host.read(offset), 0xffffffff);
    card.host.write(K7_REG_EVENT_MASK, K7_EVENT_ALL);
    const unsigned dma = card.host.dma_accesses();
    card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    EXPECT_FALSE(card.ring.take(kShort));
    EXPECT_EQ(card.host.dma_accesses(), dma);
    card.host.set("fault", "none");
    EXPECT_EQ(card.host.read(K7_REG_MAGIC), K7_MAGIC);
    EXPECT_EQ(card.host.read(K7_REG_EVENT_MASK), 0u) << "the write was lost";
    card.restart();
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
}

TEST(CardFault, HangIsSeenAndThenHaltedByTheWatchdog) {
    OperationalCard card(Properties{{"watchdog-ms", "6000"}});
    card.host.write(K7_REG_EVENT_STATUS, K7_EVENT_ALL);
    card.host.write(K7_REG_EVENT_MASK, K7_EVENT_STATE | K7_EVENT_FAULT);
    hang(card);
    EXPECT_EQ(card.host.state(), static_cast<std::uint32_t>(K7_STATE_OPERATIONAL)) << "hung, not halted yet";
    EXPECT_EQ(card.host.mailbox(K7_BOOT_IDENTIFY).status, K7_ST_OK) << "the boot loader lives";
    ASSERT_TRUE(card.host.wait_state(K7_STATE_HALTED));
    EXPECT_EQ(card.host.reason(), static_cast<std::uint32_t>(K7_REASON_WATCHDOG));
    EXPECT_TRUE(eventually([&] { return card.host.interrupts(K7_VECTOR_EVENTS) != 0; }));
    EXPECT_EQ(card.host.read(K7_REG_EVENT_STATUS) & (K7_EVENT_STATE | K7_EVENT_FAULT),
              static_cast<std::uint32_t>(K7_EVENT_STATE | K7_EVENT_FAULT));
    const k7_fault_report report = card.fault_report();
    EXPECT_EQ(report.cause, static_cast<std::uint32_t>(K7_FAULT_WATCHDOG));
    EXPECT_EQ(report.fm_id, 0u);
    card.host.set("fault", "none");
    card.restart();
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
    EXPECT_EQ(card.host.card_state().faults, 1u);
}

TEST(CardFault, HangThatEndsInTimeIsNoHalt) {
    OperationalCard card(Properties{{"watchdog-ms", "60000"}});
    hang(card);
    card.host.set("fault", "none");
    EXPECT_TRUE(card.ring.take());
}

TEST(CardFault, HungFirmwareCanBeResetAndErased) {
    OperationalCard card;
    card.host.set("fault", "hang");
    EXPECT_EQ(card.host.mailbox(K7_BOOT_ERASE_FMS).status, K7_ST_OK);
    card.host.set("fault", "none");
    card.restart();
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
}

TEST(CardFault, HungMailboxRecoversByReset) {
    OperationalCard card;
    card.host.set("fault", "hang-mailbox");
    card.host.mailbox_begin(K7_BOOT_IDENTIFY);
    EXPECT_FALSE(card.host.mailbox_end(kShort));
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK) << "the firmware goes on";
    card.host.set("fault", "none");
    EXPECT_TRUE(card.host.mailbox_end()) << "the command is answered late";
    card.host.set("fault", "hang-mailbox");
    card.host.mailbox_begin(K7_BOOT_IDENTIFY);
    card.host.reset(K7CARD_RESET_POWER);
    EXPECT_EQ(card.host.mailbox(K7_BOOT_IDENTIFY).status, K7_ST_OK);
}

TEST(CardFault, LostInterruptsLeaveTheCompletion) {
    OperationalCard card;
    card.host.set("fault", "lose-irq");
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
    wait_parked(card); // what was to be sent has been lost
    EXPECT_EQ(card.host.interrupts(K7_VECTOR_RING(0)), 0u);
    card.host.set("fault", "lose-irq:1");
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
    EXPECT_TRUE(eventually([&] { return card.host.get("fault") == "none"; })) << "one interrupt was lost";
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
    EXPECT_TRUE(eventually([&] { return card.host.interrupts(K7_VECTOR_RING(0)) == 1; }));
}

TEST(CardFault, DroppedCompletionsAreMissing) {
    OperationalCard card;
    card.host.set("fault", "drop-completion:2");
    std::vector<std::uint32_t> tags;
    for (int i = 0; i < 3; ++i)
        tags.push_back(card.ring.push(card.ring.entry(K7_CMD_NOP)));
    card.ring.doorbell();
    const auto completion = card.ring.take();
    ASSERT_TRUE(completion);
    EXPECT_EQ(completion->tag, tags[2]);
    EXPECT_EQ(card.host.get("fault"), "none");
}

TEST(CardFault, DmaErrorsOfPayloadsAndRings) {
    OperationalCard card;
    // The first DMA of a command is the fetch of its entry.
    card.host.set("fault", "dma-error:1");
    card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    EXPECT_TRUE(eventually([&] { return card.ring.read(K7_RING_STATUS) == K7_RING_ERROR; }));
    EXPECT_EQ(card.ring.enable(), K7_RING_ENABLED);
    // The second one, for this command, is the write of its reply.
    std::atomic<int> accesses{0};
    card.host.on_dma = [&] {
        if (++accesses == 1)
            card.host.set("fault", "dma-error:1");
    };
    EXPECT_EQ(card.ring.command(K7_CMD_GET_RANDOM, {}, 32).status, K7_ST_DMA_ERROR);
    EXPECT_EQ(card.ring.command(K7_CMD_GET_RANDOM, {}, 32).status, K7_ST_OK);
}

TEST(CardFault, FailedHardwareStaysFailedUntilAResetFindsItWell) {
    OperationalCard card;
    card.host.set("fault", "hardware-failed");
    ASSERT_TRUE(card.host.wait_state(K7_STATE_FAILED));
    EXPECT_EQ(card.ring.read(K7_RING_STATUS), 0u);
    card.host.reset(K7CARD_RESET_FLR);
    ASSERT_TRUE(card.host.wait_state(K7_STATE_FAILED)) << "the self test finds it again";
    card.host.set("fault", "none");
    EXPECT_EQ(card.host.state(), static_cast<std::uint32_t>(K7_STATE_FAILED));
    EXPECT_EQ(card.host.mailbox(K7_BOOT_RESET).status, K7_ST_OK);
    EXPECT_TRUE(card.host.wait_state(K7_STATE_OPERATIONAL));
    EXPECT_EQ(card.host.read(K7_REG_FAULT_SEQUENCE), 0u);
}

TEST(CardFault, FromTheStart) {
    CardHost host(Properties{{"fault", "hardware-failed"}});
    EXPECT_TRUE(host.wait_state(K7_STATE_FAILED));
    EXPECT_EQ(host.get("fault"), "hardware-failed");
}

} // namespace
} // namespace k7::test
