// SPDX-License-Identifier: GPL-2.0-or-later
//
// The boot loader: mailbox rules, queries, states, starting and stopping the firmware, events.
#include "tests/unit/card_fixture.hpp"

namespace k7::test {
namespace {

TEST(CardMailbox, Identifies) {
    CardHost host(Properties{{"esn", "0123-4567-89AB"}});
    const MailboxReply reply = host.mailbox(K7_BOOT_IDENTIFY);
    EXPECT_EQ(reply.status, K7_ST_OK);
    ASSERT_EQ(reply.data.size(), sizeof(k7_identity));
    const auto identity = struct_of<k7_identity>(reply.data);
    EXPECT_EQ(field_text(identity.esn), "0123-4567-89AB");
    EXPECT_EQ(field_text(identity.model), "K7");
    EXPECT_NE(identity.firmware_version, 0u);
    EXPECT_EQ(identity.interface_version, host.read(K7_REG_VERSION));
    EXPECT_EQ(identity.fm_capacity, K7_FM_COUNT_MAX);
    EXPECT_EQ(identity.fm_image_max, K7_FM_IMAGE_MAX);
}

TEST(CardMailbox, TellsTheState) {
    CardHost host;
    ASSERT_TRUE(host.wait_state(K7_STATE_OPERATIONAL));
    const k7_card_state state = host.card_state();
    EXPECT_EQ(state.state, static_cast<std::uint32_t>(K7_STATE_OPERATIONAL));
    EXPECT_EQ(state.generation, host.read(K7_REG_GENERATION));
    EXPECT_EQ(state.boot_mode, static_cast<std::uint32_t>(K7_BOOT_MODE_OPERATIONAL));
    EXPECT_NEAR(static_cast<double>(state.time), static_cast<double>(std::time(nullptr)), 60);
    EXPECT_EQ(state.smfs_state, static_cast<std::uint32_t>(K7_SMFS_ACTIVE));
    EXPECT_GT(state.smfs_capacity, 0u);
    EXPECT_EQ(state.smfs_used, 0u);
    EXPECT_EQ(state.resets, 0u);
    EXPECT_EQ(state.fm_count, 0u);
    EXPECT_EQ(host.get("state"), "operational");
}

TEST(CardMailbox, RefusesWhatItDoesNotKnow) {
    CardHost host;
    const MailboxReply unknown = host.mailbox(0x7777);
    EXPECT_EQ(unknown.status, K7_ST_UNKNOWN_COMMAND);
    EXPECT_EQ(text_of(unknown.data), "boot loader command 30583 is not known");
    EXPECT_EQ(host.mailbox(K7_BOOT_RESET, 3).status, K7_ST_BAD_FIELD);
    EXPECT_EQ(host.mailbox(K7_BOOT_START_FIRMWARE, 0xffffffff).status, K7_ST_BAD_FIELD);
    EXPECT_EQ(host.mailbox(K7_BOOT_FAULT_REPORT).status, K7_ST_NOT_FOUND);
    EXPECT_EQ(host.mailbox(K7_BOOT_FAULT_REPORT, 5).status, K7_ST_NOT_FOUND);
}

TEST(CardMailbox, DataBeyondTheReplyIsZero) {
    CardHost host;
    host.mailbox(K7_BOOT_IDENTIFY);
    EXPECT_EQ(host.mailbox(0x7777).status, K7_ST_UNKNOWN_COMMAND);
    const std::uint32_t length = host.read(K7_REG_MB_LENGTH);
    for (std::uint32_t at = (length + 3) / 4 * 4; at < K7_MB_DATA_BYTES; at += 4)
        ASSERT_EQ(host.read(K7_REG_MB_DATA + at), 0u) << at;
}

TEST(CardMailbox, WritesWhileBusyAreIgnored) {
    CardHost host;
    ASSERT_TRUE(host.wait_state(K7_STATE_OPERATIONAL));
    ASSERT_EQ(host.set("fault", "hang-mailbox"), "");
    host.mailbox_begin(K7_BOOT_FAULT_REPORT, 42);
    EXPECT_TRUE(host.read(K7_REG_MB_STATUS) & K7_MB_BUSY);
    host.write(K7_REG_MB_ARG(0), 1);
    host.write(K7_REG_MB_COMMAND, K7_MB_COMMAND(K7_BOOT_ERASE_FMS, 0x7abc));
    EXPECT_EQ(host.guest_errors(), 2u);
    EXPECT_EQ(host.read(K7_REG_MB_ARG(0)), 42u);
    ASSERT_EQ(host.set("fault", "none"), "");
    const auto reply = host.mailbox_end();
    ASSERT_TRUE(reply);
    EXPECT_EQ(text_of(reply->data), "fault report 42 is not kept");
    EXPECT_EQ(host.state(), static_cast<std::uint32_t>(K7_STATE_OPERATIONAL));
}

TEST(CardMailbox, EndOfACommandIsAnEvent) {
    CardHost host;
    ASSERT_TRUE(host.wait_state(K7_STATE_OPERATIONAL));
    host.mailbox(K7_BOOT_STATE);
    EXPECT_TRUE(host.read(K7_REG_EVENT_STATUS) & K7_EVENT_MAILBOX);
    host.write(K7_REG_EVENT_STATUS, K7_EVENT_ALL);
    EXPECT_EQ(host.read(K7_REG_EVENT_STATUS), 0u);
    EXPECT_EQ(host.interrupts(K7_VECTOR_EVENTS), 0u) << "the mask is 0 after a reset";
    host.write(K7_REG_EVENT_MASK, K7_EVENT_ALL);
    EXPECT_EQ(host.interrupts(K7_VECTOR_EVENTS), 0u) << "nothing was pending";
    host.mailbox(K7_BOOT_STATE);
    EXPECT_TRUE(host.wait_interrupts(K7_VECTOR_EVENTS, 1));
}

TEST(CardMailbox, UnmaskingAPendingEventRaisesIt) {
    CardHost host;
    ASSERT_TRUE(host.wait_state(K7_STATE_OPERATIONAL));
    host.mailbox(K7_BOOT_STATE);
    host.write(K7_REG_EVENT_MASK, K7_EVENT_MAILBOX | 0xffff0000);
    EXPECT_TRUE(host.wait_interrupts(K7_VECTOR_EVENTS, 1));
    EXPECT_EQ(host.read(K7_REG_EVENT_MASK), static_cast<std::uint32_t>(K7_EVENT_MAILBOX));
    host.write(K7_REG_EVENT_STATUS, K7_EVENT_STATE);
    EXPECT_TRUE(host.wait_interrupts(K7_VECTOR_EVENTS, 2)) << "what remains is raised again, so that no event is lost";
}

TEST(CardStates, StopAndStart) {
    CardHost host;
    ASSERT_TRUE(host.wait_state(K7_STATE_OPERATIONAL));
    const std::uint32_t generation = host.read(K7_REG_GENERATION);
    EXPECT_EQ(host.mailbox(K7_BOOT_STOP_FIRMWARE).status, K7_ST_OK);
    EXPECT_EQ(host.state(), static_cast<std::uint32_t>(K7_STATE_BOOT));
    EXPECT_EQ(host.reason(), static_cast<std::uint32_t>(K7_REASON_STOPPED));
    EXPECT_EQ(host.card_state().smfs_state, static_cast<std::uint32_t>(K7_SMFS_INACTIVE));
    EXPECT_EQ(host.mailbox(K7_BOOT_START_FIRMWARE, K7_BOOT_MODE_OPERATIONAL).status, K7_ST_OK);
    ASSERT_TRUE(host.wait_state(K7_STATE_OPERATIONAL));
    EXPECT_EQ(host.reason(), 0u);
    EXPECT_EQ(host.read(K7_REG_GENERATION), generation + 1);
}

TEST(CardStates, MaintenanceServesNoFms) {
    OperationalCard card;
    card.load("echo");
    ASSERT_EQ(card.host.mailbox(K7_BOOT_START_FIRMWARE, K7_BOOT_MODE_MAINTENANCE).status, K7_ST_OK);
    ASSERT_TRUE(card.host.wait_state(K7_STATE_MAINTENANCE));
    EXPECT_EQ(card.ring.enable(), K7_RING_ENABLED);
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LIST).status, K7_ST_BAD_STATE);
    EXPECT_EQ(card.call(kEcho, "hello").status, K7_ST_BAD_STATE);
    EXPECT_EQ(card.host.card_state().boot_mode, static_cast<std::uint32_t>(K7_BOOT_MODE_MAINTENANCE));
}

TEST(CardStates, ResetToTheBootLoaderStays) {
    CardHost host;
    ASSERT_TRUE(host.wait_state(K7_STATE_OPERATIONAL));
    EXPECT_EQ(host.mailbox(K7_BOOT_RESET, K7_BOOT_MODE_STAY).status, K7_ST_OK);
    EXPECT_TRUE(eventually([&] { return host.reason() == K7_REASON_STOPPED; }));
    EXPECT_EQ(host.state(), static_cast<std::uint32_t>(K7_STATE_BOOT));
    EXPECT_EQ(host.card_state().resets, 1u);
    host.reset(K7CARD_RESET_BUS);
    EXPECT_TRUE(host.wait_state(K7_STATE_OPERATIONAL)) << "a bus reset starts the firmware again";
}

TEST(CardStates, RingsNeedFirmware) {
    OperationalCard card;
    card.host.mailbox(K7_BOOT_STOP_FIRMWARE);
    EXPECT_EQ(card.ring.read(K7_RING_STATUS), 0u) << "stopping disables the rings";
    EXPECT_EQ(card.ring.enable(), K7_RING_ERROR);
    card.host.mailbox(K7_BOOT_START_FIRMWARE);
    card.start();
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
}

TEST(CardStates, EveryQueryIsAnsweredInEveryState) {
    OperationalCard card;
    card.load("crashy");
    card.restart();
    const auto queries_work = [&](std::uint32_t state) {
        EXPECT_EQ(card.host.state(), state);
        EXPECT_EQ(card.host.mailbox(K7_BOOT_IDENTIFY).status, K7_ST_OK);
        EXPECT_EQ(card.host.card_state().state, state);
    };
    queries_work(K7_STATE_OPERATIONAL);
    card.crash(kCrashy, "crash");
    queries_work(K7_STATE_HALTED);
    card.host.mailbox(K7_BOOT_STOP_FIRMWARE);
    queries_work(K7_STATE_BOOT);
    card.host.set("fault", "hardware-failed");
    ASSERT_TRUE(card.host.wait_state(K7_STATE_FAILED));
    queries_work(K7_STATE_FAILED);
    EXPECT_EQ(card.host.reason(), static_cast<std::uint32_t>(K7_REASON_HARDWARE));
    EXPECT_EQ(card.fault_report().fm_id, kCrashy);
    for (const std::uint32_t opcode : {K7_BOOT_ERASE_FMS, K7_BOOT_ERASE_SMFS, K7_BOOT_START_FIRMWARE})
        EXPECT_EQ(card.host.mailbox(opcode).status, K7_ST_BAD_STATE) << opcode;
}

} // namespace
} // namespace k7::test
