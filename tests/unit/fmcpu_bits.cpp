// SPDX-License-Identifier: GPL-2.0-or-later
//
// Zba and Zbb against a model of their own, bit by bit from the RISC-V manual: the differential test's oracle does not
// know them. First each instruction alone, then programs that mix them with those of RV32I.
#include <algorithm>
#include <array>
#include <functional>
#include <random>

#include <gtest/gtest.h>

#include "tests/unit/fmcpu_assembler.hpp"
#include "tests/unit/fmcpu_machine.hpp"

namespace k7::fm::test {
namespace {

using namespace rv;

constexpr bool bit(Word value, Word at) {
    return (value >> at & 1) != 0;
}

/// The word whose bit i is what @p value_of gives for i.
template <typename ValueOf>
Word from_bits(ValueOf value_of) {
    Word result = 0;
    for (Word i = 0; i < 32; ++i)
        result |= Word{value_of(i)} << i;
    return result;
}

Word rotate_left(Word a, Word by) {
    return from_bits([=](Word i) { return bit(a, (i - by) % 32); });
}

/// Zeros at one end: bit @p first, then one further by @p step.
Word zeros(Word a, Word first, Word step) {
    Word count = 0;
    while (count < 32 && !bit(a, first + count * step))
        ++count;
    return count;
}

Word ones(Word a) {
    Word count = 0;
    for (Word i = 0; i < 32; ++i)
        count += bit(a, i) ? 1 : 0;
    return count;
}

/// The low @p width bits, extended by the highest of them.
Word extend(Word a, Word width) {
    return from_bits([=](Word i) { return bit(a, i < width ? i : width - 1); });
}

bool less(Word a, Word b) {
    return bit(a, 31) != bit(b, 31) ? bit(a, 31) : a < b;
}

struct Model {
    const char *name;
    std::function<Word(Word rd, Word rs1, Word rs2)> encode; ///< rs2 is the shift where there is one
    std::function<Word(Word a, Word b)> value;
};

const Model kModels[] = {
    {"sh1add", sh1add, [](Word a, Word b) { return a + a + b; }},
    {"sh2add", sh2add, [](Word a, Word b) { return 4 * a + b; }},
    {"sh3add", sh3add, [](Word a, Word b) { return 8 * a + b; }},
    {"andn", andn, [](Word a, Word b) { return from_bits([=](Word i) { return bit(a, i) && !bit(b, i); }); }},
    {"orn", orn, [](Word a, Word b) { return from_bits([=](Word i) { return bit(a, i) || !bit(b, i); }); }},
    {"xnor", xnor, [](Word a, Word b) { return from_bits([=](Word i) { return bit(a, i) == bit(b, i); }); }},
    {"rol", rol, [](Word a, Word b) { return rotate_left(a, b % 32); }},
    {"ror", ror, [](Word a, Word b) { return rotate_left(a, 32 - b % 32); }},
    {"max", max, [](Word a, Word b) { return less(a, b) ? b : a; }},
    {"maxu", maxu, [](Word a, Word b) { return a < b ? b : a; }},
    {"min", min, [](Word a, Word b) { return less(b, a) ? b : a; }},
    {"minu", minu, [](Word a, Word b) { return b < a ? b : a; }},
    {"clz", [](Word rd, Word rs, Word) { return clz(rd, rs); }, [](Word a, Word) { return zeros(a, 31, 0u - 1); }},
    {"ctz", [](Word rd, Word rs, Word) { return ctz(rd, rs); }, [](Word a, Word) { return zeros(a, 0, 1); }},
    {"cpop", [](Word rd, Word rs, Word) { return cpop(rd, rs); }, [](Word a, Word) { return ones(a); }},
    {"sext.b", [](Word rd, Word rs, Word) { return sext_b(rd, rs); }, [](Word a, Word) { return extend(a, 8); }},
    {"sext.h", [](Word rd, Word rs, Word) { return sext_h(rd, rs); }, [](Word a, Word) { return extend(a, 16); }},
    {"zext.h", [](Word rd, Word rs, Word) { return zext_h(rd, rs); }, [](Word a, Word) { return a % 0x10000; }},
    {"orc.b", [](Word rd, Word rs, Word) { return orc_b(rd, rs); },
     [](Word a, Word) { return from_bits([=](Word i) { return (a >> i / 8 * 8 & 0xff) != 0; }); }},
    {"rev8", [](Word rd, Word rs, Word) { return rev8(rd, rs); },
     [](Word a, Word) { return from_bits([=](Word i) { return bit(a, (3 - i / 8) * 8 + i % 8); }); }},
};

constexpr Word kCorners[] = {0,          1,          2,          31,         32,        33,     0x7f,
                             0x80,       0xff,       0x100,      0x7fff,     0x8000,    0xffff, 0x10000,
                             0x00ff00ff, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe};

Word operand(std::mt19937 &random) {
    return random() % 3 == 0 ? kCorners[random() % std::size(kCorners)] : static_cast<Word>(random());
}

class Bits : public testing::TestWithParam<Model> {};

TEST_P(Bits, GivesWhatTheModelGives) {
    Machine machine({GetParam().encode(a0, a1, a2), ret});
    std::mt19937 random(0xb175);
    const auto check = [&](Word a, Word b) {
        const Outcome outcome = machine.call({0xdeadbeef, a, b});
        ASSERT_EQ(outcome.end, Outcome::End::Returned);
        ASSERT_EQ(outcome.value, GetParam().value(a, b)) << std::hex << a << ' ' << b;
        ASSERT_EQ(outcome.instructions, 2u);
    };
    for (const Word a : kCorners)
        for (const Word b : kCorners)
            check(a, b);
    for (int i = 0; i < 3000 && !HasFatalFailure(); ++i)
        check(operand(random), operand(random));
}

void PrintTo(const Model &model, std::ostream *out) {
    *out << model.name;
}

INSTANTIATE_TEST_SUITE_P(All, Bits, testing::ValuesIn(kModels), [](const auto &model) {
    std::string name = model.param.name;
    std::erase(name, '.');
    return name;
});

TEST(BitPrograms, RotateByAConstant) {
    for (Word shift = 0; shift < 32; ++shift) {
        Machine machine({rori(a0, a1, shift), ret});
        for (const Word a : kCorners)
            EXPECT_EQ(machine.call({0, a}).value, rotate_left(a, 32 - shift)) << shift;
    }
}

/// Straight programs: what each register is in the end is easily said.
TEST(BitPrograms, GiveWhatTheModelGives) {
    const std::vector<Model> plain{
        {"add", add, [](Word a, Word b) { return a + b; }},
        {"xor", xor_, [](Word a, Word b) { return a ^ b; }},
        {"and", and_, [](Word a, Word b) { return a & b; }},
        {"mv", [](Word rd, Word rs, Word) { return mv(rd, rs); }, [](Word a, Word) { return a; }}};
    std::mt19937 random(0x3b3b);
    for (int round = 0; round < 3000; ++round) {
        Words arguments(8);
        std::ranges::generate(arguments, [&] { return operand(random); });
        std::array<Word, 32> expected{};
        std::ranges::copy(arguments, expected.begin() + a0);
        expected[ra] = K7_FM_EXIT_ADDRESS;
        expected[sp] = K7_FM_STACK_TOP;
        Words code;
        for (int i = 0; i < 40; ++i) {
            const Model &model =
                random() % 2 == 0 ? kModels[random() % std::size(kModels)] : plain[random() % plain.size()];
            const Word rd = a0 + static_cast<Word>(random() % 8);
            const Word rs1 = a0 + static_cast<Word>(random() % 8);
            const Word rs2 = a0 + static_cast<Word>(random() % 8);
            code.push_back(model.encode(rd, rs1, rs2));
            expected[rd] = model.value(expected[rs1], expected[rs2]);
        }
        code.push_back(ret);
        Machine machine(code);
        ASSERT_EQ(machine.call(arguments).instructions, code.size());
        ASSERT_EQ(machine.engine->registers(), expected) << "round " << round;
    }
}

} // namespace
} // namespace k7::fm::test
