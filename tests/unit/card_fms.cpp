// SPDX-License-Identifier: GPL-2.0-or-later
//
// FMs on the card: load, start, call, replace, delete, fault; real ones, built by the SDK.
#include "tests/unit/card_fixture.hpp"

namespace k7::test {
namespace {

TEST(CardFm, LoadedThenEnabledByARestart) {
    OperationalCard card;
    EXPECT_TRUE(card.list().empty());
    const Bytes image = image_of("echo");
    const CommandReply reply = card.load_image(image, signer().certificate());
    ASSERT_EQ(reply.status, K7_ST_OK) << reply.text();
    const auto loaded = struct_of<k7_fm_info>(reply.data);
    EXPECT_EQ(loaded.fm_id, kEcho);
    EXPECT_EQ(loaded.fm_version, 0x0100u);
    EXPECT_EQ(loaded.status, static_cast<std::uint32_t>(K7_FM_STATUS_LOADED));
    EXPECT_EQ(loaded.startup, static_cast<std::uint32_t>(K7_FM_STARTUP_NOT_STARTED));
    EXPECT_EQ(loaded.image_size, image.size());
    EXPECT_GT(loaded.memory_size, 0u);
    EXPECT_EQ(field_text(loaded.manufacturer), "k7hsm samples");
    EXPECT_EQ(field_text(loaded.product), "echo");
    EXPECT_EQ(field_text(loaded.certificate), "test signer");
    EXPECT_EQ(card.call(kEcho, "hello").status, K7_ST_FM_NOT_STARTED);
    EXPECT_TRUE(card.host.read(K7_REG_EVENT_STATUS) & K7_EVENT_FM_LIST);
    card.restart();
    ASSERT_EQ(card.list().size(), 1u);
    EXPECT_EQ(card.list()[0].status, static_cast<std::uint32_t>(K7_FM_STATUS_ENABLED));
    EXPECT_EQ(card.list()[0].startup, static_cast<std::uint32_t>(K7_FM_STARTUP_OK));
    EXPECT_EQ(card.call(kEcho, "hello").text(), "hello");
    EXPECT_EQ(card.list()[0].calls, 1u);
    EXPECT_EQ(card.host.card_state().fm_count, 1u);
    EXPECT_EQ(card.host.card_state().fm_bytes, image.size());
}

TEST(CardFm, LargestMessagesBothWays) {
    OperationalCard card;
    card.load("echo");
    card.restart();
    const Bytes request = card.ring.command(K7_CMD_GET_RANDOM, {}, K7_PAYLOAD_MAX).data;
    EXPECT_EQ(card.ring.command(K7_CMD_FM_CALL, request, kEcho).data, request);
    EXPECT_EQ(card.ring.command(K7_CMD_FM_CALL, {}, kEcho).data, Bytes());
    k7_sqe entry = card.ring.entry(K7_CMD_FM_CALL, bytes_of("longer than the room"), kEcho);
    entry.out_len = 4;
    const auto reply = card.ring.send(entry);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, K7_ST_OK);
    EXPECT_EQ(reply->result, K7_FM_E_BAD_LENGTH) << "echo sees that the host takes less";
}

TEST(CardFm, UnknownFms) {
    OperationalCard card;
    EXPECT_EQ(card.call(kEcho, "hello").text(), "FM a000 is not loaded");
    EXPECT_EQ(card.call(0xffffffff, "hello").status, K7_ST_FM_NOT_FOUND);
    EXPECT_EQ(card.remove(kEcho).status, K7_ST_FM_NOT_FOUND);
}

TEST(CardFm, ReplacedFmRunsInItsOldVersionUntilTheRestart) {
    OperationalCard card;
    card.load("crashy");
    card.restart();
    EXPECT_EQ(card.call(kCrashy, "hello").text(), "hello from crashy 1.0");
    card.load("crashy-fixed");
    ASSERT_EQ(card.list().size(), 1u);
    EXPECT_EQ(card.list()[0].status, static_cast<std::uint32_t>(K7_FM_STATUS_LOADED));
    EXPECT_EQ(card.call(kCrashy, "hello").text(), "hello from crashy 1.0");
    card.restart();
    EXPECT_NE(card.call(kCrashy, "hello").text(), "hello from crashy 1.0");
    EXPECT_EQ(card.call(kCrashy, "crash").result, 3u) << "the fixed one looks first";
}

TEST(CardFm, DeletedAtOnce) {
    OperationalCard card;
    card.load("echo");
    card.load("vault");
    card.restart();
    EXPECT_EQ(card.remove(kEcho).status, K7_ST_OK);
    EXPECT_EQ(card.call(kEcho, "hello").status, K7_ST_FM_NOT_FOUND);
    EXPECT_EQ(card.fm_ids(), std::vector{kVault});
    card.restart();
    EXPECT_EQ(card.fm_ids(), std::vector{kVault});
}

TEST(CardFm, StartUpThatReturnsAnErrorStopsOnlyItself) {
    OperationalCard card;
    card.load("startup-error");
    card.load("echo");
    card.restart();
    const auto fms = card.list();
    ASSERT_EQ(fms.size(), 2u);
    EXPECT_EQ(fms[1].startup, static_cast<std::uint32_t>(K7_FM_STARTUP_FAILED));
    EXPECT_EQ(fms[1].startup_value, 7u);
    EXPECT_EQ(fms[1].status, static_cast<std::uint32_t>(K7_FM_STATUS_FAILED));
    EXPECT_EQ(card.call(0xa0f2, "x").status, K7_ST_FM_NOT_STARTED);
    EXPECT_EQ(card.call(kEcho, "hello").text(), "hello");
    const CommandReply log = card.ring.command(K7_CMD_FM_LOG);
    EXPECT_EQ(log.text(), "a0f2 start-up gives up with 7\n");
    EXPECT_EQ(log.result, 1u);
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOG, {}, 1).text(), "");
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOG, {}, 0xffffffff).result, 1u);
}

TEST(CardFm, ChattyOneForgetsItsOwnLinesOfTheLog) {
    constexpr std::uint32_t kChatty = 0xa0fe;
    OperationalCard card;
    card.load("chatty");
    card.load("startup-error");
    card.restart();
    ASSERT_EQ(card.call(kChatty, "3000").text(), "said 3000");
    std::string log;
    for (std::uint32_t line = 0;;) {
        const CommandReply page = card.ring.command(K7_CMD_FM_LOG, {}, line);
        if (page.text().empty())
            break;
        log += page.text();
        line = page.result;
    }
    EXPECT_NE(log.find("a0f2 start-up gives up with 7\n"), std::string::npos) << "the words of another FM";
    EXPECT_EQ(log.find("a0fe line 1\n"), std::string::npos);
    EXPECT_TRUE(log.ends_with("a0fe line 3000\n"));
}

TEST(CardFm, ServicesDoWhatTheSdkExpects) {
    OperationalCard card;
    for (const char *fm : {"system", "smfs", "stream", "libc", "big"})
        card.load(fm);
    card.restart();
    for (const std::uint32_t fm_id : {0xa0fbu, 0xa0fcu, 0xa0f5u}) {
        const CommandReply reply = card.call(fm_id, "go");
        EXPECT_EQ(reply.result, 0u) << reply.text();
        EXPECT_EQ(reply.text().substr(0, 3), "ok ") << reply.text();
    }
    EXPECT_EQ(card.call(0xa0f7, "Ustream").text(), "STREAM");
    EXPECT_EQ(card.call(0xa0f7, "Pstream").text(), "STREAM");
    EXPECT_EQ(card.call(0xa0f8, "fill").text(), "filled 2031616 bytes");
}

TEST(CardFm, HostileServiceCallsAreRefused) {
    OperationalCard card;
    card.load("hostile");
    card.load("echo");
    card.restart();
    for (int round = 0; round < 2; ++round) {
        const CommandReply reply = card.ring.command(K7_CMD_FM_CALL, Bytes(256, std::byte{'x'}), 0xa0f6);
        EXPECT_EQ(reply.result, 0u) << reply.text();
        EXPECT_EQ(reply.text().substr(0, 3), "ok ") << reply.text();
    }
    EXPECT_EQ(card.call(kEcho, "hello").text(), "hello");
    EXPECT_EQ(card.host.card_state().smfs_files, 0u);
}

TEST(CardFm, GreedyFmsAreRefusedAndHarmNobody) {
    OperationalCard card(Properties{{"store-size", "4194304"}});
    for (const char *fm : {"greedy", "vault"})
        card.load(fm);
    card.restart();
    EXPECT_EQ(card.call(kVault, "put pin 0815").text(), "stored pin");
    for (int round = 0; round < 2; ++round) {
        const CommandReply reply = card.call(0xa0e3, "go");
        EXPECT_EQ(reply.result, 0u) << reply.text();
        EXPECT_EQ(reply.text().substr(0, 3), "ok ") << reply.text();
    }
    EXPECT_EQ(card.call(kVault, "get pin").text(), "0815");
    EXPECT_LE(card.ring.command(K7_CMD_FM_LOG).data.size(), std::size_t{K7_PAYLOAD_MAX});
}

// ---- Faults ---------------------------------------------------------------------------------------------------------

TEST(CardFm, FaultHaltsTheCardAndLeavesAReport) {
    OperationalCard card;
    card.load("crashy");
    card.load("echo");
    card.restart();
    card.host.write(K7_REG_EVENT_STATUS, K7_EVENT_ALL);
    card.host.write(K7_REG_EVENT_MASK, K7_EVENT_STATE | K7_EVENT_FAULT);
    const std::uint32_t generation = card.host.read(K7_REG_GENERATION);
    card.crash(kCrashy, "crash");
    EXPECT_EQ(card.host.reason(), static_cast<std::uint32_t>(K7_REASON_FM_FAULT));
    EXPECT_TRUE(eventually([&] { return card.host.interrupts(K7_VECTOR_EVENTS) == 1; }));
    EXPECT_EQ(card.host.read(K7_REG_EVENT_STATUS), static_cast<std::uint32_t>(K7_EVENT_STATE | K7_EVENT_FAULT));
    EXPECT_EQ(card.ring.read(K7_RING_STATUS), 0u);
    EXPECT_FALSE(card.ring.take(std::chrono::milliseconds(20))) << "the call does not complete";
    EXPECT_EQ(card.host.read(K7_REG_FAULT_SEQUENCE), 1u);
    const k7_fault_report report = card.fault_report();
    EXPECT_EQ(report.version, static_cast<std::uint32_t>(K7_FAULT_REPORT_VERSION));
    EXPECT_EQ(report.sequence, 1u);
    EXPECT_EQ(report.cause, static_cast<std::uint32_t>(K7_FAULT_STORE_ACCESS));
    EXPECT_EQ(report.phase, static_cast<std::uint32_t>(K7_FAULT_PHASE_CALL));
    EXPECT_EQ(report.fm_id, kCrashy);
    EXPECT_EQ(report.fm_version, 0x0100u);
    EXPECT_EQ(report.generation, generation);
    EXPECT_EQ(report.address, 0u);
    EXPECT_EQ(field_text(report.symbol), "write_slot");
    EXPECT_EQ(field_text(report.fm_name), "crashy");
    EXPECT_GE(report.backtrace_count, 4u) << "write_slot, keep_result, crash, on_message";
    EXPECT_EQ(report.backtrace[0], report.pc);
    EXPECT_GT(report.instructions, 0u);
    EXPECT_EQ(report.regs[0], 0u);
    EXPECT_NE(report.regs[2], 0u) << "sp";
}

TEST(CardFm, ReportsSurviveResetsAndOnlyTheLastAreKept) {
    const TemporaryDirectory directory;
    const Properties properties{{"store", directory.file("store")}};
    {
        OperationalCard card(properties);
        card.load("crashy");
        card.restart();
        for (int i = 0; i < 18; ++i) {
            card.crash(kCrashy, "crash wild");
            card.restart();
        }
    }
    OperationalCard card(properties);
    EXPECT_EQ(card.host.read(K7_REG_FAULT_SEQUENCE), 18u);
    EXPECT_EQ(card.fault_report().sequence, 18u);
    EXPECT_EQ(card.fault_report(3).sequence, 3u);
    EXPECT_EQ(card.host.mailbox(K7_BOOT_FAULT_REPORT, 2).status, K7_ST_NOT_FOUND);
    EXPECT_EQ(card.host.card_state().faults, 0u) << "since power on";
}

TEST(CardFm, EndlessLoopIsFoundByTheBudget) {
    OperationalCard card(Properties{{"fm-budget", "1000000"}});
    card.load("faults");
    card.restart();
    card.crash(kFaults, "endless-loop");
    const k7_fault_report report = card.fault_report();
    EXPECT_EQ(report.cause, static_cast<std::uint32_t>(K7_FAULT_BUDGET));
    EXPECT_EQ(report.instructions, 1000000u);
}

TEST(CardFm, AbortLeavesItsReasonInTheLog) {
    OperationalCard card;
    card.load("faults");
    card.restart();
    card.crash(kFaults, "abort");
    EXPECT_EQ(card.fault_report().cause, static_cast<std::uint32_t>(K7_FAULT_ABORT));
    card.restart();
    EXPECT_NE(card.ring.command(K7_CMD_FM_LOG).text(), "");
    card.host.reset(K7CARD_RESET_POWER);
    card.start();
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOG).text(), "") << "the log is not kept without power";
}

TEST(CardFm, TheReasonOfAnAbortInTheStartUpIsReadInMaintenance) {
    OperationalCard card;
    card.load("startup-abort");
    card.host.reset(K7CARD_RESET_FLR);
    ASSERT_TRUE(card.host.wait_state(K7_STATE_HALTED));
    ASSERT_EQ(card.host.mailbox(K7_BOOT_START_FIRMWARE, K7_BOOT_MODE_MAINTENANCE).status, K7_ST_OK);
    ASSERT_TRUE(card.host.wait_state(K7_STATE_MAINTENANCE));
    ASSERT_EQ(card.ring.enable(), K7_RING_ENABLED);
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOG).text(), "a0f4 start-up aborts\n");
}

class CardFmFault : public testing::TestWithParam<std::pair<const char *, k7_fault_cause>> {};

std::string fault_name(const testing::TestParamInfo<std::pair<const char *, k7_fault_cause>> &fault) {
    std::string name = fault.param.first;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

TEST_P(CardFmFault, IsReportedWithItsCause) {
    const auto &[request, cause] = GetParam();
    OperationalCard card(Properties{{"fm-budget", "5000000"}});
    card.load("faults");
    card.restart();
    card.crash(kFaults, request);
    EXPECT_EQ(card.fault_report().cause, static_cast<std::uint32_t>(cause));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, CardFmFault,
    testing::Values(std::pair{"null-read", K7_FAULT_LOAD_ACCESS}, std::pair{"wild-write", K7_FAULT_STORE_ACCESS},
                    std::pair{"request-write", K7_FAULT_STORE_ACCESS}, std::pair{"code-write", K7_FAULT_STORE_ACCESS},
                    std::pair{"call-data", K7_FAULT_FETCH_ACCESS}, std::pair{"call-heap", K7_FAULT_FETCH_ACCESS},
                    std::pair{"call-reply", K7_FAULT_FETCH_ACCESS}, std::pair{"call-request", K7_FAULT_FETCH_ACCESS},
                    std::pair{"call-header", K7_FAULT_FETCH_ACCESS}, std::pair{"stack-leap", K7_FAULT_STORE_ACCESS},
                    std::pair{"stack-pointer-null", K7_FAULT_STORE_ACCESS},
                    std::pair{"stack-pointer-wild", K7_FAULT_STORE_ACCESS}, std::pair{"time-loop", K7_FAULT_BUDGET},
                    std::pair{"random-loop", K7_FAULT_BUDGET}, std::pair{"call-misaligned", K7_FAULT_FETCH_MISALIGNED},
                    std::pair{"load-word-misaligned", K7_FAULT_LOAD_MISALIGNED},
                    std::pair{"store-half-misaligned", K7_FAULT_STORE_MISALIGNED},
                    std::pair{"illegal", K7_FAULT_ILLEGAL_INSTRUCTION}, std::pair{"breakpoint", K7_FAULT_BREAKPOINT},
                    std::pair{"bad-service", K7_FAULT_BAD_SERVICE},
                    std::pair{"stack-overflow", K7_FAULT_STACK_OVERFLOW}, std::pair{"endless-loop", K7_FAULT_BUDGET},
                    std::pair{"abort", K7_FAULT_ABORT}),
    fault_name);

TEST(CardFm, ServicesHaveABudgetOfTheirOwn) {
    for (const char *loop : {"hash-loop", "write-loop"}) {
        OperationalCard card(Properties{{"fm-work", "100000"}});
        card.load("faults");
        card.restart();
        card.crash(kFaults, loop);
        EXPECT_EQ(card.fault_report().cause, static_cast<std::uint32_t>(K7_FAULT_BUDGET)) << loop;
    }
}

TEST(CardFm, TheBudgetOfServicesIsThatOfOneCall) {
    OperationalCard card(Properties{{"fm-work", "50000"}});
    card.load("vault");
    card.restart();
    for (int i = 0; i < 50; ++i)
        ASSERT_EQ(card.call(kVault, "put pin " + std::to_string(i)).text(), "stored pin") << i;
}

// The case that this project exists for.
TEST(CardFm, StartUpFaultHaltsEveryStartUntilAllFmsAreErased) {
    OperationalCard card;
    card.load("vault");
    card.restart();
    EXPECT_EQ(card.call(kVault, "put pin 0815").text(), "stored pin");
    card.load("startup-fault");
    for (std::uint32_t start = 1; start <= 3; ++start) {
        if (start == 1)
            card.host.reset(K7CARD_RESET_POWER);
        else
            card.host.mailbox(start == 2 ? K7_BOOT_START_FIRMWARE : K7_BOOT_RESET);
        ASSERT_TRUE(eventually([&] { return card.host.read(K7_REG_FAULT_SEQUENCE) == start; }));
        ASSERT_TRUE(card.host.wait_state(K7_STATE_HALTED));
        EXPECT_EQ(card.fault_report().phase, static_cast<std::uint32_t>(K7_FAULT_PHASE_STARTUP));
        EXPECT_EQ(card.fault_report().fm_id, 0xa0f1u);
    }
    EXPECT_EQ(card.ring.enable(), K7_RING_ERROR) << "so no FM_DELETE";
    EXPECT_EQ(card.host.card_state().fm_count, 2u);
    ASSERT_EQ(card.host.mailbox(K7_BOOT_ERASE_FMS).status, K7_ST_OK);
    EXPECT_EQ(card.host.state(), static_cast<std::uint32_t>(K7_STATE_HALTED)) << "halted until it is restarted";
    EXPECT_EQ(card.host.card_state().fm_count, 0u);
    ASSERT_EQ(card.host.mailbox(K7_BOOT_START_FIRMWARE).status, K7_ST_OK);
    card.start();
    EXPECT_TRUE(card.list().empty());
    card.load("vault");
    card.restart();
    EXPECT_EQ(card.call(kVault, "get pin").text(), "0815") << "the SMFS is kept";
}

TEST(CardFm, StartUpThatLoopsOrAbortsHalts) {
    for (const char *fm : {"startup-loop", "startup-abort"}) {
        OperationalCard card(Properties{{"fm-budget", "1000000"}});
        card.load(fm);
        card.host.reset(K7CARD_RESET_FLR);
        ASSERT_TRUE(card.host.wait_state(K7_STATE_HALTED)) << fm;
        EXPECT_EQ(card.fault_report().phase, static_cast<std::uint32_t>(K7_FAULT_PHASE_STARTUP)) << fm;
        EXPECT_EQ(card.host.mailbox(K7_BOOT_START_FIRMWARE, K7_BOOT_MODE_MAINTENANCE).status, K7_ST_OK);
        EXPECT_TRUE(card.host.wait_state(K7_STATE_MAINTENANCE)) << "maintenance starts no FM";
    }
}

} // namespace
} // namespace k7::test
