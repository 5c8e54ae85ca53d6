// SPDX-License-Identifier: GPL-2.0-or-later
//
// A hostile guest: register accesses, ring entries, resets and faults in any order, against a whole card. The input is
// a list of operations of eight bytes each.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "card/k7card.h"
#include "k7/hw.h"

namespace {

constexpr std::uint64_t kMemorySize = 0x80000;

struct Guest {
    std::mutex mutex;
    std::vector<std::uint8_t> memory = std::vector<std::uint8_t>(kMemorySize);
    k7card *card = nullptr;
};

int dma_read(void *opaque, std::uint64_t address, void *buffer, std::size_t size) {
    auto &guest = *static_cast<Guest *>(opaque);
    const std::scoped_lock lock(guest.mutex);
    if (address > kMemorySize || size > kMemorySize - address)
        return -1;
    std::memcpy(buffer, guest.memory.data() + address, size);
    return 0;
}

int dma_write(void *opaque, std::uint64_t address, const void *buffer, std::size_t size) {
    auto &guest = *static_cast<Guest *>(opaque);
    const std::scoped_lock lock(guest.mutex);
    if (address > kMemorySize || size > kMemorySize - address)
        return -1;
    std::memcpy(guest.memory.data() + address, buffer, size);
    return 0;
}

void interrupt(void *, unsigned vector) {
    if (vector >= K7CARD_VECTORS)
        std::abort();
}

/// One operation of the input.
struct Operation {
    std::uint8_t kind;
    std::uint8_t small;
    std::uint16_t where;
    std::uint32_t value;
};
static_assert(sizeof(Operation) == 8);

void write(Guest &guest, std::uint64_t offset, std::uint32_t value) {
    k7card_mmio_write(guest.card, offset, value, 4);
}

// Without help a fuzzer hardly ever sets up a ring.
void enable_ring(Guest &guest, unsigned ring, bool on_demand) {
    const std::uint64_t base = K7_REG_RING(ring);
    write(guest, base + K7_RING_SQ_BASE_LO, ring * 0x2000);
    write(guest, base + K7_RING_CQ_BASE_LO, ring * 0x2000 + 0x1000);
    write(guest, base + K7_RING_SIZE, 16);
    write(guest, base + K7_RING_VECTOR, 1 + ring);
    write(guest, base + K7_RING_CONTROL, K7_RING_ENABLE | (on_demand ? K7_RING_ON_DEMAND : 0));
}

// A word of a submission entry, where enable_ring() puts the rings.
void poke_entry(Guest &guest, const Operation &operation) {
    const std::scoped_lock lock(guest.mutex);
    const std::size_t at = (operation.small & 15u) * 0x2000u + operation.where % 0x400u / 4 * 4;
    std::memcpy(guest.memory.data() + at, &operation.value, sizeof(operation.value));
}

// A submission whose payload is a list, nearly good: the last segment is the input's.
void poke_list(Guest &guest, const Operation &operation) {
    constexpr std::uint64_t kList = 0x40000;
    constexpr std::uint32_t kPiece = 0x1000;
    constexpr std::array<std::uint16_t, 4> kOpcodes{K7_CMD_FM_LOAD_DATA, K7_CMD_FM_CALL, K7_CMD_FM_LOAD_BEGIN,
                                                    K7_CMD_NOP};
    const std::uint32_t count = 1 + operation.small / 16u % 4;
    std::array<k7_segment, 4> segments{};
    for (k7_segment &segment : segments)
        segment = {.addr = kList + kPiece, .len = kPiece, .reserved = 0};
    segments[count - 1].addr += operation.value % 16;
    segments[count - 1].len = operation.value / 16;
    k7_sqe entry{};
    entry.opcode = kOpcodes[operation.where / 64 % kOpcodes.size()];
    entry.flags = K7_SQE_LIST;
    entry.in_len = (count - 1) * kPiece + segments[count - 1].len;
    entry.in_addr = kList;
    entry.in_segments = count;
    const std::scoped_lock lock(guest.mutex);
    std::memcpy(guest.memory.data() + kList, segments.data(), sizeof(segments));
    std::memcpy(guest.memory.data() + (operation.small & 15u) * 0x2000u + operation.where % 16u * sizeof(entry), &entry,
                sizeof(entry));
}

// All parts of a doorbell in one write; some of them wrong.
void ring_doorbell(Guest &guest, const Operation &operation) {
    const std::uint64_t ring = K7_REG_RING(operation.small % K7_RING_MAX);
    const std::uint32_t head =
        operation.where % 8 == 0 ? operation.value / 32 % 18 : k7card_mmio_read(guest.card, ring + K7_RING_CQ_TAIL, 4);
    write(guest, ring + K7_RING_DOORBELL,
          K7_DOORBELL(operation.value % 18, head) | (operation.where & 16 ? K7_DOORBELL_ARM : 0));
}

void play(Guest &guest, const Operation &operation) {
    constexpr std::array kFaults{"none",       "link-down",       "hang",         "hang-mailbox",
                                 "lose-irq:2", "drop-completion", "dma-error:3",  "gone:1",
                                 "slow:1",     "storm:99",        "storm-events", "stuck-ring:1",
                                 "lie-tag:3",  "hardware-failed", "duplicate:3",  "lie-length:2",
                                 "lie-phase",  "lie-state:3",     "lie-limits:5", "mailbox-garbage"};
    switch (operation.kind % 10) {
    case 0:
        return k7card_mmio_write(guest.card, operation.where, operation.value,
                                 operation.small % 2 ? 4 : operation.small);
    case 1:
        k7card_mmio_read(guest.card, operation.where, operation.small % 2 ? 4 : operation.small);
        return;
    case 2:
        return enable_ring(guest, operation.small % K7_RING_MAX, operation.where % 2 != 0);
    case 3:
    case 4:
        return poke_entry(guest, operation);
    case 5:
        return write(guest, K7_REG_RING(operation.small % K7_RING_MAX) + K7_RING_SQ_TAIL, operation.value % 18);
    case 6:
        k7card_set_property(guest.card, "fault", kFaults[operation.small % kFaults.size()], nullptr, 0);
        return;
    case 7:
        return poke_list(guest, operation);
    case 8:
        return ring_doorbell(guest, operation);
    default:
        if (operation.small % 4 == 0)
            return k7card_reset(guest.card, static_cast<k7card_reset_kind>(operation.small / 4 % 3));
        std::this_thread::sleep_for(std::chrono::microseconds(operation.small));
    }
}

// The input may have zeroized it: then it is not initialised any more.
bool wait_serving(Guest &guest) {
    for (int i = 0; i < 100000; ++i) {
        const std::uint32_t state = K7_STATE_GET(k7card_mmio_read(guest.card, K7_REG_STATE, 4));
        if (state == K7_STATE_OPERATIONAL || state == K7_STATE_PRE_INIT)
            return true;
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return false;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    Guest guest;
    const k7card_host host{sizeof(k7card_host), K7CARD_ABI, &guest,  dma_read, dma_write,
                           interrupt,           nullptr,    nullptr, nullptr};
    const k7card_property provisioned{"so-password-file", "tests/so-password"};
    guest.card = k7card_create(&host, &provisioned, 1, nullptr, 0);
    if (!guest.card || !wait_serving(guest))
        std::abort();
    for (std::size_t at = 0; at + sizeof(Operation) <= size && at < 256 * sizeof(Operation); at += sizeof(Operation)) {
        Operation operation;
        std::memcpy(&operation, data + at, sizeof(operation));
        play(guest, operation);
    }
    // Whatever happened, a power cycle brings the card back.
    k7card_reset(guest.card, K7CARD_RESET_POWER);
    if (!wait_serving(guest))
        std::abort();
    k7card_destroy(guest.card);
    return 0;
}
