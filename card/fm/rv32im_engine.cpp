// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <stdexcept>

#include "card/fm/backtrace.hpp"
#include "card/fm/elf.hpp"
#include "card/fm/interpreter.hpp"

namespace k7::fm {
namespace {

constexpr std::size_t kRa = 1;
constexpr std::size_t kSp = 2;
constexpr std::size_t kA0 = 10;
constexpr std::size_t kArgumentsMax = 8;
constexpr std::size_t kRegisters = 32;

std::uint8_t permissions_of(const Segment &segment) {
    return static_cast<std::uint8_t>((segment.read ? kRead : 0) | (segment.write ? kWritable : 0) |
                                     (segment.execute ? kExecute : 0));
}

void load_segments(const ElfFile &elf, AddressSpace &memory) {
    for (const Segment &segment : elf.segments) {
        memory.map(segment.address, segment.memory_size, permissions_of(segment));
        memory.fill(segment.address, segment.content);
    }
}

class Rv32imEngine final : public FmEngine {
  public:
    Rv32imEngine(const ElfFile &elf, ServiceHandler &services, const std::atomic<bool> &kill)
        : entry_(elf.entry), code_((load_segments(elf, memory_), elf.segments), memory_),
          interpreter_(code_, memory_, *this, services, kill) {}

    void begin(std::uint32_t address, std::span<const std::uint32_t> arguments, std::uint64_t budget) override {
        if (arguments.size() > kArgumentsMax)
            throw std::invalid_argument("a call into an FM has at most 8 arguments");
        Registers &x = interpreter_.registers();
        x = {};
        x[kRa] = K7_FM_EXIT_ADDRESS;
        x[kSp] = K7_FM_STACK_TOP;
        std::ranges::copy(arguments, x.begin() + kA0);
        pc_ = address;
        budget_ = budget;
        used_ = 0;
    }

    Outcome resume(std::uint64_t slice) override {
        const std::uint64_t left = budget_ - used_;
        Outcome outcome = interpreter_.run(pc_, std::min(slice, left), slice != kToTheEnd);
        used_ += outcome.instructions;
        outcome.instructions = used_;
        if (outcome.end == Outcome::End::Paused && used_ == budget_)
            outcome.end = Outcome::End::Faulted; // fault says so already
        pc_ = outcome.end == Outcome::End::Returned ? K7_FM_EXIT_ADDRESS : outcome.fault.pc;
        return outcome;
    }

    [[nodiscard]] std::uint32_t pc() const override { return pc_; }
    void set_pc(std::uint32_t pc) override { pc_ = pc; }
    void set_register(std::size_t index, std::uint32_t value) override {
        if (index != 0 && index < kRegisters)
            interpreter_.registers()[index] = value;
    }

    void map_message(std::span<const std::byte> request) override { memory_.map_message(request); }
    void unmap_message() override { memory_.unmap_message(); }

    [[nodiscard]] std::optional<std::span<const std::byte>> readable(std::uint32_t address,
                                                                     std::uint32_t length) const override {
        return memory_.readable(address, length);
    }

    [[nodiscard]] std::optional<std::span<std::byte>> writable(std::uint32_t address, std::uint32_t length) override {
        return memory_.writable(address, length);
    }

    [[nodiscard]] std::array<std::uint32_t, 32> registers() const override {
        std::array<std::uint32_t, 32> registers;
        std::copy_n(interpreter_.registers().begin(), registers.size(), registers.begin());
        return registers;
    }

    [[nodiscard]] std::vector<std::uint32_t> backtrace(std::uint32_t pc, std::size_t limit) const override {
        return walk_frames(memory_, registers(), pc, limit);
    }

    [[nodiscard]] std::uint32_t entry() const override { return entry_; }

  private:
    std::uint32_t entry_;
    // The call that was begun.
    std::uint32_t pc_ = 0;
    std::uint64_t budget_ = 0;
    std::uint64_t used_ = 0;

    AddressSpace memory_;
    Code code_;
    Interpreter interpreter_;
};

} // namespace

std::unique_ptr<FmEngine> make_rv32im_engine(std::span<const std::byte> elf, ServiceHandler &services,
                                             const std::atomic<bool> &kill) {
    return std::make_unique<Rv32imEngine>(parse_elf(elf), services, kill);
}

} // namespace k7::fm
