// SPDX-License-Identifier: GPL-2.0-or-later
//
// How fast the FM CPU is: instructions per second, calls and services. Runs build/fm/bench/fm_bench.elf, or the file
// that K7_FMCPU_BENCH_ELF names.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <numeric>

#include <benchmark/benchmark.h>
#include <elf.h>

#include "card/fm/engine.hpp"
#include "k7/fm_abi.h"

namespace {

using namespace k7::fm;

constexpr std::uint64_t kBudget = 10'000'000'000;

struct Services final : ServiceHandler {
    ServiceResult service(FmEngine &, std::uint32_t number, const std::array<std::uint32_t, 6> &) override {
        return {number, {}};
    }
};

std::vector<std::byte> read_file(const char *path) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
    std::vector<std::byte> bytes(text.size());
    std::transform(text.begin(), text.end(), bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
    return bytes;
}

/// The FM, and the addresses of its functions.
struct Machine {
    std::vector<std::byte> elf;
    Services services;
    std::atomic<bool> kill{false};
    std::unique_ptr<FmEngine> engine;

    Machine() {
        const char *const path = std::getenv("K7_FMCPU_BENCH_ELF");
        elf = read_file(path != nullptr ? path : K7_FMCPU_BENCH_ELF);
        engine = make_rv32im_engine(elf, services, kill);
    }

    [[nodiscard]] std::uint32_t address_of(std::string_view name) const {
        for (std::uint32_t address = K7_FM_IMAGE_BASE; address < K7_FM_IMAGE_END; address += 4) {
            const auto symbol = find_symbol(elf, address);
            if (symbol && symbol->offset == 0 && symbol->name == name)
                return address;
        }
        throw std::runtime_error("the benchmark's FM has no function " + std::string(name));
    }
};

/// Runs a function once per iteration and reports the instructions per second. @return what the last call gave
std::uint32_t run(benchmark::State &state, const char *function, const std::vector<std::uint32_t> &arguments) {
    Machine machine;
    const std::uint32_t address = machine.address_of(function);
    std::uint64_t instructions = 0;
    Outcome outcome;
    for (auto _ : state) {
        outcome = machine.engine->call(address, arguments, kBudget);
        instructions += outcome.instructions;
    }
    if (outcome.end != Outcome::End::Returned)
        state.SkipWithError("the FM did not return");
    state.counters["instructions"] = benchmark::Counter(static_cast<double>(instructions), benchmark::Counter::kIsRate);
    return outcome.value;
}

void xorshift_10M(benchmark::State &state) {
    run(state, "xorshift", {12345, 10'000'000});
}

void sieve_1M(benchmark::State &state) {
    if (run(state, "sieve", {}) != 82025)
        state.SkipWithError("wrong number of primes");
}

void sha256_256KiB(benchmark::State &state) {
    // 256 KiB of zeros: the heap. The digest goes to the stack's far end.
    const std::uint32_t digest = K7_FM_STACK_TOP - K7_FM_STACK_SIZE;
    if (run(state, "sha256", {K7_FM_HEAP_BASE, K7_FM_HEAP_SIZE, digest}) != 0x8a39d2ab)
        state.SkipWithError("wrong digest");
    state.SetBytesProcessed(state.iterations() * K7_FM_HEAP_SIZE);
}

void service_call(benchmark::State &state) {
    constexpr std::uint32_t kCalls = 100'000;
    if (run(state, "services", {kCalls}) != K7_FM_SVC_GET_FMID)
        state.SkipWithError("wrong result of the service");
    state.SetItemsProcessed(state.iterations() * kCalls);
}

/// What the firmware does for one message: map it, call, read the reply, wipe.
void echo_64_bytes(benchmark::State &state) {
    Machine machine;
    const std::uint32_t address = machine.address_of("echo");
    std::vector<std::byte> request(64);
    std::iota(reinterpret_cast<unsigned char *>(request.data()), reinterpret_cast<unsigned char *>(request.data()) + 64,
              static_cast<unsigned char>(1));
    std::vector<std::byte> reply;
    for (auto _ : state) {
        machine.engine->map_message(request);
        const std::uint32_t arguments[] = {K7_FM_REQUEST_BASE, 64, K7_FM_REPLY_BASE};
        const Outcome outcome = machine.engine->call(address, arguments, kBudget);
        const auto bytes = machine.engine->readable(K7_FM_REPLY_BASE, outcome.value);
        reply.assign(bytes->begin(), bytes->end());
        machine.engine->unmap_message();
    }
    if (reply != request)
        state.SkipWithError("the reply is not the request");
}

/// Checks and decodes the FM, and wipes its memory again.
void load_fm(benchmark::State &state) {
    Machine machine;
    for (auto _ : state)
        machine.engine = make_rv32im_engine(machine.elf, machine.services, machine.kill);
}

BENCHMARK(xorshift_10M)->Unit(benchmark::kMillisecond);
BENCHMARK(sieve_1M)->Unit(benchmark::kMillisecond);
BENCHMARK(sha256_256KiB)->Unit(benchmark::kMillisecond);
BENCHMARK(service_call)->Unit(benchmark::kMicrosecond);
BENCHMARK(echo_64_bytes);
BENCHMARK(load_fm)->Unit(benchmark::kMicrosecond);

} // namespace

BENCHMARK_MAIN();
