// SPDX-License-Identifier: GPL-2.0-or-later
//
// Backtraces of frame chains made by hand, good and hostile.
#include <gtest/gtest.h>

#include "tests/unit/fmcpu_assembler.hpp"
#include "tests/unit/fmcpu_machine.hpp"

namespace k7::fm::test {
namespace {

using namespace rv;

using Trace = std::vector<std::uint32_t>;

constexpr std::size_t kLimit = K7_FAULT_BACKTRACE_MAX;

/// Three functions as gcc -O2 -fno-omit-frame-pointer compiles them; the innermost faults by loading from address 0.
struct CallChain {
    Words code{
        // outer
        addi(sp, sp, -16), sw(ra, 12, sp), sw(s0, 8, sp), addi(s0, sp, 16), jal(ra, 20 /* middle */), // 0x00 .. 0x10
        lw(ra, 12, sp), lw(s0, 8, sp), addi(sp, sp, 16), ret,                                         // 0x14 .. 0x20
        // middle
        addi(sp, sp, -32), sw(s0, 24, sp), sw(ra, 28, sp), sw(s1, 20, sp), addi(s0, sp, 32), // 0x24 .. 0x34
        jal(ra, 20 /* inner */), lw(ra, 28, sp), lw(s0, 24, sp), addi(sp, sp, 32), ret,      // 0x38 .. 0x48
        // inner: ends at 0x4c
    };
    Outcome outcome;
    Trace trace;

    explicit CallChain(const Words &inner) {
        code.insert(code.end(), inner.begin(), inner.end());
        Machine machine(code);
        outcome = machine.call();
        trace = machine.engine->backtrace(outcome.fault.pc, kLimit);
    }
};

constexpr Word kInner = kCode + 0x4c;
constexpr Word kInMiddle = kCode + 0x3c;
constexpr Word kInOuter = kCode + 0x14;

TEST(Backtrace, FunctionWithAFullFrame) {
    const CallChain chain(
        {addi(sp, sp, -16), sw(ra, 12, sp), sw(s0, 8, sp), addi(s0, sp, 16), li(ra, 0), lw(a0, 0, x0)});
    EXPECT_EQ(chain.trace, (Trace{kInner + 20, kInMiddle, kInOuter}));
}

TEST(Backtrace, LeafKeepsItsReturnAddressInRa) {
    const CallChain chain({addi(sp, sp, -16), sw(s0, 12, sp), addi(s0, sp, 16), lw(a0, 0, x0)});
    EXPECT_EQ(chain.trace, (Trace{kInner + 12, kInMiddle, kInOuter}));
}

TEST(Backtrace, PrologueHasNoFrameYet) {
    const CallChain chain({addi(sp, sp, -16), lw(a0, 0, x0)});
    EXPECT_EQ(chain.trace, (Trace{kInner + 4, kInMiddle, kInOuter}));
}

TEST(Backtrace, FirstInstructionHasNoFrameYet) {
    const Words inner{addi(sp, sp, -16), sw(ra, 12, sp), sw(s0, 8, sp), addi(s0, sp, 16), ebreak};
    Machine machine(CallChain(inner).code);
    const Outcome outcome = machine.call({}, 11);
    ASSERT_EQ(outcome.fault.pc, kInner);
    EXPECT_EQ(machine.engine->backtrace(kInner, kLimit), (Trace{kInner, kInMiddle, kInOuter}));
}

TEST(Backtrace, LargeFrameGrowsTwice) {
    const CallChain chain({addi(sp, sp, -2032), sw(ra, 2028, sp), sw(s0, 2024, sp), addi(s0, sp, 2032),
                           addi(sp, sp, -1000), li(ra, 0), lw(a0, 0, x0)});
    EXPECT_EQ(chain.trace, (Trace{kInner + 24, kInMiddle, kInOuter}));
}

TEST(Backtrace, EndsAtTheFunctionThatTheCardCalled) {
    Machine machine({addi(sp, sp, -16), sw(ra, 12, sp), sw(s0, 8, sp), addi(s0, sp, 16), auipc(ra, 0), ebreak});
    EXPECT_EQ(machine.engine->backtrace(machine.call().fault.pc, kLimit), (Trace{kCode + 20}));
}

TEST(Backtrace, EpilogueHasNoFrameAnymore) {
    const CallChain chain({addi(sp, sp, -16), sw(ra, 12, sp), sw(s0, 8, sp), addi(s0, sp, 16), lw(ra, 12, sp),
                           lw(s0, 8, sp), lw(a0, 0, x0)});
    EXPECT_EQ(chain.trace, (Trace{kInner + 24, kInMiddle, kInOuter}));
}

TEST(Backtrace, WildCallShowsItsCaller) {
    const CallChain chain(
        {addi(sp, sp, -16), sw(ra, 12, sp), sw(s0, 8, sp), addi(s0, sp, 16), jalr(ra, x0, 0), ebreak});
    EXPECT_EQ(chain.outcome.fault.cause, K7_FAULT_FETCH_ACCESS);
    EXPECT_EQ(chain.trace, (Trace{0, kInner + 20, kInMiddle, kInOuter}));
}

TEST(Backtrace, RecursionIsCutAtTheLimit) {
    Machine machine({addi(sp, sp, -16), sw(ra, 12, sp), sw(s0, 8, sp), addi(s0, sp, 16), jal(ra, -16)});
    const Outcome outcome = machine.call();
    ASSERT_EQ(outcome.fault.cause, K7_FAULT_STACK_OVERFLOW);
    const Trace trace = machine.engine->backtrace(outcome.fault.pc, kLimit);
    ASSERT_EQ(trace.size(), kLimit);
    EXPECT_EQ(trace[0], kCode + 4);
    for (std::size_t i = 1; i < trace.size(); ++i)
        EXPECT_EQ(trace[i], kCode + 20);
    EXPECT_TRUE(machine.engine->backtrace(outcome.fault.pc, 0).empty());
    EXPECT_EQ(machine.engine->backtrace(outcome.fault.pc, 1), (Trace{kCode + 4}));
}

/// A frame chain that the FM itself wrote, at @p s0_value; the words go to the stack from its top down.
Trace hostile_trace(const Words &stack, Word s0_value, Word ra_value = 0) {
    Machine machine({nop, mv(s0, a0), mv(ra, a1), ebreak, ret});
    Word top = K7_FM_STACK_TOP;
    for (const Word word : stack) {
        top -= 4;
        std::memcpy(machine.engine->writable(top, 4)->data(), &word, 4);
    }
    const Outcome outcome = machine.call({s0_value, ra_value});
    return machine.engine->backtrace(outcome.fault.pc, kLimit);
}

constexpr Word kPc = kCode + 12;
constexpr Word kTop = K7_FM_STACK_TOP;

TEST(Backtrace, BelievesNothing) {
    const Trace only_pc{kPc};
    EXPECT_EQ(hostile_trace({kCode, 0}, kTop), (Trace{kPc, kCode})) << "the shape of the other cases is right";
    EXPECT_EQ(hostile_trace({}, 0), only_pc);
    EXPECT_EQ(hostile_trace({}, 0xffffffff), only_pc);
    EXPECT_EQ(hostile_trace({}, 4), only_pc);
    EXPECT_EQ(hostile_trace({}, kTop - K7_FM_STACK_SIZE), only_pc) << "its words would lie in the guard";
    EXPECT_EQ(hostile_trace({}, kTop + 4), only_pc);
    EXPECT_EQ(hostile_trace({}, kData + 16), only_pc) << "frames lie in the stack";
    EXPECT_EQ(hostile_trace({kCode, 0}, kTop - 2), only_pc) << "misaligned frame";
    EXPECT_EQ(hostile_trace({kData, 0}, kTop), only_pc) << "return address that is no code";
    EXPECT_EQ(hostile_trace({kCode + 2, 0}, kTop), only_pc) << "misaligned return address";
    EXPECT_EQ(hostile_trace({kCode, kTop}, kTop), (Trace{kPc, kCode})) << "a frame that is its own caller";
    EXPECT_EQ(hostile_trace({kCode, kTop - 8, kCode + 4, kTop}, kTop - 8), (Trace{kPc, kCode + 4, kCode}))
        << "a ring of frames";
}

} // namespace
} // namespace k7::fm::test
