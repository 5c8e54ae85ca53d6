// SPDX-License-Identifier: GPL-2.0-or-later
//
// A call that is run in slices ends as one that is run in one go: same result, same count, same pc, same memory.
#include <gtest/gtest.h>

#include "tests/unit/fmcpu_assembler.hpp"
#include "tests/unit/fmcpu_machine.hpp"

namespace k7::fm::test {
namespace {

using namespace rv;

/// A loop of a0 rounds with a call, branches, memory at a1 and a service in each round.
const Words kProgram = {
    mv(s1, ra),       // 0
    mv(s0, a0),       // 4
    li(t0, 0),        // 8
    jal(ra, 32),      // 12  -> 44
    andi(t2, s0, 1),  // 16
    beq(t2, x0, 8),   // 20  -> 28
    addi(t0, t0, 3),  // 24
    addi(s0, s0, -1), // 28
    bne(s0, x0, -20), // 32  -> 12
    mv(a0, t0),       // 36
    jalr(x0, s1, 0),  // 40
    li(a7, 7),        // 44
    ecall,            // 48
    add(t0, t0, a0),  // 52
    sw(t0, 0, a1),    // 56
    ret,              // 60
};

struct SliceMachine : Machine {
    explicit SliceMachine(const Words &code) : Machine(code) {
        services.function = [this](FmEngine &, std::uint32_t, const std::array<Word, 6> &) {
            return ServiceResult{++served};
        };
    }
    Outcome in_slices(const Words &arguments, std::uint64_t slice, std::uint64_t budget = kBudget) {
        engine->begin(kCode, arguments, budget);
        Outcome outcome;
        std::uint64_t last = 0;
        do {
            outcome = engine->resume(slice);
            EXPECT_LE(outcome.instructions - last, slice);
            last = outcome.instructions;
            ++slices;
        } while (outcome.end == Outcome::End::Paused);
        return outcome;
    }
    std::uint32_t served = 0;
    unsigned slices = 0;
};

void expect_same(SliceMachine &whole, const Outcome &a, SliceMachine &cut, const Outcome &b, const std::string &what) {
    ASSERT_EQ(a.end, b.end) << what;
    EXPECT_EQ(a.value, b.value) << what;
    EXPECT_EQ(a.instructions, b.instructions) << what;
    EXPECT_EQ(a.fault.cause, b.fault.cause) << what;
    EXPECT_EQ(a.fault.pc, b.fault.pc) << what;
    EXPECT_EQ(a.fault.address, b.fault.address) << what;
    EXPECT_EQ(a.fault.instruction, b.fault.instruction) << what;
    EXPECT_EQ(whole.served, cut.served) << what;
    EXPECT_EQ(whole.engine->registers(), cut.engine->registers()) << what;
    EXPECT_TRUE(std::ranges::equal(*whole.engine->readable(kData, kDataSize), *cut.engine->readable(kData, kDataSize)));
}

TEST(Slices, OfEveryLengthChangeNothing) {
    SliceMachine whole(kProgram);
    const Outcome outcome = whole.call({9, kData});
    ASSERT_EQ(outcome.end, Outcome::End::Returned);
    for (std::uint64_t slice = 1; slice <= outcome.instructions + 1; ++slice) {
        SliceMachine cut(kProgram);
        expect_same(whole, outcome, cut, cut.in_slices({9, kData}, slice), "slice " + std::to_string(slice));
        EXPECT_EQ(cut.slices, (outcome.instructions + slice - 1) / slice);
    }
}

// A pause after each instruction, then on to the end at once.
TEST(Slices, OnePauseAtEveryInstruction) {
    SliceMachine whole(kProgram);
    const Outcome outcome = whole.call({9, kData});
    for (std::uint64_t pause = 0; pause < outcome.instructions; ++pause) {
        SliceMachine cut(kProgram);
        cut.engine->begin(kCode, Words{9, kData}, Machine::kBudget);
        const Outcome paused = cut.engine->resume(pause);
        ASSERT_EQ(paused.end, Outcome::End::Paused);
        ASSERT_EQ(paused.instructions, pause);
        expect_same(whole, outcome, cut, cut.engine->resume(FmEngine::kToTheEnd), "pause " + std::to_string(pause));
    }
}

TEST(Slices, TheBudgetStaysExact) {
    for (const std::uint64_t budget : {0u, 1u, 17u, 100u, 101u}) {
        SliceMachine whole(kProgram);
        const Outcome outcome = whole.call({1000, kData}, budget);
        ASSERT_EQ(outcome.fault.cause, K7_FAULT_BUDGET);
        for (const std::uint64_t slice : {1u, 7u, 50u, 100u, 101u, 1000u}) {
            SliceMachine cut(kProgram);
            expect_same(whole, outcome, cut, cut.in_slices({1000, kData}, slice, budget), std::to_string(slice));
        }
    }
}

TEST(Slices, FaultsStayWhereTheyAre) {
    const std::vector<Words> programs{
        {nop, nop, lw(a0, 0, x0)}, {nop, ebreak}, {nop, nop, jalr(ra, x0, 8)},
        {nop, sw(a0, 1, a1)},      {nop, nop}, // runs off its end
    };
    for (const Words &code : programs) {
        SliceMachine whole(code);
        const Outcome outcome = whole.call({1, kData});
        ASSERT_EQ(outcome.end, Outcome::End::Faulted);
        for (std::uint64_t slice = 1; slice < 5; ++slice) {
            SliceMachine cut(code);
            expect_same(whole, outcome, cut, cut.in_slices({1, kData}, slice), std::to_string(slice));
        }
    }
}

TEST(Slices, LongLoops) {
    const Words code{addi(a0, a0, -1), bne(a0, x0, -4), lw(a0, 0, x0)};
    for (const std::uint64_t slice : {999u, 20000u, 262144u, 300001u}) {
        SliceMachine whole(code);
        SliceMachine cut(code);
        const Outcome outcome = whole.call({1'000'003});
        expect_same(whole, outcome, cut, cut.in_slices({1'000'003}, slice), std::to_string(slice));
    }
}

struct LongServices final : ServiceHandler {
    ServiceResult service(FmEngine &, std::uint32_t number, const std::array<std::uint32_t, 6> &) override {
        ++served;
        return {number, {}};
    }
    [[nodiscard]] bool takes_long(std::uint32_t number, const std::array<std::uint32_t, 6> &) const override {
        return number == 8;
    }
    unsigned served = 0;
};

TEST(Slices, PauseBeforeAServiceThatTakesLong) {
    LongServices services;
    const std::atomic<bool> kill{false};
    const auto engine = make_rv32im_engine(
        ElfBuilder::with_code({li(a7, 7), ecall, li(a7, 8), ecall, addi(a0, a0, 1), ret}).build(), services, kill);
    engine->begin(kCode, {}, 100);
    for (int i = 0; i < 2; ++i) {
        const Outcome outcome = engine->resume(50);
        EXPECT_EQ(outcome.end, Outcome::End::Paused);
        EXPECT_EQ(outcome.instructions, 3u);
        EXPECT_EQ(services.served, 1u) << "the long one did not run";
    }
    const Outcome outcome = engine->resume(FmEngine::kToTheEnd);
    EXPECT_EQ(outcome.value, 9u);
    EXPECT_EQ(outcome.instructions, 6u);
    EXPECT_EQ(services.served, 2u);
}

TEST(Slices, PauseAfterManyServices) {
    LongServices services;
    const std::atomic<bool> kill{false};
    const auto engine = make_rv32im_engine(ElfBuilder::with_code({ecall, jal(x0, -4)}).build(), services, kill);
    engine->begin(kCode, {}, 1'000'000);
    for (unsigned slice = 1; slice <= 3; ++slice) {
        EXPECT_EQ(engine->resume(10000).end, Outcome::End::Paused);
        EXPECT_EQ(services.served, slice * FmEngine::kServicesPerSlice);
    }
}

TEST(Slices, AKilledCallEnds) {
    Machine machine({jal(x0, 0)});
    machine.engine->begin(kCode, {}, UINT64_MAX);
    EXPECT_EQ(machine.engine->resume(1000).end, Outcome::End::Paused);
    machine.kill = true;
    EXPECT_EQ(machine.engine->resume(1000).end, Outcome::End::Killed);
}

} // namespace
} // namespace k7::fm::test
