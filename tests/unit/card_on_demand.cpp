// SPDX-License-Identifier: GPL-2.0-or-later
//
// The doorbell that says everything at once, and interrupts on demand: none that nobody asked for, none lost.
#include <random>

#include "tests/unit/card_fixture.hpp"

namespace k7::test {
namespace {

constexpr std::uint32_t kOnDemand = K7_RING_ENABLE | K7_RING_ON_DEMAND;
constexpr auto kMoment = std::chrono::milliseconds(20);

class CardOnDemand : public testing::Test {
  protected:
    CardOnDemand() : ring(card.host, 1) { EXPECT_EQ(ring.enable(kOnDemand), K7_RING_ENABLED); }

    unsigned interrupts() { return card.host.interrupts(K7_VECTOR_RING(1)); }
    /// After a moment for those that should not come.
    unsigned interrupts_later() {
        std::this_thread::sleep_for(kMoment);
        return interrupts();
    }
    bool completes() { return ring.take(kPatience, false).has_value(); }

    OperationalCard card;
    Ring ring;
};

TEST_F(CardOnDemand, TheCardSaysWhatItCan) {
    EXPECT_EQ(card.host.read(K7_REG_VERSION), K7_VERSION);
    EXPECT_EQ(card.host.read(K7_REG_FEATURES), K7_FEATURE_FM | K7_FEATURE_SMFS | K7_FEATURE_ARM | K7_FEATURE_BULK);
    EXPECT_EQ(card.host.identity().features, card.host.read(K7_REG_FEATURES));
    EXPECT_EQ(card.host.read(K7_REG_BULK_MAX), static_cast<std::uint32_t>(K7_BULK_MAX));
    EXPECT_EQ(ring.read(K7_RING_CONTROL), kOnDemand);
    EXPECT_EQ(card.ring.read(K7_RING_CONTROL), K7_RING_ENABLE);
}

TEST_F(CardOnDemand, NoInterruptUnlessArmed) {
    for (int i = 0; i < 20; ++i) {
        ring.push(ring.entry(K7_CMD_NOP));
        ring.doorbell_and(0);
        ASSERT_TRUE(completes());
    }
    EXPECT_EQ(interrupts_later(), 0u);
}

TEST_F(CardOnDemand, ArmedWithTheSubmission) {
    ring.push(ring.entry(K7_CMD_NOP));
    ring.doorbell_and(K7_DOORBELL_ARM);
    EXPECT_TRUE(eventually([&] { return interrupts() == 1; }));
    ASSERT_TRUE(completes());
    ring.push(ring.entry(K7_CMD_NOP));
    ring.doorbell_and(0);
    ASSERT_TRUE(completes());
    EXPECT_EQ(interrupts_later(), 1u) << "the interrupt disarms";
}

TEST_F(CardOnDemand, ArmingFindsWhatIsThereAlready) {
    ring.push(ring.entry(K7_CMD_NOP));
    ring.doorbell_and(0);
    ASSERT_TRUE(eventually([&] { return ring.read(K7_RING_CQ_TAIL) == 1; }));
    EXPECT_EQ(interrupts_later(), 0u);
    ring.doorbell_and(K7_DOORBELL_ARM);
    EXPECT_TRUE(eventually([&] { return interrupts() == 1; }));
    ASSERT_TRUE(completes());
    ring.doorbell_and(K7_DOORBELL_ARM);
    EXPECT_EQ(interrupts_later(), 1u) << "all is consumed: armed, and nothing to tell";
    ring.push(ring.entry(K7_CMD_NOP));
    ring.doorbell();
    EXPECT_TRUE(eventually([&] { return interrupts() == 2; })) << "still armed";
}

// One CPU sleeps, another one submits and polls.
TEST_F(CardOnDemand, ADoorbellWithoutArmDoesNotDisarm) {
    ring.doorbell_and(K7_DOORBELL_ARM);
    ring.push(ring.entry(K7_CMD_NOP));
    ring.doorbell_and(0);
    EXPECT_TRUE(eventually([&] { return interrupts() == 1; }));
    ASSERT_TRUE(completes());
    ring.push(ring.entry(K7_CMD_NOP));
    ring.doorbell_and(0);
    ASSERT_TRUE(completes());
    EXPECT_EQ(interrupts_later(), 1u);
}

TEST_F(CardOnDemand, EnablingAnewDisarms) {
    ring.doorbell_and(K7_DOORBELL_ARM);
    ASSERT_TRUE(ring.disable());
    ASSERT_EQ(ring.enable(kOnDemand), K7_RING_ENABLED);
    ring.push(ring.entry(K7_CMD_NOP));
    ring.doorbell();
    ASSERT_TRUE(completes());
    EXPECT_EQ(interrupts_later(), 0u);
}

TEST_F(CardOnDemand, WithoutItEveryCompletionInterruptsAndArmDoesNothing) {
    const unsigned before = card.host.interrupts(K7_VECTOR_RING(0));
    for (unsigned i = 1; i <= 3; ++i) {
        card.ring.push(card.ring.entry(K7_CMD_NOP));
        card.ring.doorbell_and(i == 2 ? K7_DOORBELL_ARM : 0);
        ASSERT_TRUE(eventually([&] { return card.host.interrupts(K7_VECTOR_RING(0)) == before + i; }));
        ASSERT_TRUE(card.ring.take(kPatience, false));
    }
}

TEST_F(CardOnDemand, WrongDoorbellsAreIgnoredWhole) {
    const unsigned errors = card.host.guest_errors();
    const std::vector<std::uint32_t> wrong{
        K7_DOORBELL(16u, 0u), K7_DOORBELL(0u, 16u), K7_DOORBELL(1u, 1u), K7_DOORBELL(0xfffu, 0u), 1u << 12, 1u << 28,
        0xffffffffu};
    for (const std::uint32_t value : wrong)
        ring.write(K7_RING_DOORBELL, value);
    EXPECT_EQ(card.host.guest_errors(), errors + wrong.size());
    EXPECT_EQ(ring.read(K7_RING_SQ_HEAD), 0u) << "no tail was taken";
    ring.write(K7_RING_CONTROL, K7_RING_ON_DEMAND);
    EXPECT_EQ(ring.read(K7_RING_STATUS), K7_RING_ENABLED) << "ON_DEMAND alone is nothing";
    card.host.write(K7_REG_RING(5) + K7_RING_DOORBELL, 0);
    EXPECT_EQ(card.host.guest_errors(), errors + wrong.size() + 2);
    EXPECT_EQ(ring.command(K7_CMD_NOP).status, K7_ST_OK);
}

// A driver that polls, arms and sleeps, and that wakes up for an interrupt only. One that is lost ends the test; the
// pauses put arming before, into and after the completion.
TEST_F(CardOnDemand, NoWakeUpIsLost) {
    card.load("slow");
    card.restart();
    ASSERT_EQ(ring.enable(kOnDemand), K7_RING_ENABLED);
    std::minstd_rand random(1);
    for (int round = 0; round < 2000; ++round) {
        const bool slow = random() % 4 == 0;
        ring.push(slow ? ring.entry(K7_CMD_FM_CALL, bytes_of(std::to_string(random() % 100000)), 0xa0fa)
                       : ring.entry(K7_CMD_GET_RANDOM, {}, 1 + random() % 0x8000));
        ring.doorbell_and(0);
        const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(random() % 100000);
        while (std::chrono::steady_clock::now() < until)
            ;
        const unsigned before = interrupts();
        ring.doorbell_and(K7_DOORBELL_ARM);
        ASSERT_TRUE(eventually([&] { return interrupts() == before + 1; }, std::chrono::seconds(20))) << round;
        ASSERT_TRUE(ring.take(std::chrono::milliseconds(0), false)) << "an interrupt without a completion";
    }
}

// The driver consumes a completion as soon as it sees it, and arms at once: the card may still be busy with it.
TEST_F(CardOnDemand, ArmingWhileACompletionIsBeingWritten) {
    for (int round = 0; round < 3000; ++round) {
        ring.push(ring.entry(K7_CMD_NOP));
        ring.doorbell_and(0);
        ASSERT_TRUE(completes());
        const unsigned before = interrupts();
        ring.doorbell_and(K7_DOORBELL_ARM);
        ASSERT_EQ(interrupts(), before) << "what was consumed does not interrupt";
        ring.push(ring.entry(K7_CMD_NOP));
        ring.doorbell();
        ASSERT_TRUE(completes());
        ASSERT_TRUE(eventually([&] { return interrupts() == before + 1; }, std::chrono::seconds(20))) << round;
    }
}

} // namespace
} // namespace k7::test
