// SPDX-License-Identifier: GPL-2.0-or-later
//
// An idle card by itself, on the host: no QEMU, no guest, no driver.
#include <chrono>
#include <ctime>
#include <fstream>
#include <malloc.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <benchmark/benchmark.h>

#include "tests/unit/card_fixture.hpp"

namespace {

using namespace k7::test;

/// Anonymous memory of this process: what only it has.
std::size_t anonymous_kib() {
    malloc_trim(0);
    std::ifstream file("/proc/self/smaps_rollup");
    for (std::string word; file >> word;) {
        if (word == "Anonymous:") {
            std::size_t kib = 0;
            file >> kib;
            return kib;
        }
    }
    throw std::runtime_error("/proc/self/smaps_rollup has no line Anonymous");
}

/// Processor time of the whole process.
double processor_seconds() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// A bus without memory and without a listener.
k7card_host bare_host() {
    k7card_host host{};
    host.size = sizeof(host);
    host.abi = K7CARD_ABI;
    host.dma_read = [](void *, std::uint64_t, void *, std::size_t) { return -1; };
    host.dma_write = [](void *, std::uint64_t, const void *, std::size_t) { return -1; };
    host.interrupt = [](void *, unsigned) {};
    return host;
}

/// An operational card that nobody uses: what it keeps in memory, and the processor time that it takes.
void idle_card(benchmark::State &state) {
    constexpr auto kLength = std::chrono::seconds(2);
    for (auto _ : state) {
        const std::size_t before = anonymous_kib();
        const k7card_host host = bare_host();
        const std::unique_ptr<k7card, decltype(&k7card_destroy)> card(k7card_create(&host, nullptr, 0, nullptr, 0),
                                                                      k7card_destroy);
        const auto is_up = [&] {
            return K7_STATE_GET(k7card_mmio_read(card.get(), K7_REG_STATE, 4)) == K7_STATE_OPERATIONAL;
        };
        if (!card || !eventually(is_up))
            throw std::runtime_error("the card did not become operational");
        const double begin = processor_seconds();
        std::this_thread::sleep_for(kLength);
        state.counters["percent"] =
            100 * (processor_seconds() - begin) / std::chrono::duration<double>(kLength).count();
        state.counters["KiB"] = static_cast<double>(anonymous_kib()) - static_cast<double>(before);
    }
}

BENCHMARK(idle_card)->Iterations(1)->Unit(benchmark::kMillisecond);

} // namespace
