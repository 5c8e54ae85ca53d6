// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every fault: its cause, exact pc, address, instruction word, count and registers.
#include <gtest/gtest.h>

#include "tests/unit/fmcpu_assembler.hpp"
#include "tests/unit/fmcpu_machine.hpp"

namespace k7::fm::test {
namespace {

using namespace rv;

constexpr Word kStackEnd = K7_FM_STACK_TOP - K7_FM_STACK_SIZE;

/// Runs @p instruction as the third of a program, with a1 = @p address. Two instructions come before it.
struct FaultRun {
    Machine machine;
    Outcome outcome;

    explicit FaultRun(Word instruction, Word address = 0)
        : machine({nop, mv(a2, a1), instruction, li(a0, 1), ret}), outcome(machine.call({7, address})) {}
};

void expect_fault(const FaultRun &run, Word instruction, std::uint32_t cause, Word address) {
    const Fault &fault = run.outcome.fault;
    ASSERT_EQ(run.outcome.end, Outcome::End::Faulted);
    EXPECT_EQ(fault.cause, cause);
    EXPECT_EQ(fault.pc, kCode + 8);
    EXPECT_EQ(fault.address, address) << std::hex << fault.address;
    EXPECT_EQ(fault.instruction, instruction);
    EXPECT_EQ(run.outcome.instructions, 2u);
    EXPECT_EQ(run.machine.engine->registers()[a0], 7u) << "the faulting instruction must not have run";
    EXPECT_EQ(run.machine.engine->registers()[a2], run.machine.engine->registers()[a1]);
}

struct DataCase {
    const char *name;
    Word instruction;
    Word a1;
    std::uint32_t cause;
    std::int32_t offset = 0;
};

void PrintTo(const DataCase &data, std::ostream *out) {
    *out << data.name;
}

class DataFault : public testing::TestWithParam<DataCase> {};

TEST_P(DataFault, IsPrecise) {
    const DataCase &data = GetParam();
    expect_fault(FaultRun(data.instruction, data.a1), data.instruction, data.cause,
                 data.a1 + static_cast<Word>(data.offset));
}

const DataCase kDataCases[] = {
    {"load null", lw(a0, 0, a1), 0, K7_FAULT_LOAD_ACCESS},
    {"store null", sw(a1, 0, a1), 0, K7_FAULT_STORE_ACCESS},
    {"load byte at the end of page 0", lbu(a0, -1, a1), 0x1000, K7_FAULT_LOAD_ACCESS, -1},
    {"wild store", sb(a2, 0, a1), 0xdead0000, K7_FAULT_STORE_ACCESS},
    {"last address", lb(a0, 0, a1), 0xffffffff, K7_FAULT_LOAD_ACCESS},
    {"offset wraps below 0", lw(a0, -4, a1), 0, K7_FAULT_LOAD_ACCESS, -4},
    {"end of the space", lw(a0, 0, a1), K7_FM_SPACE, K7_FAULT_LOAD_ACCESS},
    {"last word of the space", lw(a0, -4, a1), K7_FM_SPACE, K7_FAULT_LOAD_ACCESS, -4},
    {"aliases of mapped memory above the space", lw(a0, 0, a1), kData + K7_FM_SPACE, K7_FAULT_LOAD_ACCESS},
    {"store to code", sw(a0, 0, a1), kCode, K7_FAULT_STORE_ACCESS},
    {"store to constants", sb(a0, 0, a1), kHeader, K7_FAULT_STORE_ACCESS},
    {"load below the image", lhu(a0, -2, a1), K7_FM_IMAGE_BASE, K7_FAULT_LOAD_ACCESS, -2},
    {"store beyond the data", sw(a0, 0, a1), kData + kDataSize, K7_FAULT_STORE_ACCESS},
    {"store below the data", sw(a0, -4, a1), kData, K7_FAULT_STORE_ACCESS, -4},
    {"store below the heap", sb(a0, -1, a1), K7_FM_HEAP_BASE, K7_FAULT_STORE_ACCESS, -1},
    {"store beyond the heap", sb(a0, 0, a1), K7_FM_HEAP_BASE + K7_FM_HEAP_SIZE, K7_FAULT_STORE_ACCESS},
    {"request without a message", lb(a0, 0, a1), K7_FM_REQUEST_BASE, K7_FAULT_LOAD_ACCESS},
    {"reply without a message", sb(a0, 0, a1), K7_FM_REPLY_BASE, K7_FAULT_STORE_ACCESS},
    {"store above the stack", sw(a0, 0, a1), K7_FM_STACK_TOP, K7_FAULT_STORE_ACCESS},
    {"store into the guard", sw(a0, -4, a1), kStackEnd, K7_FAULT_STACK_OVERFLOW, -4},
    {"load from the guard", lb(a0, 0, a1), kStackEnd - K7_FM_STACK_GUARD, K7_FAULT_STACK_OVERFLOW},
    {"misaligned in the guard", sw(a0, -3, a1), kStackEnd, K7_FAULT_STACK_OVERFLOW, -3},
    {"below the guard", sw(a0, -4, a1), kStackEnd - K7_FM_STACK_GUARD, K7_FAULT_STORE_ACCESS, -4},
    {"lw + 1", lw(a0, 1, a1), kData, K7_FAULT_LOAD_MISALIGNED, 1},
    {"lw + 2", lw(a0, 2, a1), kData, K7_FAULT_LOAD_MISALIGNED, 2},
    {"lw + 3", lw(a0, 0, a1), kData + 3, K7_FAULT_LOAD_MISALIGNED},
    {"lh + 1", lh(a0, 1, a1), kData, K7_FAULT_LOAD_MISALIGNED, 1},
    {"lhu + 3", lhu(a0, 3, a1), kData, K7_FAULT_LOAD_MISALIGNED, 3},
    {"lw across two pages", lw(a0, -2, a1), kData + K7_FM_PAGE, K7_FAULT_LOAD_MISALIGNED, -2},
    {"sw + 1", sw(a0, 1, a1), kData, K7_FAULT_STORE_MISALIGNED, 1},
    {"sw + 2", sw(a0, 2, a1), kData, K7_FAULT_STORE_MISALIGNED, 2},
    {"sh + 1", sh(a0, 1, a1), kData, K7_FAULT_STORE_MISALIGNED, 1},
    {"sh across two pages", sh(a0, -1, a1), kData + K7_FM_PAGE, K7_FAULT_STORE_MISALIGNED, -1},
    {"misaligned null is misaligned", lw(a0, 1, a1), 0, K7_FAULT_LOAD_MISALIGNED, 1},
};
INSTANTIATE_TEST_SUITE_P(All, DataFault, testing::ValuesIn(kDataCases));

class IllegalInstruction : public testing::TestWithParam<Word> {};

TEST_P(IllegalInstruction, IsPrecise) {
    expect_fault(FaultRun(GetParam()), GetParam(), K7_FAULT_ILLEGAL_INSTRUCTION, 0);
}

INSTANTIATE_TEST_SUITE_P(Defined, IllegalInstruction, testing::Values(0x00000000, 0xffffffff));
INSTANTIATE_TEST_SUITE_P(Compressed, IllegalInstruction,
                         testing::Values(0x00010001 /* c.nop c.nop */, 0x8082 /* c.ret */, 0x4501 /* c.li a0 */,
                                         0x9002 /* c.ebreak */, 0xffff));
INSTANTIATE_TEST_SUITE_P(System, IllegalInstruction,
                         testing::Values(0xc0002573 /* rdcycle a0 */, 0x30051073 /* csrw mstatus, a0 */,
                                         0x30200073 /* mret */, 0x10500073 /* wfi */, 0x00200073 /* uret */,
                                         0x000000f3 /* ecall with rd */, 0x00008073 /* ecall with rs1 */,
                                         0x12000073 /* sfence.vma */, fence_i));
INSTANTIATE_TEST_SUITE_P(OtherExtensions, IllegalInstruction,
                         testing::Values(0x00052007 /* flw */, 0x00053007 /* fld */, 0x00052027 /* fsw */,
                                         0x00000053 /* fadd.s */, 0x00000043 /* fmadd.s */, 0x1005252f /* lr.w */,
                                         0x0005252f /* amoadd.w */, 0x28a515b3 /* bset */, 0x48a515b3 /* bclr */,
                                         0x0aa515b3 /* clmul */, 0x08a545b3 /* pack */));
INSTANTIATE_TEST_SUITE_P(Rv64, IllegalInstruction,
                         testing::Values(0x00053503 /* ld */, 0x00a53023 /* sd */, 0x00056503 /* lwu */,
                                         0x0015051b /* addiw */, 0x00a5053b /* addw */, 0x02051513 /* slli 32 */,
                                         0x02055513 /* srli 32 */, 0x42055513 /* srai 32 */, 0x62055513 /* rori 32 */,
                                         0x6b855513 /* rev8 */, 0x0805453b /* zext.h */));
INSTANTIATE_TEST_SUITE_P(Reserved, IllegalInstruction,
                         testing::Values(0x00057503 /* load funct3 7 */, 0x00a54023 /* store funct3 4 */,
                                         0x00a52063 /* branch funct3 2 */, 0x00a53063 /* branch funct3 3 */,
                                         0x00051067 /* jalr funct3 1 */, 0x40a51533 /* sll funct7 0x20 */,
                                         0x80a54533 /* xor funct7 0x40 */, 0x04a50533 /* add funct7 2 */,
                                         0x80051513 /* slli funct7 0x40 */, 0x60351513 /* clz 3 */,
                                         0x28655513 /* orc 6 */, 0x0000200f /* fence funct3 2 */));

TEST(Ebreak, IsABreakpoint) {
    expect_fault(FaultRun(ebreak), ebreak, K7_FAULT_BREAKPOINT, 0);
}

TEST(Ecall, RefusedByTheServiceFaultsAtTheEcall) {
    expect_fault(FaultRun(ecall), ecall, K7_FAULT_BAD_SERVICE, 0);
}

TEST(Ecall, PassesNumberAndArgumentsAndChangesOnlyA0) {
    Machine machine({li(a7, 99), ecall, ret});
    std::uint32_t seen_number = 0;
    std::array<Word, 6> seen{};
    machine.services.function = [&](FmEngine &engine, std::uint32_t number, const std::array<Word, 6> &arguments) {
        EXPECT_EQ(&engine, machine.engine.get());
        seen_number = number;
        seen = arguments;
        return ServiceResult{0xabcd0001};
    };
    const Outcome outcome = machine.call({1, 2, 3, 4, 5, 6, 7, 8});
    EXPECT_EQ(outcome.value, 0xabcd0001);
    EXPECT_EQ(outcome.instructions, 3u);
    EXPECT_EQ(seen_number, 99u);
    EXPECT_EQ(seen, (std::array<Word, 6>{1, 2, 3, 4, 5, 6}));
    const auto registers = machine.engine->registers();
    for (Word i = 1; i < 7; ++i)
        EXPECT_EQ(registers[a0 + i], i + 1);
    EXPECT_EQ(registers[a7], 99u);
    EXPECT_EQ(registers[sp], K7_FM_STACK_TOP);
}

TEST(Ecall, ServicesReachMemoryInBothDirections) {
    Machine machine({ecall, lw(a0, 0, a1), ret});
    machine.services.function = [](FmEngine &engine, std::uint32_t, const std::array<Word, 6> &arguments) {
        const auto memory = engine.writable(arguments[1], 4);
        const Word value = 4711;
        std::memcpy(memory->data(), &value, sizeof value);
        return ServiceResult{};
    };
    EXPECT_EQ(machine.call({0, kData + K7_FM_PAGE}).value, 4711u);
}

TEST(Ecall, AnExceptionOfTheServiceLeavesAUsableEngine) {
    Machine machine({ecall, ret});
    machine.services.function = [](FmEngine &, std::uint32_t, const std::array<Word, 6> &) -> ServiceResult {
        throw std::runtime_error("the store is gone");
    };
    EXPECT_THROW(machine.call({}, 2), std::runtime_error);
    machine.services.function = [](FmEngine &, std::uint32_t, const std::array<Word, 6> &) { return ServiceResult{3}; };
    EXPECT_EQ(machine.call({}, 3).value, 3u);
}

struct JumpCase {
    const char *name;
    Word target;
    std::uint32_t cause;
};

void PrintTo(const JumpCase &jump, std::ostream *out) {
    *out << jump.name;
}

class BadJump : public testing::TestWithParam<JumpCase> {};

// A bad jump has run: it is counted, it has linked, and the report shows where it went and, in ra, where from.
TEST_P(BadJump, ReportsTargetAndCaller) {
    Machine machine({nop, jalr(ra, a1, 0), ret});
    const Outcome outcome = machine.call({0, GetParam().target});
    ASSERT_EQ(outcome.end, Outcome::End::Faulted);
    EXPECT_EQ(outcome.fault.cause, GetParam().cause);
    EXPECT_EQ(outcome.fault.pc, GetParam().target);
    EXPECT_EQ(outcome.fault.address, GetParam().target);
    EXPECT_EQ(outcome.fault.instruction, 0u);
    EXPECT_EQ(outcome.instructions, 2u);
    EXPECT_EQ(machine.engine->registers()[ra], kCode + 8);
}

const JumpCase kJumpCases[] = {
    {"null", 0, K7_FAULT_FETCH_ACCESS},
    {"data", kData, K7_FAULT_FETCH_ACCESS},
    {"constants", kHeader, K7_FAULT_FETCH_ACCESS},
    {"stack", K7_FM_STACK_TOP - 16, K7_FAULT_FETCH_ACCESS},
    {"guard", kStackEnd - 16, K7_FAULT_FETCH_ACCESS},
    {"before the code", kCode - 4, K7_FAULT_FETCH_ACCESS},
    {"after the code", kCode + K7_FM_PAGE, K7_FAULT_FETCH_ACCESS},
    {"beyond the space", K7_FM_SPACE + kCode, K7_FAULT_FETCH_ACCESS},
    {"wild", 0xdeadbee0, K7_FAULT_FETCH_ACCESS},
    {"after the exit", K7_FM_EXIT_ADDRESS + 4, K7_FAULT_FETCH_ACCESS},
    {"misaligned code", kCode + 2, K7_FAULT_FETCH_MISALIGNED},
    {"misaligned null", 2, K7_FAULT_FETCH_MISALIGNED},
    {"misaligned exit", K7_FM_EXIT_ADDRESS + 2, K7_FAULT_FETCH_MISALIGNED},
};
INSTANTIATE_TEST_SUITE_P(All, BadJump, testing::ValuesIn(kJumpCases));

TEST(BadJump, JalAndBranchOutOfTheCode) {
    for (const Word jump : {jal(x0, -8), beq(x0, x0, -8)}) {
        const Outcome outcome = Machine({nop, jump}).call();
        EXPECT_EQ(outcome.fault.cause, K7_FAULT_FETCH_ACCESS);
        EXPECT_EQ(outcome.fault.pc, kCode - 4);
        EXPECT_EQ(outcome.fault.address, kCode - 4);
        EXPECT_EQ(outcome.instructions, 2u);
    }
}

TEST(BadJump, MisalignedJalAndBranch) {
    for (const Word jump : {jal(x0, 6), bne(sp, x0, 6)}) {
        const Outcome outcome = Machine({nop, jump, nop, nop}).call();
        EXPECT_EQ(outcome.fault.cause, K7_FAULT_FETCH_MISALIGNED);
        EXPECT_EQ(outcome.fault.pc, kCode + 10);
        EXPECT_EQ(outcome.instructions, 2u);
    }
}

TEST(BadJump, MisalignedBranchThatIsNotTakenIsNone) {
    EXPECT_EQ(Machine({beq(sp, x0, 6), ret}).call({8}).value, 8u);
}

TEST(BadJump, CallOfABadAddressFaultsBeforeAnyInstruction) {
    Machine machine({ret});
    for (const Word address : {0u, kData, kCode + 2, kCode - 4}) {
        const Outcome outcome = machine.call({}, Machine::kBudget, address);
        ASSERT_EQ(outcome.end, Outcome::End::Faulted);
        EXPECT_EQ(outcome.fault.cause, address % 4 != 0 ? K7_FAULT_FETCH_MISALIGNED : K7_FAULT_FETCH_ACCESS);
        EXPECT_EQ(outcome.fault.pc, address);
        EXPECT_EQ(outcome.instructions, 0u);
    }
}

TEST(RunningOff, TheEndOfTheCodeFaultsThere) {
    const Outcome outcome = Machine(Words(K7_FM_PAGE / 4, nop)).call();
    EXPECT_EQ(outcome.fault.cause, K7_FAULT_FETCH_ACCESS);
    EXPECT_EQ(outcome.fault.pc, kCode + K7_FM_PAGE);
    EXPECT_EQ(outcome.fault.address, kCode + K7_FM_PAGE);
    EXPECT_EQ(outcome.instructions, K7_FM_PAGE / 4);
}

TEST(RunningOff, TheLastInstructionMeetsZeros) {
    const Outcome outcome = Machine({nop}).call();
    EXPECT_EQ(outcome.fault.cause, K7_FAULT_ILLEGAL_INSTRUCTION);
    EXPECT_EQ(outcome.fault.pc, kCode + 4);
    EXPECT_EQ(outcome.instructions, 1u);
}

TEST(Segments, CodeRunsAcrossNeighboursAndJumpsOverGaps) {
    ElfBuilder builder = ElfBuilder::with_code(Words(K7_FM_PAGE / 4, nop));
    constexpr Word kNext = kCode + K7_FM_PAGE;
    constexpr Word kFar = 0x00300000;
    builder.parts.push_back({kNext, to_bytes({lui(t0, kFar >> 12), jalr(x0, t0, 0)}), PF_R | PF_X});
    builder.parts.push_back({kFar, to_bytes({li(a0, 42), ret}), PF_R | PF_X});
    Machine machine(builder);
    const Outcome outcome = machine.call();
    EXPECT_EQ(outcome.value, 42u);
    EXPECT_EQ(outcome.instructions, K7_FM_PAGE / 4 + 4);
    const Outcome gap = machine.call({}, Machine::kBudget, kNext + K7_FM_PAGE);
    EXPECT_EQ(gap.fault.cause, K7_FAULT_FETCH_ACCESS);
    EXPECT_EQ(gap.fault.pc, kNext + K7_FM_PAGE);
}

TEST(StackOverflow, EndlessRecursionIsFound) {
    Machine machine({addi(sp, sp, -16), sw(ra, 12, sp), jal(ra, -8)});
    const Outcome outcome = machine.call();
    EXPECT_EQ(outcome.fault.cause, K7_FAULT_STACK_OVERFLOW);
    EXPECT_EQ(outcome.fault.pc, kCode + 4);
    EXPECT_EQ(outcome.fault.address, kStackEnd - 4);
    EXPECT_EQ(outcome.instructions, K7_FM_STACK_SIZE / 16 * 3 + 1);
}

} // namespace
} // namespace k7::fm::test
