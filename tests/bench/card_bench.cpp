// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a command costs the host of a card: from the doorbell's register access until the completion is in memory. The
// guest's share (driver, ioctl, vmexit) is not in it.
#include <algorithm>
#include <atomic>

#include <benchmark/benchmark.h>

#include "tests/unit/card_fixture.hpp"

namespace k7::test {
namespace {

constexpr std::uint32_t kEntries = 64;

/// A ring whose completions are polled for in memory, as a driver polls that does not want to sleep.
class PolledRing {
  public:
    explicit PolledRing(OperationalCard &card) : host_(card.host), ring_(card.host, 1, kEntries) {
        if (ring_.enable() != K7_RING_ENABLED)
            throw std::runtime_error("the ring could not be enabled");
        one_doorbell_ = (host_.read(K7_REG_FEATURES) & K7_FEATURE_ARM) != 0;
    }

    [[nodiscard]] k7_sqe entry(std::uint16_t opcode, std::span<const std::byte> request = {}, std::uint32_t arg0 = 0) {
        return ring_.entry(opcode, request, arg0);
    }

    void push(k7_sqe entry) {
        entry.tag = tail_ + 1;
        std::memcpy(host_.memory(ring_.sq() + tail_ * sizeof(k7_sqe)), &entry, sizeof(entry));
        tail_ = (tail_ + 1) % kEntries;
    }

    void doorbell() {
        if (one_doorbell_)
            ring_.write(K7_RING_DOORBELL, K7_DOORBELL(tail_, head_));
        else
            ring_.write(K7_RING_SQ_TAIL, tail_);
    }

    /// Wait for the next completion. @return its status
    std::uint16_t take() {
        const std::byte *const at = host_.memory(ring_.cq() + head_ * sizeof(k7_cqe));
        const auto *const phase = reinterpret_cast<const volatile std::uint16_t *>(at + offsetof(k7_cqe, phase));
        while (*phase != phase_)
            ;
        std::atomic_thread_fence(std::memory_order_acquire);
        k7_cqe completion;
        std::memcpy(&completion, at, sizeof(completion));
        head_ = (head_ + 1) % kEntries;
        phase_ ^= head_ == 0 ? 1 : 0;
        if (!one_doorbell_)
            ring_.write(K7_RING_CQ_HEAD, head_);
        return completion.status;
    }

    bool run(const k7_sqe &entry, unsigned count = 1) {
        for (unsigned i = 0; i < count; ++i)
            push(entry);
        doorbell();
        bool good = true;
        for (unsigned i = 0; i < count; ++i)
            good = take() == K7_ST_OK && good;
        return good;
    }

    CardHost &host() { return host_; }

  private:
    CardHost &host_;
    Ring ring_;
    bool one_doorbell_ = false;
    std::uint32_t tail_ = 0;
    std::uint32_t head_ = 0;
    std::uint16_t phase_ = 1;
};

void repeat(benchmark::State &state, PolledRing &ring, const k7_sqe &entry, unsigned count = 1) {
    bool good = true;
    for (auto _ : state)
        good = ring.run(entry, count) && good;
    if (!good)
        state.SkipWithError("a command failed");
    state.SetItemsProcessed(state.iterations() * count);
}

void nop(benchmark::State &state) {
    OperationalCard card;
    PolledRing ring(card);
    repeat(state, ring, ring.entry(K7_CMD_NOP));
}

void nop_batch_32(benchmark::State &state) {
    OperationalCard card;
    PolledRing ring(card);
    repeat(state, ring, ring.entry(K7_CMD_NOP), 32);
}

void get_random_32(benchmark::State &state) {
    OperationalCard card;
    PolledRing ring(card);
    repeat(state, ring, ring.entry(K7_CMD_GET_RANDOM, {}, 32));
}

void fm_echo_64(benchmark::State &state) {
    OperationalCard card;
    card.load("echo");
    card.restart();
    PolledRing ring(card);
    repeat(state, ring, ring.entry(K7_CMD_FM_CALL, Bytes(64, std::byte{'x'}), kEcho));
}

constexpr std::uint32_t kImage = 1 << 20;

/// As a driver sends it that has pinned the pages of user space: a piece for each page.
k7_sqe list_of_pages(PolledRing &ring, std::uint64_t image) {
    const std::uint64_t list = ring.host().allocate(kImage / 4096 * sizeof(k7_segment));
    for (std::uint32_t page = 0; page < kImage / 4096; ++page) {
        const k7_segment segment{.addr = image + page * 4096u, .len = 4096, .reserved = 0};
        std::memcpy(ring.host().memory(list + page * sizeof(segment)), &segment, sizeof(segment));
    }
    k7_sqe entry = ring.entry(K7_CMD_FM_LOAD_DATA);
    entry.flags = K7_SQE_LIST;
    entry.in_addr = list;
    entry.in_len = kImage;
    entry.in_segments = kImage / 4096;
    return entry;
}

bool load_in_pieces(PolledRing &ring, std::uint64_t image) {
    bool good = true;
    for (std::uint32_t at = 0; at < kImage; at += K7_PAYLOAD_MAX) {
        k7_sqe entry = ring.entry(K7_CMD_FM_LOAD_DATA, {}, at);
        entry.in_addr = image + at;
        entry.in_len = K7_PAYLOAD_MAX;
        good = ring.run(entry) && good;
    }
    return good;
}

/// FM_LOAD_BEGIN and 1 MiB of FM_LOAD_DATA.
void fm_load_data_1MiB(benchmark::State &state) {
    OperationalCard card;
    card.login();
    PolledRing ring(card);
    const std::uint64_t image = card.host.allocate(kImage);
    const bool bulk = (card.host.read(K7_REG_FEATURES) & K7_FEATURE_BULK) != 0;
    k7_fm_load load{};
    load.image_size = kImage;
    const k7_sqe begin = ring.entry(K7_CMD_FM_LOAD_BEGIN, std::as_bytes(std::span(&load, 1)));
    const k7_sqe data = list_of_pages(ring, image);
    bool good = true;
    for (auto _ : state) {
        good = ring.run(begin) && good;
        good = (bulk ? ring.run(data) : load_in_pieces(ring, image)) && good;
        // So that begin finds its request again.
        std::memcpy(card.host.memory(begin.in_addr), &load, sizeof(load));
    }
    if (!good)
        state.SkipWithError("a command failed");
    state.SetBytesProcessed(state.iterations() * kImage);
}

constexpr std::uint32_t kBenchKeeper = 0xa0fd;
constexpr unsigned kAtOnce = 200; ///< accesses in one call, so that the call itself does not count

/// @p word is what the FM `keeper` is told to do to a file of 4 KiB, again and again.
void smfs_4KiB(benchmark::State &state, const std::string &word) {
    const TemporaryDirectory directory; // in memory
    OperationalCard card({{"store", directory.file("store")}});
    card.load("keeper");
    card.restart();
    bool good = card.call(kBenchKeeper, "new /file 4096").result == 0;
    const std::string request = word + " /file " + std::to_string(kAtOnce);
    for (auto _ : state) {
        const CommandReply reply = card.call(kBenchKeeper, request);
        good = good && reply.status == K7_ST_OK && reply.result == 0;
    }
    if (!good)
        state.SkipWithError("the FM could not do it");
    state.SetItemsProcessed(state.iterations() * kAtOnce);
}

void smfs_write_4KiB(benchmark::State &state) {
    smfs_4KiB(state, "write");
}

void smfs_read_4KiB(benchmark::State &state) {
    smfs_4KiB(state, "read");
}

/// The sample vault under another ID.
Bytes vault_image(std::uint32_t fm_id) {
    Bytes elf = fm_elf("vault");
    const auto magic = std::as_bytes(std::span("KFMH", 4));
    const auto header = std::search(elf.begin(), elf.end(), magic.begin(), magic.end());
    if (header == elf.end())
        throw std::runtime_error("the sample vault has no header");
    std::memcpy(&*header + offsetof(k7_fm_header, fm_id), &fm_id, sizeof(fm_id));
    return signer().sign(fm_content(elf));
}

/// From a reset until the card is operational again, with so many FMs that it starts.
void restart_with_fms(benchmark::State &state) {
    const TemporaryDirectory directory; // in memory
    OperationalCard card({{"store", directory.file("store")}});
    const auto fms = static_cast<std::uint32_t>(state.range(0));
    for (std::uint32_t i = 0; i < fms; ++i)
        if (card.load_image(vault_image(0xa100 + i), signer().certificate()).status != K7_ST_OK)
            return state.SkipWithError("an FM could not be loaded");
    for (auto _ : state)
        card.restart();
    for (const k7_fm_info &info : card.list())
        if (info.status != K7_FM_STATUS_ENABLED)
            return state.SkipWithError("an FM did not start");
}

BENCHMARK(restart_with_fms)->Arg(0)->Arg(1)->Arg(32)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(smfs_write_4KiB)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(smfs_read_4KiB)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(nop)->UseRealTime();
BENCHMARK(nop_batch_32)->UseRealTime();
BENCHMARK(get_random_32)->UseRealTime();
BENCHMARK(fm_echo_64)->UseRealTime();
BENCHMARK(fm_load_data_1MiB)->UseRealTime()->Unit(benchmark::kMicrosecond);

} // namespace
} // namespace k7::test

BENCHMARK_MAIN();
