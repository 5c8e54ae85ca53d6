// SPDX-License-Identifier: GPL-2.0-or-later
//
// Random programs, half of them nonsense: whatever an FM does, the host stays whole (the sanitizers see to that), the
// count is right, and a second run is the same to the byte.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "tests/unit/fmcpu_assembler.hpp"
#include "tests/unit/fmcpu_machine.hpp"

namespace k7::fm::test {
namespace {

using namespace rv;

/// One of: any word, a random instruction of a known opcode, a short branch or jump, a load or store near data.
Word random_word(std::mt19937 &random) {
    constexpr Word kOpcodes[] = {0x37, 0x17, 0x13, 0x33, 0x03, 0x23, 0x63, 0x6f, 0x67, 0x0f, 0x73};
    constexpr Word kFunct7[] = {0, 1, 0x20, 0x10, 0x30, 0x05}; // of RV32IM, Zba and Zbb
    const auto word = static_cast<Word>(random());
    const auto near = static_cast<std::int32_t>(random() % 64) * 4 - 128;
    switch (random() % 8) {
    case 0:
        return word;
    case 1:
        return b_type(word % 8, (word >> 3) % 32, (word >> 8) % 32, near);
    case 2:
        return jal((word >> 3) % 4, near);
    case 3:
        return i_type(0x03, word % 6, 1 + (word >> 3) % 31, a0, near);
    case 4:
        return s_type(word % 3, (word >> 3) % 32, near, a0);
    case 5:
        return r_type(kFunct7[(word >> 25) % std::size(kFunct7)], word % 8, (word >> 3) % 32, (word >> 8) % 32,
                      (word >> 13) % 32);
    default:
        return (word & ~0x7fu) | kOpcodes[random() % std::size(kOpcodes)];
    }
}

Words random_program(std::mt19937 &random) {
    Words code(16 + random() % 100);
    std::ranges::generate(code, [&] { return random_word(random); });
    return code;
}

TEST(RandomPrograms, NeverHarmTheHostAndAreDeterministic) {
    constexpr std::uint64_t kBudget = 3000;
    std::mt19937 random(0x6b37);
    int ends[3] = {};
    for (int round = 0; round < 10000; ++round) {
        const Words code = random_program(random);
        const Words arguments{kData + K7_FM_PAGE, static_cast<Word>(random()), K7_FM_REPLY_BASE, K7_FM_STACK_TOP};
        Machine first(code);
        Machine second(code);
        for (Machine *machine : {&first, &second}) {
            machine->services.function = [](FmEngine &engine, std::uint32_t number, const auto &values) {
                const auto memory = engine.writable(values[0], values[1] % 10000);
                if (memory)
                    std::ranges::fill(*memory, std::byte{0x77});
                return ServiceResult{number};
            };
            machine->engine->map_message(to_bytes(code));
        }
        const Outcome a = first.call(arguments, kBudget);
        const Outcome b = second.call(arguments, kBudget / 2);
        ++ends[static_cast<int>(a.end)];
        ASSERT_LE(a.instructions, kBudget);
        ASSERT_TRUE(a.fault.cause != K7_FAULT_BUDGET || a.instructions == kBudget);
        ASSERT_EQ(b.instructions, std::min(a.instructions, kBudget / 2)) << "round " << round;
        (void)first.engine->backtrace(a.fault.pc, 32);
        if (a.instructions >= kBudget / 2)
            continue;
        ASSERT_EQ(a.fault.pc, b.fault.pc);
        ASSERT_EQ(first.engine->registers(), second.engine->registers());
        ASSERT_TRUE(
            std::ranges::equal(*first.engine->readable(kData, kDataSize), *second.engine->readable(kData, kDataSize)));
    }
    EXPECT_GT(ends[static_cast<int>(Outcome::End::Faulted)], 1000);
    RecordProperty("returned", ends[static_cast<int>(Outcome::End::Returned)]);
}

// Op by op no instructions are fused, so this compares the fused ops with the single ones.
TEST(RandomPrograms, AreTheSameStepByStep) {
    constexpr std::uint64_t kBudget = 300;
    std::mt19937 random(0x57e9);
    for (int round = 0; round < 2000; ++round) {
        const Words code = random_program(random);
        Machine whole(code);
        Machine steps(code);
        const Outcome one = whole.call({kData + K7_FM_PAGE, 1, 2, 3}, kBudget);
        steps.engine->begin(kCode, Words{kData + K7_FM_PAGE, 1, 2, 3}, kBudget);
        Outcome other;
        do
            other = steps.engine->resume(1);
        while (other.end == Outcome::End::Paused);
        ASSERT_EQ(one.end, other.end) << "round " << round;
        ASSERT_EQ(one.instructions, other.instructions) << "round " << round;
        ASSERT_EQ(one.fault.cause, other.fault.cause);
        ASSERT_EQ(one.fault.pc, other.fault.pc);
        ASSERT_EQ(whole.engine->registers(), steps.engine->registers()) << "round " << round;
        ASSERT_TRUE(
            std::ranges::equal(*whole.engine->readable(kData, kDataSize), *steps.engine->readable(kData, kDataSize)));
    }
}

TEST(RandomPrograms, StopAtEveryBudget) {
    std::mt19937 random(0x5eed);
    for (int round = 0; round < 60; ++round) {
        const Words code = random_program(random);
        const std::uint64_t length = std::min<std::uint64_t>(Machine(code).call({kData}, 400).instructions, 400);
        for (std::uint64_t budget = 0; budget < length; ++budget) {
            const Outcome outcome = Machine(code).call({kData}, budget);
            ASSERT_EQ(outcome.fault.cause, K7_FAULT_BUDGET);
            ASSERT_EQ(outcome.instructions, budget);
            ASSERT_EQ(outcome.fault.pc % 4, 0u);
        }
    }
}

} // namespace
} // namespace k7::fm::test
