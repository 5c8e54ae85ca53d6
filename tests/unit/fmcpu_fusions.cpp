// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every sequence of card/fm/fusions.def, with random operands: run in one go, where one op does all of it, it ends as
// instruction by instruction, where none does; wherever it is entered, wherever it faults, at every budget.
#include <algorithm>
#include <map>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/unit/fmcpu_assembler.hpp"
#include "tests/unit/fmcpu_machine.hpp"

namespace k7::fm::test {
namespace {

using namespace rv;

enum class Format : std::uint8_t { R, I, Shift, Unary, U, UPlusPc, J, Exact, Load, Store, Branch };

struct Instruction {
    Format format;
    Word match;
};

const std::map<std::string, Instruction> kInstructions{
#define K7_ALU(name, match, format, value) {#name, {Format::format, match}},
#define K7_LOAD(name, match, type) {#name, {Format::Load, match}},
#define K7_STORE(name, match, type) {#name, {Format::Store, match}},
#define K7_BRANCH(name, match, condition) {#name, {Format::Branch, match}},
#define K7_SPECIAL(name, match, format) {#name, {Format::format, match}},
#define K7_PSEUDO(name)
#include "card/fm/rv32im.def"
};

const char *const kSequences[] = {
#define K7_FUSED(first, last) #first "_" #last,
#include "card/fm/fusions.def"
};

std::vector<Instruction> instructions_of(const std::string &sequence) {
    std::vector<Instruction> instructions;
    std::istringstream names(sequence);
    for (std::string name; std::getline(names, name, '_');)
        instructions.push_back(kInstructions.at(name));
    return instructions;
}

/// Random operands: mostly the few registers that make instructions of a sequence depend on each other. Memory is
/// mostly the data at a0.
class Operands {
  public:
    explicit Operands(std::uint32_t seed) : random_(seed) {}

    Word encode(const Instruction &instruction) {
        const Word rd = destination() << 7;
        const Word rs1 = any() << 15;
        const Word rs2 = any() << 20;
        switch (instruction.format) {
        case Format::R:
            return instruction.match | rd | rs1 | rs2;
        case Format::I:
            return instruction.match | rd | rs1 | below(0x1000) << 20;
        case Format::Shift:
            return instruction.match | rd | rs1 | below(32) << 20;
        case Format::Unary:
            return instruction.match | rd | rs1;
        case Format::U:
        case Format::UPlusPc:
            return instruction.match | rd | below(1u << 20) << 12;
        case Format::Load:
            return instruction.match | rd | base() << 15 | static_cast<Word>(offset()) << 20;
        case Format::Store:
            return instruction.match | s_type(0, any(), offset(), base());
        case Format::Branch:
            return instruction.match | b_type(0, any(), any(), 8);
        default:
            throw std::logic_error("not an instruction that is fused");
        }
    }
    Word value() { return below(3) == 0 ? below(4) : static_cast<Word>(random_()); }
    Word below(Word limit) { return static_cast<Word>(random_() % limit); }

  private:
    Word any() { return below(8) == 0 ? Word{x0} : Word{a1} + below(4); }
    Word destination() { return below(12) == 0 ? Word{a0} : any(); }
    Word base() { return below(12) == 0 ? any() : Word{a0}; }
    std::int32_t offset() {
        return below(12) == 0 ? static_cast<std::int32_t>(below(2048)) : static_cast<std::int32_t>(below(64)) * 4;
    }

    std::mt19937 random_;
};

/// A machine whose data and registers are the same for the same seed.
struct Player : Machine {
    Words arguments;

    Player(const Words &code, std::uint32_t seed) : Machine(code) {
        Operands values(seed);
        arguments = {kData + K7_FM_PAGE};
        while (arguments.size() < 8)
            arguments.push_back(values.value());
    }

    Outcome whole(Word address, std::uint64_t budget) { return call(arguments, budget, address); }
    Outcome in_steps(Word address, std::uint64_t budget) {
        engine->begin(address, arguments, budget);
        Outcome outcome;
        do
            outcome = engine->resume(1);
        while (outcome.end == Outcome::End::Paused);
        return outcome;
    }
};

void expect_same(const Player &a, const Outcome &one, const Player &b, const Outcome &other) {
    ASSERT_EQ(one.end, other.end);
    ASSERT_EQ(one.value, other.value);
    ASSERT_EQ(one.instructions, other.instructions);
    ASSERT_EQ(one.fault.cause, other.fault.cause);
    ASSERT_EQ(one.fault.pc, other.fault.pc);
    ASSERT_EQ(one.fault.address, other.fault.address);
    ASSERT_EQ(one.fault.instruction, other.fault.instruction);
    ASSERT_EQ(a.engine->registers(), b.engine->registers());
    ASSERT_TRUE(std::ranges::equal(*a.engine->readable(kData, kDataSize), *b.engine->readable(kData, kDataSize)));
}

class Fusion : public testing::TestWithParam<const char *> {};

TEST_P(Fusion, DoesWhatItsInstructionsDo) {
    const auto instructions = instructions_of(GetParam());
    for (std::uint32_t seed = 0; seed < 25; ++seed) {
        Operands operands(seed);
        Words code;
        for (const Instruction &instruction : instructions)
            code.push_back(operands.encode(instruction));
        code.insert(code.end(), {addi(a5, a5, 1), addi(a6, a6, 1), ret});
        Player whole(code, seed);
        Player steps(code, seed);
        for (Word entry = 0; entry < instructions.size(); ++entry)
            for (std::uint64_t budget = 0; budget <= code.size() - entry && !HasFatalFailure(); ++budget) {
                SCOPED_TRACE("seed " + std::to_string(seed) + " entry " + std::to_string(entry) + " budget " +
                             std::to_string(budget));
                const Outcome one = whole.whole(kCode + 4 * entry, budget);
                const Outcome other = steps.in_steps(kCode + 4 * entry, budget);
                expect_same(whole, one, steps, other);
            }
    }
}

INSTANTIATE_TEST_SUITE_P(All, Fusion, testing::ValuesIn(kSequences), [](const auto &sequence) {
    std::string name = sequence.param;
    std::erase(name, '_');
    return name;
});

// The slices that a card uses end anywhere, so also in a sequence.
TEST(Fusions, ABudgetThatEndsInASequenceLeavesNoTrace) {
    const Words code{addi(a0, a0, 1), addi(a1, a1, 2), addi(a2, a2, 3), addi(a3, a3, 4), bne(a0, a4, -16), ret};
    Machine machine(code);
    for (std::uint64_t slice = 1; slice < 12; ++slice) {
        machine.engine->begin(kCode, Words{0, 0, 0, 0, 10}, Machine::kBudget);
        Outcome outcome;
        do
            outcome = machine.engine->resume(slice);
        while (outcome.end == Outcome::End::Paused);
        EXPECT_EQ(outcome.instructions, 51u);
        EXPECT_EQ(machine.engine->registers()[a3], 40u);
        EXPECT_EQ(machine.call({0, 0, 0, 0, 10}).instructions, 51u) << "after slices of " << slice;
    }
}

// The first store to a page takes the slow way, in the middle of a sequence.
TEST(Fusions, AFirstStoreToAPageIsDoneOnce) {
    Machine machine({sb(a2, 0, a0), add(a1, a1, a3), add(a0, a0, a3), bltu(a1, a4, -12), ret});
    const Outcome outcome = machine.call({kData, 0, 0x77, 0x800, 0x2000});
    EXPECT_EQ(outcome.end, Outcome::End::Returned);
    EXPECT_EQ(outcome.instructions, 17u);
    EXPECT_EQ(outcome.value, kData + 0x2000);
    for (Word at = 0; at < 0x2000; at += 0x800)
        EXPECT_EQ(machine.engine->readable(kData + at, 1)->front(), std::byte{0x77});
}

} // namespace
} // namespace k7::fm::test
