// SPDX-License-Identifier: GPL-2.0-or-later
//
// libFuzzer target: any bytes as an FM's ELF file. Checked, searched for symbols, loaded and run for a while; nothing
// but ElfError may come out.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "card/fm/engine.hpp"
#include "k7/fault_report.h"

namespace {

using namespace k7::fm;

struct Services final : ServiceHandler {
    ServiceResult service(FmEngine &engine, std::uint32_t number,
                          const std::array<std::uint32_t, 6> &arguments) override {
        if (const auto memory = engine.writable(arguments[0], arguments[1]))
            std::ranges::fill(*memory, std::byte{0x55});
        return {number, {}};
    }
};

void load_and_run(std::span<const std::byte> elf) {
    constexpr std::uint64_t kBudget = 2000;
    Services services;
    const std::atomic<bool> kill{false};
    const auto engine = make_rv32im_engine(elf, services, kill);
    engine->map_message(elf.first(64)); // an accepted file has at least its header
    const Outcome outcome = engine->call(engine->entry(), {}, kBudget);
    if (outcome.instructions > kBudget)
        std::abort();
    (void)engine->backtrace(outcome.fault.pc, K7_FAULT_BACKTRACE_MAX);
    (void)find_symbol(elf, outcome.fault.pc);
    engine->unmap_message();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const auto elf = std::as_bytes(std::span(data, size));
    for (const std::uint32_t address : {0u, 0x11000u, 0xffffffffu})
        (void)find_symbol(elf, address);
    try {
        check_elf(elf);
        (void)header_bytes(elf);
    } catch (const ElfError &) {
        return 0;
    }
    load_and_run(elf); // what check_elf accepts must load
    return 0;
}
