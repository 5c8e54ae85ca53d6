// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every RV32IM instruction with the values at which implementations go wrong. Expected values are written down from
// the RISC-V manual, not computed the way the interpreter computes them.
#include <gtest/gtest.h>

#include "tests/unit/fmcpu_assembler.hpp"
#include "tests/unit/fmcpu_machine.hpp"

namespace k7::fm::test {
namespace {

using namespace rv;

constexpr Word kMin = 0x80000000; // most negative number
constexpr Word kMax = 0x7fffffff;
constexpr Word kAll = 0xffffffff;

struct AluCase {
    const char *name;
    Word instruction; ///< reads a1 and a2, writes a0
    Word a1;
    Word a2;
    Word expected;
};

void PrintTo(const AluCase &alu, std::ostream *out) {
    *out << alu.name << " a1=" << std::hex << alu.a1 << " a2=" << alu.a2;
}

class Alu : public testing::TestWithParam<AluCase> {};

TEST_P(Alu, GivesTheManualsResult) {
    Machine machine({GetParam().instruction, ret});
    const Outcome outcome = machine.call({0xdeadbeef, GetParam().a1, GetParam().a2});
    ASSERT_EQ(outcome.end, Outcome::End::Returned);
    EXPECT_EQ(outcome.value, GetParam().expected) << std::hex << outcome.value << " not " << GetParam().expected;
    EXPECT_EQ(outcome.instructions, 2u);
    EXPECT_EQ(machine.engine->registers()[a1], GetParam().a1);
    EXPECT_EQ(machine.engine->registers()[a2], GetParam().a2);
}

const AluCase kImmediateCases[] = {
    {"lui", lui(a0, 0xfffff), 0, 0, 0xfffff000},
    {"lui", lui(a0, 0), 0, 0, 0},
    {"lui", lui(a0, 0x12345), 0, 0, 0x12345000},
    {"auipc", auipc(a0, 0), 0, 0, kCode},
    {"auipc", auipc(a0, 1), 0, 0, kCode + 0x1000},
    {"auipc wraps", auipc(a0, 0xfffff), 0, 0, kCode - 0x1000},
    {"addi", addi(a0, a1, 2047), 1, 0, 2048},
    {"addi negative", addi(a0, a1, -2048), 0, 0, 0xfffff800},
    {"addi wraps", addi(a0, a1, 1), kAll, 0, 0},
    {"addi overflows", addi(a0, a1, 1), kMax, 0, kMin},
    {"slti less", slti(a0, a1, 0), kAll, 0, 1},
    {"slti equal", slti(a0, a1, -1), kAll, 0, 0},
    {"slti minimum", slti(a0, a1, -2048), kMin, 0, 1},
    {"slti maximum", slti(a0, a1, 2047), kMax, 0, 0},
    {"sltiu less", sltiu(a0, a1, 1), 0, 0, 1},
    {"sltiu sign-extends", sltiu(a0, a1, -1), 0xfffffffe, 0, 1},
    {"sltiu equal", sltiu(a0, a1, -1), kAll, 0, 0},
    {"sltiu signed", sltiu(a0, a1, 1), kMin, 0, 0},
    {"xori", xori(a0, a1, 0x0f0), 0xff, 0, 0x0f},
    {"xori not", xori(a0, a1, -1), 0x12345678, 0, 0xedcba987},
    {"ori", ori(a0, a1, -2048), 0x7, 0, 0xfffff807},
    {"andi", andi(a0, a1, 0x7ff), kAll, 0, 0x7ff},
    {"andi sign-extends", andi(a0, a1, -16), 0xabcdef12, 0, 0xabcdef10},
    {"slli 0", slli(a0, a1, 0), 0x87654321, 0, 0x87654321},
    {"slli 31", slli(a0, a1, 31), 3, 0, kMin},
    {"srli 31", srli(a0, a1, 31), kMin, 0, 1},
    {"srli 4", srli(a0, a1, 4), 0xf0000000, 0, 0x0f000000},
    {"srai 31", srai(a0, a1, 31), kMin, 0, kAll},
    {"srai 4", srai(a0, a1, 4), 0xf0000000, 0, 0xff000000},
    {"srai positive", srai(a0, a1, 4), kMax, 0, 0x07ffffff},
};
INSTANTIATE_TEST_SUITE_P(Immediate, Alu, testing::ValuesIn(kImmediateCases));

const AluCase kRegisterCases[] = {
    {"add", add(a0, a1, a2), 40, 2, 42},
    {"add wraps", add(a0, a1, a2), kAll, 2, 1},
    {"add overflows", add(a0, a1, a2), kMax, 1, kMin},
    {"sub", sub(a0, a1, a2), 1, 2, kAll},
    {"sub minimum", sub(a0, a1, a2), kMin, 1, kMax},
    {"sll", sll(a0, a1, a2), 1, 31, kMin},
    {"sll uses 5 bits", sll(a0, a1, a2), 1, 33, 2},
    {"sll by 32 is by 0", sll(a0, a1, a2), 5, 32, 5},
    {"slt", slt(a0, a1, a2), kMin, kMax, 1},
    {"slt reversed", slt(a0, a1, a2), kMax, kMin, 0},
    {"slt equal", slt(a0, a1, a2), 7, 7, 0},
    {"sltu", sltu(a0, a1, a2), kMax, kMin, 1},
    {"sltu reversed", sltu(a0, a1, a2), kMin, kMax, 0},
    {"sltu equal", sltu(a0, a1, a2), kAll, kAll, 0},
    {"xor", xor_(a0, a1, a2), 0xff00ff00, 0x0ff00ff0, 0xf0f0f0f0},
    {"srl", srl(a0, a1, a2), kMin, 31, 1},
    {"srl uses 5 bits", srl(a0, a1, a2), kMin, 0xffffffe1, 0x40000000},
    {"sra", sra(a0, a1, a2), kMin, 31, kAll},
    {"sra uses 5 bits", sra(a0, a1, a2), kMin, 33, 0xc0000000},
    {"sra positive", sra(a0, a1, a2), kMax, 30, 1},
    {"or", or_(a0, a1, a2), 0xf0f0f0f0, 0x0f0f0000, 0xfffff0f0},
    {"and", and_(a0, a1, a2), 0xf0f0f0f0, 0xff00ff00, 0xf000f000},
};
INSTANTIATE_TEST_SUITE_P(Register, Alu, testing::ValuesIn(kRegisterCases));

const AluCase kMultiplyCases[] = {
    {"mul", mul(a0, a1, a2), 0xfffffffe, 3, 0xfffffffa},
    {"mul low half", mul(a0, a1, a2), 0x12345678, 0x9abcdef0, 0x242d2080},
    {"mul minimum", mul(a0, a1, a2), kMin, kMin, 0},
    {"mulh minimum", mulh(a0, a1, a2), kMin, kMin, 0x40000000},
    {"mulh negative", mulh(a0, a1, a2), kAll, 1, kAll},
    {"mulh -1 * -1", mulh(a0, a1, a2), kAll, kAll, 0},
    {"mulh", mulh(a0, a1, a2), kMax, kMax, 0x3fffffff},
    {"mulh minimum * maximum", mulh(a0, a1, a2), kMin, kMax, 0xc0000000},
    {"mulhsu -1 * all", mulhsu(a0, a1, a2), kAll, kAll, kAll},
    {"mulhsu minimum * all", mulhsu(a0, a1, a2), kMin, kAll, 0x80000000},
    {"mulhsu positive", mulhsu(a0, a1, a2), kMax, kAll, 0x7ffffffe},
    {"mulhsu zero", mulhsu(a0, a1, a2), 0, kAll, 0},
    {"mulhu", mulhu(a0, a1, a2), kAll, kAll, 0xfffffffe},
    {"mulhu minimum", mulhu(a0, a1, a2), kMin, 2, 1},
};
INSTANTIATE_TEST_SUITE_P(Multiply, Alu, testing::ValuesIn(kMultiplyCases));

// Division never traps: by zero it gives all ones and the dividend, and the one overflow gives the dividend and 0.
const AluCase kDivideCases[] = {
    {"div", div(a0, a1, a2), 7, 2, 3},
    {"div towards zero", div(a0, a1, a2), 0u - 7, 2, 0u - 3},
    {"div by negative", div(a0, a1, a2), 7, 0u - 2, 0u - 3},
    {"div by zero", div(a0, a1, a2), 7, 0, kAll},
    {"div 0 by zero", div(a0, a1, a2), 0, 0, kAll},
    {"div overflow", div(a0, a1, a2), kMin, kAll, kMin},
    {"div by -1", div(a0, a1, a2), 5, kAll, 0u - 5},
    {"div minimum by 1", div(a0, a1, a2), kMin, 1, kMin},
    {"divu", divu(a0, a1, a2), kMin, 3, 0x2aaaaaaa},
    {"divu by zero", divu(a0, a1, a2), 7, 0, kAll},
    {"divu no overflow", divu(a0, a1, a2), kMin, kAll, 0},
    {"rem", rem(a0, a1, a2), 7, 3, 1},
    {"rem has the dividend's sign", rem(a0, a1, a2), 0u - 7, 3, 0u - 1},
    {"rem by negative", rem(a0, a1, a2), 7, 0u - 3, 1},
    {"rem by zero", rem(a0, a1, a2), 0u - 7, 0, 0u - 7},
    {"rem overflow", rem(a0, a1, a2), kMin, kAll, 0},
    {"remu", remu(a0, a1, a2), kAll, 10, 5},
    {"remu by zero", remu(a0, a1, a2), kAll, 0, kAll},
    {"remu no overflow", remu(a0, a1, a2), kMin, kAll, kMin},
};
INSTANTIATE_TEST_SUITE_P(Divide, Alu, testing::ValuesIn(kDivideCases));

struct BranchCase {
    const char *name;
    Word (*encode)(Word, Word, std::int32_t);
    Word a1;
    Word a2;
    bool taken;
};

void PrintTo(const BranchCase &branch, std::ostream *out) {
    *out << branch.name;
}

class Branch : public testing::TestWithParam<BranchCase> {};

TEST_P(Branch, ForwardAndBackward) {
    const auto &[name, encode, left, right, taken] = GetParam();
    Machine forward({encode(a1, a2, 12), li(a0, 1), ret, li(a0, 2), ret});
    EXPECT_EQ(forward.call({0, left, right}).value, taken ? 2u : 1u);
    Machine backward({jal(x0, 12), li(a0, 2), ret, encode(a1, a2, -8), li(a0, 1), ret});
    EXPECT_EQ(backward.call({0, left, right}).value, taken ? 2u : 1u);
}

const BranchCase kBranchCases[] = {
    {"beq equal", beq, 5, 5, true},          {"beq unequal", beq, 5, 6, false},
    {"bne equal", bne, 5, 5, false},         {"bne unequal", bne, 5, kAll, true},
    {"blt less", blt, kMin, kMax, true},     {"blt equal", blt, 1, 1, false},
    {"blt greater", blt, kMax, kMin, false}, {"bge less", bge, kAll, 0, false},
    {"bge equal", bge, kMin, kMin, true},    {"bge greater", bge, 0, kAll, true},
    {"bltu less", bltu, kMax, kMin, true},   {"bltu greater", bltu, kAll, 0, false},
    {"bltu equal", bltu, kAll, kAll, false}, {"bgeu less", bgeu, 0, kAll, false},
    {"bgeu equal", bgeu, 0, 0, true},        {"bgeu greater", bgeu, kMin, kMax, true},
};
INSTANTIATE_TEST_SUITE_P(All, Branch, testing::ValuesIn(kBranchCases));

struct LoadCase {
    const char *name;
    Word instruction; ///< a0 = memory at a1, which holds 0x8fee7f81 and below it 0xa1b2c3d4
    Word expected;
};

void PrintTo(const LoadCase &load, std::ostream *out) {
    *out << load.name;
}

class Load : public testing::TestWithParam<LoadCase> {};

TEST_P(Load, ExtendsAsItsTypeSays) {
    Machine machine({GetParam().instruction, ret});
    const auto memory = machine.engine->writable(kData, 8);
    ASSERT_TRUE(memory);
    const Word words[] = {0xa1b2c3d4, 0x8fee7f81};
    std::memcpy(memory->data(), words, sizeof words);
    const Outcome outcome = machine.call({0, kData + 4});
    ASSERT_EQ(outcome.end, Outcome::End::Returned);
    EXPECT_EQ(outcome.value, GetParam().expected) << std::hex << outcome.value;
}

const LoadCase kLoadCases[] = {
    {"lb negative", lb(a0, 0, a1), 0xffffff81}, {"lb positive", lb(a0, 1, a1), 0x7f},
    {"lb top", lb(a0, 3, a1), 0xffffff8f},      {"lbu", lbu(a0, 0, a1), 0x81},
    {"lbu below", lbu(a0, -1, a1), 0xa1},       {"lh positive", lh(a0, 0, a1), 0x7f81},
    {"lh negative", lh(a0, 2, a1), 0xffff8fee}, {"lhu", lhu(a0, 2, a1), 0x8fee},
    {"lhu below", lhu(a0, -4, a1), 0xc3d4},     {"lw", lw(a0, 0, a1), 0x8fee7f81},
    {"lw below", lw(a0, -4, a1), 0xa1b2c3d4},
};
INSTANTIATE_TEST_SUITE_P(All, Load, testing::ValuesIn(kLoadCases));

TEST(Store, ChangesItsBytesAndNoOthers) {
    const auto stored = [](Word instruction) {
        Machine machine({instruction, lw(a0, 0, a1), ret});
        const auto memory = machine.engine->writable(kData, 12);
        std::memset(memory->data(), 0xee, 12);
        const Outcome outcome = machine.call({0, kData + 4, 0x12345678});
        EXPECT_EQ(outcome.end, Outcome::End::Returned);
        const auto after = *machine.engine->readable(kData, 12);
        Word neighbours[3];
        std::memcpy(neighbours, after.data(), sizeof neighbours);
        EXPECT_EQ(neighbours[0], 0xeeeeeeee);
        EXPECT_EQ(neighbours[2], 0xeeeeeeee);
        return outcome.value;
    };
    EXPECT_EQ(stored(sb(a2, 0, a1)), 0xeeeeee78);
    EXPECT_EQ(stored(sb(a2, 3, a1)), 0x78eeeeee);
    EXPECT_EQ(stored(sh(a2, 0, a1)), 0xeeee5678);
    EXPECT_EQ(stored(sh(a2, 2, a1)), 0x5678eeee);
    EXPECT_EQ(stored(sw(a2, 0, a1)), 0x12345678);
}

TEST(Store, ReachesTheEndsOfItsOffset) {
    Machine machine({sw(a2, -2048, a1), sw(a3, 2044, a1), lw(a0, -2048, a1), lw(a1, 2044, a1), sub(a0, a0, a1), ret});
    EXPECT_EQ(machine.call({0, kData + 2048, 9, 4}).value, 5u);
}

TEST(Jump, JalLinksAndJumpsBothWays) {
    Machine machine({jal(a0, 12), sub(a0, a0, a1), ret, auipc(a1, 0), jal(x0, -12)});
    // a0 = kCode + 4, a1 = kCode + 12
    EXPECT_EQ(machine.call().value, 0u - 8);
}

TEST(Jump, JalrLinksAndClearsBitZero) {
    Machine machine({auipc(t0, 0), jalr(a0, t0, 13), ebreak, sub(a0, a0, t0), ret});
    EXPECT_EQ(machine.call().value, 8u);
}

TEST(Jump, JalrMayUseOneRegisterForTargetAndLink) {
    Machine machine({auipc(t0, 0), jalr(t0, t0, 12), ebreak, mv(a0, t0), ret});
    EXPECT_EQ(machine.call().value, kCode + 8);
}

TEST(Jump, LongJalReachesItsFullRange) {
    Words code(0x40000, nop); // 1 MiB
    code[0] = jal(x0, 0x0ffffc);
    code[0x0ffffc / 4] = jal(x0, -0x0ffff8);
    code[1] = li(a0, 77);
    code[2] = ret;
    Machine machine(code);
    const Outcome outcome = machine.call();
    EXPECT_EQ(outcome.value, 77u);
    EXPECT_EQ(outcome.instructions, 4u);
}

TEST(Jump, BranchReachesItsFullRange) {
    Words code(1026, ebreak);
    code[0] = beq(x0, x0, 4092);
    code[1023] = bne(sp, x0, -4088);
    code[1] = ret;
    Machine machine(code);
    EXPECT_EQ(machine.call({31}).value, 31u);
}

TEST(RegisterZero, StaysZeroWhateverWritesIt) {
    Machine machine({li(a1, 5), addi(x0, a1, 1), lui(x0, 1), auipc(x0, 1), lw(x0, 0, a0), mul(x0, a1, a1), jal(x0, 8),
                     ebreak, auipc(t0, 0), jalr(x0, t0, 12), ebreak, mv(a0, x0), ret});
    EXPECT_EQ(machine.call({kData}).value, 0u);
    EXPECT_EQ(machine.engine->registers()[x0], 0u);
}

TEST(RegisterFile, EveryRegisterIsItsOwn) {
    Words code;
    for (Word r = 3; r < 32; ++r)
        code.push_back(li(r, static_cast<std::int32_t>(r * 11)));
    code.push_back(ret);
    Machine machine(code);
    ASSERT_EQ(machine.call().end, Outcome::End::Returned);
    const auto registers = machine.engine->registers();
    for (Word r = 3; r < 32; ++r)
        EXPECT_EQ(registers[r], r * 11) << "x" << r;
}

TEST(Fence, DoesNothing) {
    Machine machine({fence, 0x0000000f, 0x8330000f, ret}); // all, none, fence.tso
    const Outcome outcome = machine.call({5});
    EXPECT_EQ(outcome.end, Outcome::End::Returned);
    EXPECT_EQ(outcome.value, 5u);
    EXPECT_EQ(outcome.instructions, 4u);
}

TEST(Call, StartsWithTheAbisRegisters) {
    Machine machine({ebreak});
    machine.call({1, 2, 3, 4, 5, 6, 7, 8});
    std::array<Word, 32> expected{};
    expected[ra] = K7_FM_EXIT_ADDRESS;
    expected[sp] = K7_FM_STACK_TOP;
    for (Word i = 0; i < 8; ++i)
        expected[a0 + i] = i + 1;
    EXPECT_EQ(machine.engine->registers(), expected);
    EXPECT_THROW(machine.call({1, 2, 3, 4, 5, 6, 7, 8, 9}), std::invalid_argument);
}

} // namespace
} // namespace k7::fm::test
