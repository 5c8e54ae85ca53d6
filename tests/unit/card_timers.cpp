// SPDX-License-Identifier: GPL-2.0-or-later
//
// Timers of FMs: called between messages, while nobody asks the card for anything.
#include <sstream>
#include <thread>
#include <utility>

#include "tests/unit/card_fixture.hpp"
#include "tests/unit/card_roles.hpp"

namespace k7::test {
namespace {

constexpr std::uint32_t kTicker = 0xa0e2;

class CardTimers : public testing::Test {
  protected:
    explicit CardTimers(const Properties &properties = {}) : card(properties) {
        card.load("ticker");
        card.restart();
    }

    std::string ask(const std::string &request) { return card.call(kTicker, request).text(); }
    unsigned count(unsigned timer) {
        std::istringstream counts(ask("count"));
        unsigned value = 0;
        for (unsigned i = 0; i <= timer; ++i)
            counts >> value;
        return value;
    }

    OperationalCard card;
};

TEST_F(CardTimers, ComeOnceOrAgainAndAgainUntilTheyAreStopped) {
    EXPECT_EQ(ask("count"), "0 0 0 0 0 0 0 0");
    EXPECT_EQ(ask("start 0 10 0"), "started");
    EXPECT_EQ(ask("start 3 10 10"), "started");
    EXPECT_TRUE(eventually([&] { return count(3) >= 5; }));
    EXPECT_EQ(count(0), 1u);
    EXPECT_EQ(ask("stop 3"), "stopped");
    const unsigned stopped = count(3);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(count(3), stopped);
    EXPECT_EQ(count(0), 1u);
}

TEST_F(CardTimers, ComeWhileNobodyAsks) {
    EXPECT_EQ(ask("start 1 10 10"), "started");
    unsigned before = count(1);
    EXPECT_TRUE(eventually([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        const unsigned now = count(1);
        return now - std::exchange(before, now) >= 2; // 50 when the machine has time; the question itself may make it 1
    }));
}

// The firmware's thread rests until the timer that it knows; a call that is served inside a doorbell starts a sooner
// one.
TEST_F(CardTimers, ASoonerOneIsNotKeptWaitingByALaterOne) {
    EXPECT_EQ(ask("start 0 3600000 0"), "started");
    EXPECT_EQ(ask("start 1 20 0"), "started");
    EXPECT_TRUE(eventually([&] { return count(1) == 1; }));
    EXPECT_EQ(count(0), 0u);
}

TEST_F(CardTimers, EndWithARestart) {
    EXPECT_EQ(ask("start 0 10 10"), "started");
    EXPECT_TRUE(eventually([&] { return count(0) > 0; }));
    card.restart();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(ask("count"), "0 0 0 0 0 0 0 0");
}

TEST_F(CardTimers, EndWhenTheirFmIsDeleted) {
    EXPECT_EQ(ask("start 0 10 10"), "started");
    ASSERT_EQ(card.remove(kTicker).status, K7_ST_OK);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(card.host.state(), static_cast<std::uint32_t>(K7_STATE_OPERATIONAL));
}

TEST_F(CardTimers, OthersAreServedBetweenTwoOfThem) {
    card.load("echo");
    card.restart();
    for (unsigned timer = 0; timer < K7_FM_TIMERS_MAX; ++timer)
        EXPECT_EQ(ask("start " + std::to_string(timer) + " 10 10"), "started");
    for (int i = 0; i < 200; ++i)
        ASSERT_EQ(card.call(kEcho, "hello").text(), "hello");
    EXPECT_TRUE(eventually([&] { return count(K7_FM_TIMERS_MAX - 1) > 0; }));
}

TEST_F(CardTimers, AFaultInOneHaltsTheCardAndSaysWhere) {
    EXPECT_EQ(ask("fault"), "wait for it");
    ASSERT_TRUE(card.host.wait_state(K7_STATE_HALTED));
    const k7_fault_report report = card.fault_report();
    EXPECT_EQ(report.phase, static_cast<std::uint32_t>(K7_FAULT_PHASE_TIMER));
    EXPECT_EQ(report.cause, static_cast<std::uint32_t>(K7_FAULT_STORE_ACCESS));
    EXPECT_STREQ(report.symbol, "fault_in_timer");
    EXPECT_EQ(report.fm_id, kTicker);
}

TEST_F(CardTimers, AFaultInOneStopsItsFmAloneWhenThePolicyIsToIsolate) {
    card.login();
    ASSERT_EQ(set_policy(card.ring, K7_POLICY_FAULT, K7_POLICY_FAULT_ISOLATE).status, K7_ST_OK);
    EXPECT_EQ(ask("start 0 10 10"), "started");
    EXPECT_EQ(ask("fault"), "wait for it");
    EXPECT_TRUE(eventually([&] { return card.list().at(0).status == K7_FM_STATUS_FAULTED; }));
    EXPECT_EQ(card.call(kTicker, "count").status, K7_ST_FM_ISOLATED);
    EXPECT_EQ(card.host.state(), static_cast<std::uint32_t>(K7_STATE_OPERATIONAL));
}

class CardTimersOfLittlePatience : public CardTimers {
  protected:
    CardTimersOfLittlePatience() : CardTimers({{"fm-budget", "1000000"}}) {}
};

TEST_F(CardTimersOfLittlePatience, OneThatLoopsCountsAsHung) {
    EXPECT_EQ(ask("loop"), "wait for it");
    ASSERT_TRUE(card.host.wait_state(K7_STATE_HALTED));
    EXPECT_EQ(card.fault_report().cause, static_cast<std::uint32_t>(K7_FAULT_BUDGET));
    EXPECT_EQ(card.fault_report().phase, static_cast<std::uint32_t>(K7_FAULT_PHASE_TIMER));
}

} // namespace
} // namespace k7::test
