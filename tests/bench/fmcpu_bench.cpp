// SPDX-License-Identifier: GPL-2.0-or-later
//
// How fast the FM CPU is: the same C code on it and on the host, side by side; then calls and services. The FMs are
// build/fm/bench/ISA.elf, or those of the directory that K7_FMCPU_BENCH_DIR names. --json gives JSON.
//
// The host's code is compiled with -O2, the FM's as the SDK does it (rv32im_zba_zbb) and for plain RV32IM. They take
// turns; each turn gives one ratio, and what is printed are its median and quartiles. Times are processor times, so
// that others on the machine count for little.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <numeric>

#include <benchmark/benchmark.h>
#include <elf.h>

#include "card/fm/engine.hpp"
#include "k7/fm_abi.h"
#include "tests/bench/fm_bench_work.h"

namespace {

using namespace k7::fm;

constexpr std::uint64_t kBudget = 10'000'000'000;
constexpr const char *kSdkIsa = "rv32im_zba_zbb"; ///< what the SDK compiles for

struct Services final : ServiceHandler {
    ServiceResult service(FmEngine &, std::uint32_t number, const std::array<std::uint32_t, 6> &) override {
        return {number, {}};
    }
};

std::vector<std::byte> read_file(const std::string &path) {
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

    explicit Machine(const std::string &isa) {
        const char *const directory = std::getenv("K7_FMCPU_BENCH_DIR");
        elf = read_file((directory != nullptr ? directory : "build/fm/bench") + ("/" + isa) + ".elf");
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

double processor_time() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Processor time that @p work takes, in seconds. @p result is what it gave.
template <typename Work>
double measure(Work work, std::uint32_t &result) {
    const double start = processor_time();
    result = work();
    return processor_time() - start;
}

/// What is done on both CPUs: the FM's function with its arguments, the same for the host, and what must come out.
struct Work {
    const char *function;
    std::vector<std::uint32_t> arguments;
    std::uint32_t (*on_host)();
    std::uint32_t expected;
};

// 256 KiB of zeros: the heap. The digest goes to the stack's far end.
const Work kSha256{"sha256",
                   {K7_FM_HEAP_BASE, K7_FM_HEAP_SIZE, K7_FM_STACK_TOP - K7_FM_STACK_SIZE},
                   [] {
                       static const std::vector<std::uint8_t> zeros(K7_FM_HEAP_SIZE);
                       std::uint8_t digest[32];
                       return sha256(zeros.data(), K7_FM_HEAP_SIZE, digest);
                   },
                   0x8a39d2ab};
const Work kSieve{"sieve", {}, [] { return sieve(); }, 82025};
const Work kXorshift{"xorshift", {12345, 10'000'000}, [] { return xorshift(12345, 10'000'000); }, 0x1eb9ebc3};

/// The value that @p part of all values lie below.
double quantile(std::vector<double> values, double part) {
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1) + 0.5);
    std::ranges::nth_element(values, at);
    return *at;
}

/// The host first, then the FM; its time is the benchmark's.
void compare(benchmark::State &state, const Work &work, const char *isa) {
    Machine machine(isa);
    const std::uint32_t address = machine.address_of(work.function);
    std::vector<double> host, fm, slower;
    Outcome outcome;
    for (auto _ : state) {
        std::uint32_t on_host = 0, on_fm = 0;
        host.push_back(measure(work.on_host, on_host));
        fm.push_back(measure(
            [&] {
                outcome = machine.engine->call(address, work.arguments, kBudget);
                return outcome.value;
            },
            on_fm));
        slower.push_back(fm.back() / host.back());
        state.SetIterationTime(fm.back());
        if (on_host != work.expected || on_fm != work.expected)
            state.SkipWithError("wrong result");
    }
    state.counters["host_ms"] = quantile(host, 0.5) * 1e3;
    state.counters["fm_ms"] = quantile(fm, 0.5) * 1e3;
    state.counters["times_slower"] = quantile(slower, 0.5);
    state.counters["quartile1"] = quantile(slower, 0.25);
    state.counters["quartile3"] = quantile(slower, 0.75);
    state.counters["M_per_s"] = static_cast<double>(outcome.instructions) / quantile(fm, 0.5) * 1e-6;
}

void service_call(benchmark::State &state) {
    constexpr std::uint32_t kCalls = 100'000;
    Machine machine(kSdkIsa);
    const std::uint32_t address = machine.address_of("services");
    for (auto _ : state)
        if (machine.engine->call(address, std::array{kCalls}, kBudget).value != K7_FM_SVC_GET_FMID)
            state.SkipWithError("wrong result of the service");
    state.SetItemsProcessed(state.iterations() * kCalls);
}

/// What the firmware does for one message: map it, call, read the reply, wipe.
void echo_64_bytes(benchmark::State &state) {
    Machine machine(kSdkIsa);
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
    Machine machine(kSdkIsa);
    for (auto _ : state)
        machine.engine = make_rv32im_engine(machine.elf, machine.services, machine.kill);
}

#define COMPARE(work, isa)                                                                                             \
    BENCHMARK_CAPTURE(compare, work / isa, k##work, #isa)                                                              \
        ->Iterations(31)                                                                                               \
        ->UseManualTime()                                                                                              \
        ->Unit(benchmark::kMillisecond)
COMPARE(Sha256, rv32im_zba_zbb);
COMPARE(Sha256, rv32im);
COMPARE(Sieve, rv32im_zba_zbb);
COMPARE(Sieve, rv32im);
COMPARE(Xorshift, rv32im_zba_zbb);
BENCHMARK(service_call)->Unit(benchmark::kMicrosecond);
BENCHMARK(echo_64_bytes);
BENCHMARK(load_fm)->Unit(benchmark::kMicrosecond);

} // namespace

int main(int count, char **arguments) {
    static char json[] = "--benchmark_format=json";
    for (int i = 1; i < count; ++i)
        if (std::strcmp(arguments[i], "--json") == 0)
            arguments[i] = json;
    benchmark::Initialize(&count, arguments);
    if (benchmark::ReportUnrecognizedArguments(count, arguments))
        return 2;
    benchmark::RunSpecifiedBenchmarks();
}
