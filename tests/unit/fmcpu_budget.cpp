// SPDX-License-Identifier: GPL-2.0-or-later
//
// The instruction budget is exact, the same call runs the same way every time, and the kill flag ends everything.
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/fmcpu_assembler.hpp"
#include "tests/unit/fmcpu_machine.hpp"

namespace k7::fm::test {
namespace {

using namespace rv;

/// A loop of a0 rounds with a call, branches that are taken and not taken, and memory at a1.
const Words kMixed = {
    mv(s1, ra),       // 0
    li(t0, 0),        // 4
    mv(t1, a0),       // 8
    jal(ra, 28),      // 12  -> 40
    andi(t2, t1, 1),  // 16
    beq(t2, x0, 8),   // 20  -> 28
    addi(t0, t0, 3),  // 24
    addi(t1, t1, -1), // 28
    bne(t1, x0, -20), // 32  -> 12
    jal(x0, 20),      // 36  -> 56
    sw(t0, 0, a1),    // 40
    lw(t3, 0, a1),    // 44
    add(t0, t3, t1),  // 48
    ret,              // 52
    mv(a0, t0),       // 56
    jalr(x0, s1, 0),  // 60
};

TEST(Budget, StopsAfterExactlyThatManyInstructions) {
    Machine reference(kMixed);
    const Outcome full = reference.call({23, kData});
    ASSERT_EQ(full.end, Outcome::End::Returned);
    for (std::uint64_t budget = 0; budget < full.instructions; ++budget) {
        Machine machine(kMixed);
        const Outcome outcome = machine.call({23, kData}, budget);
        ASSERT_EQ(outcome.end, Outcome::End::Faulted) << budget;
        ASSERT_EQ(outcome.fault.cause, K7_FAULT_BUDGET) << budget;
        ASSERT_EQ(outcome.instructions, budget);
    }
    EXPECT_EQ(reference.call({23, kData}, full.instructions).end, Outcome::End::Returned);
}

TEST(Budget, StopsWhereSingleStepsWouldBe) {
    const Words code(100, nop);
    Machine machine(code);
    for (std::uint64_t budget = 0; budget < code.size(); ++budget) {
        const Outcome outcome = machine.call({}, budget);
        ASSERT_EQ(outcome.fault.cause, K7_FAULT_BUDGET);
        ASSERT_EQ(outcome.fault.pc, kCode + 4 * budget);
        ASSERT_EQ(outcome.fault.instruction, nop);
    }
}

TEST(Budget, LargeBudgetsAreExactToo) {
    // Larger than a grant of the interpreter's, and not a multiple of the loop.
    Machine machine({addi(a0, a0, 1), addi(a1, a1, 1), jal(x0, -8)});
    for (const std::uint64_t budget : {1'000'000ull, 1'000'001ull, 1'000'002ull, 2'097'151ull, 3'333'333ull}) {
        const Outcome outcome = machine.call({}, budget);
        EXPECT_EQ(outcome.fault.cause, K7_FAULT_BUDGET);
        EXPECT_EQ(outcome.instructions, budget);
        EXPECT_EQ(outcome.fault.pc, kCode + 4 * (budget % 3));
        const auto registers = machine.engine->registers();
        EXPECT_EQ(registers[a0], (budget + 2) / 3);
        EXPECT_EQ(registers[a1], (budget + 1) / 3);
    }
}

TEST(Budget, FaultCountsAreExactInLongRuns) {
    Machine machine({addi(a0, a0, -1), bne(a0, x0, -4), lw(a0, 0, x0)});
    for (const Word rounds : {1u, 2u, 131'071u, 262'144u, 1'000'003u}) {
        const Outcome outcome = machine.call({rounds});
        EXPECT_EQ(outcome.fault.cause, K7_FAULT_LOAD_ACCESS);
        EXPECT_EQ(outcome.instructions, std::uint64_t{rounds} * 2);
    }
}

TEST(Budget, OneMoreThanNeededChangesNothing) {
    Machine machine({li(a0, 5), ret});
    EXPECT_EQ(machine.call({}, 1).fault.cause, K7_FAULT_BUDGET);
    EXPECT_EQ(machine.call({}, 2).value, 5u);
    EXPECT_EQ(machine.call({}, 3).value, 5u);
    EXPECT_EQ(machine.call({}, UINT64_MAX).value, 5u);
}

TEST(Budget, AStopLeavesNoTraceInTheCode) {
    Machine machine({addi(a0, a0, 1), addi(a0, a0, 2), addi(a0, a0, 3), ret});
    for (std::uint64_t budget = 0; budget < 4; ++budget)
        EXPECT_EQ(machine.call({0}, budget).fault.cause, K7_FAULT_BUDGET);
    EXPECT_EQ(machine.call({0}).value, 6u);
}

TEST(Budget, AnotherFaultAtTheLastInstructionWins) {
    Machine machine({nop, ebreak});
    EXPECT_EQ(machine.call({}, 1).fault.cause, K7_FAULT_BUDGET);
    EXPECT_EQ(machine.call({}, 2).fault.cause, K7_FAULT_BREAKPOINT);
    Machine jump({jalr(ra, x0, 0)});
    EXPECT_EQ(jump.call({}, 1).fault.cause, K7_FAULT_FETCH_ACCESS);
}

TEST(Determinism, TheSameCallEndsTheSameWayToTheByte) {
    Machine first(kMixed);
    Machine second(kMixed);
    for (const std::uint64_t budget : {100ull, 131ull, 1000ull, 4242ull}) {
        const Outcome a = first.call({1000, kData}, budget);
        const Outcome b = second.call({1000, kData}, budget);
        EXPECT_EQ(a.instructions, b.instructions);
        EXPECT_EQ(a.fault.pc, b.fault.pc);
        EXPECT_EQ(first.engine->registers(), second.engine->registers());
        const auto memory_a = *first.engine->readable(kData, kDataSize);
        const auto memory_b = *second.engine->readable(kData, kDataSize);
        EXPECT_TRUE(std::ranges::equal(memory_a, memory_b));
    }
}

/// Calls an endless FM and kills it from another thread. @return how long the call went on after the kill
std::chrono::duration<double> time_to_die(const Words &code, int attempts = 10) {
    Machine machine(code);
    machine.services.function = [](FmEngine &, std::uint32_t, const std::array<Word, 6> &) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return ServiceResult{};
    };
    std::chrono::steady_clock::time_point killed;
    std::thread killer([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        killed = std::chrono::steady_clock::now();
        machine.kill = true;
    });
    const Outcome outcome = machine.call({}, UINT64_MAX);
    const auto ended = std::chrono::steady_clock::now();
    killer.join();
    EXPECT_EQ(outcome.end, Outcome::End::Killed);
    if (outcome.instructions == 0 && attempts > 1) // on a busy machine the kill may come before the call has begun
        return time_to_die(code, attempts - 1);
    EXPECT_GT(outcome.instructions, 0u);
    return ended - killed;
}

TEST(Kill, EndsAnEndlessLoopSoon) {
    EXPECT_LT(time_to_die({jal(x0, 0)}).count(), 10.0);
}

TEST(Kill, EndsALoopOfSlowServicesSoon) {
    EXPECT_LT(time_to_die({ecall, jal(x0, -4)}).count(), 10.0);
}

TEST(Kill, BeforeTheCallNothingRuns) {
    Machine machine({ebreak});
    machine.kill = true;
    const Outcome outcome = machine.call();
    EXPECT_EQ(outcome.end, Outcome::End::Killed);
    EXPECT_EQ(outcome.instructions, 0u);
    machine.kill = false;
    EXPECT_EQ(machine.call().fault.cause, K7_FAULT_BREAKPOINT);
}

} // namespace
} // namespace k7::fm::test
