// SPDX-License-Identifier: GPL-2.0-or-later
//
// Differential test: random RV32IM programs run on the FM CPU and on Unicorn, and end with the same registers, memory
// and pc. Unicorn is a test dependency only; without it the test says so and is skipped.
//
//   K7_FMCPU_SEED=n      seed of the first program (default below); program i has seed n + i
//   K7_FMCPU_PROGRAMS=n  how many; with the seed that a failure prints, 1 replays it
#include <gtest/gtest.h>

#ifndef K7_HAVE_UNICORN

TEST(Unicorn, Differential) {
    GTEST_SKIP() << "built without libunicorn-dev: no differential test of the FM CPU";
}

#else

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>

#include <unicorn/unicorn.h>

#include "tests/unit/fmcpu_assembler.hpp"
#include "tests/unit/fmcpu_machine.hpp"

namespace k7::fm::test {
namespace {

using namespace rv;

constexpr Word kBase = kData + K7_FM_PAGE; // a0: programs load and store around it
constexpr Word kStackEnd = K7_FM_STACK_TOP - K7_FM_STACK_SIZE;

std::uint64_t setting(const char *name, std::uint64_t otherwise) {
    const char *const text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

/// Makes valid RV32IM programs only: Unicorn also knows extensions that the FM CPU refuses.
class Generator {
  public:
    explicit Generator(std::uint64_t seed) : random_(seed) {}

    Words program() {
        Words code;
        for (Word r = 3; r < 32; ++r) // start with interesting values in all registers but a0, ra and sp
            if (r != a0)
                code.push_back(lw(r, static_cast<std::int32_t>(4 * r), a0));
        const std::size_t length = code.size() + 10 + below(60);
        while (code.size() < length)
            append(code);
        return code;
    }

    Bytes data() {
        Words words(kDataSize / 4);
        std::ranges::generate(words, [this] { return value(); });
        return to_bytes(words);
    }

  private:
    Word below(Word limit) { return static_cast<Word>(random_() % limit); }
    Word any() { return below(32); }
    /// A destination: a0 and sp stay pointers, mostly.
    Word destination() {
        const Word r = any();
        return (r == a0 || r == sp) && below(16) != 0 ? Word{x0} : r;
    }
    std::int32_t near() { return (static_cast<std::int32_t>(below(40)) - 10) * 4; }

    Word value() {
        constexpr Word kCorners[] = {0, 1, 2, 31, 32, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff};
        return below(2) != 0 ? kCorners[below(std::size(kCorners))] : static_cast<Word>(random_());
    }

    Word register_instruction() {
        const Word funct3 = below(8);
        const bool alternative = (funct3 == 0 || funct3 == 5) && below(2) != 0;
        const Word funct7 = below(3) == 0 ? 1 : alternative ? 0x20 : 0;
        return r_type(funct7, funct3, destination(), any(), any());
    }

    Word immediate_instruction() {
        const Word funct3 = below(8);
        if (funct3 == 1 || funct3 == 5)
            return r_type(funct3 == 5 && below(2) != 0 ? 0x20 : 0, funct3, destination(), any(), any(), 0x13);
        return i_type(0x13, funct3, destination(), any(), static_cast<std::int32_t>(below(4096)));
    }

    /// Mostly aligned and in the data; the rest faults.
    Word memory_instruction() {
        const bool stack = below(4) == 0;
        const Word base = below(30) == 0 ? any() : Word{stack ? sp : a0};
        const Word size = below(3);
        std::int32_t offset = static_cast<std::int32_t>(below(512)) * 4 - (stack ? 2048 : 1024);
        if (size < 2)
            offset += static_cast<std::int32_t>(below(size == 0 ? 4 : 2)) * (1 << size);
        if (below(2) != 0)
            return s_type(size, any(), offset, base);
        return i_type(0x03, size == 2 ? 2 : size + 4 * below(2), destination(), base, offset);
    }

    void append(Words &code) {
        constexpr Word kConditions[] = {0, 1, 4, 5, 6, 7};
        switch (below(16)) {
        case 0:
            return code.push_back((below(2) != 0 ? lui : auipc)(destination(), below(1u << 20)));
        case 1:
            return code.push_back(jal(destination(), near()));
        case 2: // a jump through a register that mostly lands in the program
            code.push_back(auipc(t0, 0));
            return code.push_back(jalr(destination(), t0, near() + (below(20) == 0 ? 2 : 0) + (below(4) == 0 ? 1 : 0)));
        case 3:
        case 4:
            return code.push_back(b_type(kConditions[below(6)], any(), any(), near()));
        case 5:
        case 6:
        case 7:
        case 8:
            return code.push_back(memory_instruction());
        case 9:
            return code.push_back(below(8) == 0 ? fence : immediate_instruction());
        case 10:
        case 11:
            return code.push_back(immediate_instruction());
        default:
            return code.push_back(register_instruction());
        }
    }

    std::mt19937_64 random_;
};

/// The oracle: the same memory map, run for an exact number of instructions.
class Oracle {
  public:
    Oracle() {
        check(uc_open(UC_ARCH_RISCV, UC_MODE_RISCV32, &engine_));
        map(kHeader, K7_FM_PAGE, UC_PROT_READ);
        map(kCode, K7_FM_PAGE, UC_PROT_READ | UC_PROT_EXEC);
        map(kData, kDataSize, UC_PROT_READ | UC_PROT_WRITE);
        map(K7_FM_HEAP_BASE, K7_FM_HEAP_SIZE, UC_PROT_READ | UC_PROT_WRITE);
        map(kStackEnd, K7_FM_STACK_SIZE, UC_PROT_READ | UC_PROT_WRITE);
    }
    ~Oracle() { uc_close(engine_); }
    Oracle(const Oracle &) = delete;
    Oracle &operator=(const Oracle &) = delete;

    /// Everything that a program can reach as before its first instruction.
    void reset(const FmEngine &initial, const std::array<Word, 32> &registers) {
        static const Bytes zeros(K7_FM_HEAP_SIZE);
        for (const auto &[address, size] : {std::pair{kHeader, K7_FM_PAGE}, {kCode, K7_FM_PAGE}, {kData, kDataSize}})
            check(uc_mem_write(engine_, address, initial.readable(address, size)->data(), size));
        check(uc_mem_write(engine_, K7_FM_HEAP_BASE, zeros.data(), K7_FM_HEAP_SIZE));
        check(uc_mem_write(engine_, kStackEnd, zeros.data(), K7_FM_STACK_SIZE));
        check(uc_ctl_remove_cache(engine_, std::uint64_t{kCode}, std::uint64_t{kCode + K7_FM_PAGE}));
        for (int r = 1; r < 32; ++r)
            check(uc_reg_write(engine_, UC_RISCV_REG_X0 + r, &registers[static_cast<std::size_t>(r)]));
    }

    uc_err run(Word from, std::uint64_t instructions) { return uc_emu_start(engine_, from, 0, 0, instructions); }

    Word read(int id) {
        Word value = 0;
        check(uc_reg_read(engine_, id, &value));
        return value;
    }

    Bytes memory(Word address, Word size) {
        Bytes bytes(size);
        check(uc_mem_read(engine_, address, bytes.data(), size));
        return bytes;
    }

  private:
    static void check(uc_err error) {
        if (error != UC_ERR_OK)
            throw std::runtime_error(std::string("Unicorn: ") + uc_strerror(error));
    }
    void map(Word address, Word size, std::uint32_t permissions) {
        check(uc_mem_map(engine_, address, size, permissions));
    }

    uc_engine *engine_ = nullptr;
};

/// What the engine starts a call with, for the oracle.
std::array<Word, 32> start_registers() {
    std::array<Word, 32> registers{};
    registers[ra] = K7_FM_EXIT_ADDRESS;
    registers[sp] = K7_FM_STACK_TOP;
    registers[a0] = kBase;
    return registers;
}

struct Totals {
    std::uint64_t programs = 0;
    std::uint64_t instructions = 0;
    std::array<std::uint64_t, 16> causes{};
};

void compare(Oracle &oracle, const Machine &machine, const Outcome &outcome) {
    const auto registers = machine.engine->registers();
    for (int r = 1; r < 32; ++r)
        ASSERT_EQ(registers[static_cast<std::size_t>(r)], oracle.read(UC_RISCV_REG_X0 + r)) << "x" << r;
    for (const auto &[address, size] : {std::pair{kData, kDataSize}, {K7_FM_STACK_TOP - K7_FM_PAGE, K7_FM_PAGE}})
        ASSERT_TRUE(std::ranges::equal(*machine.engine->readable(address, size), oracle.memory(address, size)));
    const bool returned = outcome.end == Outcome::End::Returned;
    ASSERT_EQ(returned ? K7_FM_EXIT_ADDRESS : outcome.fault.pc, oracle.read(UC_RISCV_REG_PC));
}

/// A fault for want of permission is one in the oracle too: the next instruction ends it with an error.
bool is_access_fault(std::uint32_t cause) {
    return cause == K7_FAULT_LOAD_ACCESS || cause == K7_FAULT_STORE_ACCESS || cause == K7_FAULT_FETCH_ACCESS ||
           cause == K7_FAULT_STACK_OVERFLOW;
}

/// The oracle fetches at the target of a jump before it sees that it has run enough.
bool left_the_code(const Outcome &outcome) {
    return outcome.end == Outcome::End::Returned || outcome.fault.cause == K7_FAULT_FETCH_ACCESS ||
           outcome.fault.cause == K7_FAULT_FETCH_MISALIGNED;
}

bool is_fetch_error(uc_err error) {
    return error == UC_ERR_FETCH_UNMAPPED || error == UC_ERR_FETCH_PROT;
}

void run_one(Oracle &oracle, std::uint64_t seed, Totals &totals) {
    Generator generator(seed);
    ElfBuilder builder = ElfBuilder::with_code(generator.program());
    builder.parts[2].content = generator.data();
    Machine machine(builder);
    oracle.reset(*machine.engine, start_registers());
    const Outcome outcome = machine.call({kBase}, 300 + seed % 100);
    ASSERT_NE(outcome.instructions, 0u); // 0 would mean no limit to the oracle
    const uc_err error = oracle.run(kCode, outcome.instructions);
    ASSERT_TRUE(error == UC_ERR_OK || (left_the_code(outcome) && is_fetch_error(error))) << uc_strerror(error);
    compare(oracle, machine, outcome);
    ASSERT_TRUE(!is_access_fault(outcome.fault.cause) || oracle.run(outcome.fault.pc, 1) != UC_ERR_OK);
    ++totals.programs;
    totals.instructions += outcome.instructions;
    ++totals.causes.at(outcome.fault.cause);
}

TEST(Unicorn, Differential) {
    const std::uint64_t first = setting("K7_FMCPU_SEED", 20240607);
    const std::uint64_t programs = setting("K7_FMCPU_PROGRAMS", 30000);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    Oracle oracle;
    Totals totals;
    while (totals.programs < programs && !HasFailure() && std::chrono::steady_clock::now() < deadline) {
        SCOPED_TRACE("replay with K7_FMCPU_SEED=" + std::to_string(first + totals.programs) + " K7_FMCPU_PROGRAMS=1");
        run_one(oracle, first + totals.programs, totals);
    }
    std::cout << "seed " << first << ": " << totals.programs << " programs, " << totals.instructions
              << " instructions; ends by cause:";
    for (const std::uint64_t count : totals.causes)
        std::cout << ' ' << count;
    std::cout << '\n';
}

} // namespace
} // namespace k7::fm::test

#endif
