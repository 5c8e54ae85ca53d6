// SPDX-License-Identifier: GPL-2.0-or-later
//
// The card by itself, on the host: no QEMU, no guest, no driver. What is left of a request when all around it is gone.
// The host's bus is a memcpy under a mutex.
#include <fstream>
#include <malloc.h>

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

/// A card with the FM echo, and a host that spins until the interrupt comes.
class BusyCard {
  public:
    BusyCard() {
        card_.load("echo");
        card_.restart();
        card_.host.on_interrupt = [this](unsigned vector) {
            if (vector != K7_VECTOR_EVENTS)
                interrupted_ = true;
        };
    }
    ~BusyCard() { card_.host.switch_off(); }
    BusyCard(const BusyCard &) = delete;
    BusyCard &operator=(const BusyCard &) = delete;

    OperationalCard &card() { return card_; }

    /// From the doorbell to the interrupt after the last of @p entries.
    void run(std::span<const k7_sqe> entries) {
        interrupted_ = false;
        for (const k7_sqe &entry : entries)
            card_.ring.push(entry);
        card_.ring.doorbell();
        for (std::size_t done = 0; done < entries.size(); ++done)
            take();
    }

  private:
    void take() {
        // Ring::take() sleeps when nothing is there.
        while (!interrupted_)
            ;
        const auto completion = card_.ring.take();
        if (!completion || completion->status != K7_ST_OK)
            throw std::runtime_error("the card did not carry out a request");
    }

    OperationalCard card_;
    std::atomic<bool> interrupted_{false};
};

BusyCard &busy_card() {
    static BusyCard card;
    return card;
}

/// The mean, which Google Benchmark gives, says little on a machine that others use, too.
void add_percentiles(benchmark::State &state, std::vector<double> microseconds) {
    std::ranges::sort(microseconds);
    state.counters["p5_us"] = microseconds[microseconds.size() / 20];
    state.counters["p50_us"] = microseconds[microseconds.size() / 2];
}

/// What is asked of the card.
struct Request {
    std::uint16_t opcode = K7_CMD_NOP;
    std::uint32_t arg0 = 0;
    std::size_t in_len = 0;
    std::uint32_t out_len = 0;
};

void run(benchmark::State &state, const Request &request, std::size_t batch = 1) {
    BusyCard &busy = busy_card();
    k7_sqe entry = busy.card().ring.entry(request.opcode, Bytes(request.in_len), request.arg0);
    entry.out_len = request.out_len;
    const std::vector<k7_sqe> entries(batch, entry);
    std::vector<double> microseconds;
    for (auto _ : state) {
        const auto begin = std::chrono::steady_clock::now();
        busy.run(entries);
        microseconds.push_back(
            std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch));
    add_percentiles(state, std::move(microseconds));
}

void register_read(benchmark::State &state) {
    BusyCard &busy = busy_card();
    for (auto _ : state)
        benchmark::DoNotOptimize(busy.card().host.read(K7_REG_STATE));
}

void nop(benchmark::State &state) {
    run(state, {});
}

void nop_8_at_once(benchmark::State &state) {
    run(state, {}, 8);
}

void get_random_32(benchmark::State &state) {
    run(state, {.opcode = K7_CMD_GET_RANDOM, .arg0 = 32, .out_len = 32});
}

void fm_echo(benchmark::State &state) {
    const auto bytes = static_cast<std::uint32_t>(state.range(0));
    run(state, {.opcode = K7_CMD_FM_CALL, .arg0 = kEcho, .in_len = bytes, .out_len = bytes});
}

// First: later the process has memory to spare.
BENCHMARK(idle_card)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(register_read)->UseRealTime();
BENCHMARK(nop)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(nop_8_at_once)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(get_random_32)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(fm_echo)->Arg(64)->Arg(4096)->UseRealTime()->Unit(benchmark::kMicrosecond);

} // namespace

BENCHMARK_MAIN();
