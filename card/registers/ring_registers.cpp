// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/registers/ring_registers.hpp"

#include "card/k7card.h"

namespace k7::card {
namespace {

std::uint32_t low(std::uint64_t value) {
    return static_cast<std::uint32_t>(value);
}
std::uint32_t high(std::uint64_t value) {
    return static_cast<std::uint32_t>(value >> 32);
}
std::uint64_t with_low(std::uint64_t old, std::uint32_t value) {
    return (old & ~0xffffffffull) | value;
}
std::uint64_t with_high(std::uint64_t old, std::uint32_t value) {
    return (old & 0xffffffffull) | static_cast<std::uint64_t>(value) << 32;
}

} // namespace

std::uint32_t RingRegisters::read(std::uint32_t offset) const {
    switch (offset) {
    case K7_RING_SQ_BASE_LO:
        return low(sq_base);
    case K7_RING_SQ_BASE_HI:
        return high(sq_base);
    case K7_RING_CQ_BASE_LO:
        return low(cq_base);
    case K7_RING_CQ_BASE_HI:
        return high(cq_base);
    case K7_RING_SIZE:
        return size;
    case K7_RING_VECTOR:
        return vector;
    case K7_RING_CONTROL:
        return (enabled ? K7_RING_ENABLE : 0) | (enabled && on_demand ? K7_RING_ON_DEMAND : 0);
    case K7_RING_STATUS:
        return (enabled || dma_running != 0 ? K7_RING_ENABLED : 0) | (error_ ? K7_RING_ERROR : 0);
    case K7_RING_SQ_HEAD:
        return sq_head;
    case K7_RING_CQ_TAIL:
        return cq_tail;
    default:
        return 0;
    }
}

std::string RingRegisters::write(std::uint32_t offset, std::uint32_t value, bool firmware_runs) {
    switch (offset) {
    case K7_RING_CONTROL:
        return write_control(value, firmware_runs);
    case K7_RING_SQ_TAIL:
        return write_sq_tail(value);
    case K7_RING_CQ_HEAD:
        return write_cq_head(value);
    case K7_RING_DOORBELL:
        return write_doorbell(value);
    default:
        return write_setup(offset, value);
    }
}

std::string RingRegisters::write_setup(std::uint32_t offset, std::uint32_t value) {
    if (enabled || dma_running != 0)
        return "a ring's setup was written while the ring is enabled";
    switch (offset) {
    case K7_RING_SQ_BASE_LO:
        sq_base = with_low(sq_base, value);
        return {};
    case K7_RING_SQ_BASE_HI:
        sq_base = with_high(sq_base, value);
        return {};
    case K7_RING_CQ_BASE_LO:
        cq_base = with_low(cq_base, value);
        return {};
    case K7_RING_CQ_BASE_HI:
        cq_base = with_high(cq_base, value);
        return {};
    case K7_RING_SIZE:
        size = value;
        return {};
    case K7_RING_VECTOR:
        vector = value;
        return {};
    default:
        return "write to a ring register that is read only or unknown";
    }
}

std::string RingRegisters::setup_error(bool firmware_runs) const {
    if (!firmware_runs)
        return "a ring was enabled while the firmware does not run";
    if (size < 2 || size > 1u << K7_RING_ENTRIES_MAX_LOG2 || (size & (size - 1)) != 0)
        return "ring size " + std::to_string(size) + " is no power of two in 2 .. 1024";
    if (sq_base % K7_RING_ALIGN != 0 || cq_base % K7_RING_ALIGN != 0)
        return "a ring base is not aligned to 4096";
    if (sq_base > UINT64_MAX - size * sizeof(k7_sqe) || cq_base > UINT64_MAX - size * sizeof(k7_cqe))
        return "a ring wraps around the end of the address space";
    if (vector >= K7CARD_VECTORS)
        return "ring vector " + std::to_string(vector) + " does not exist";
    return {};
}

std::string RingRegisters::write_control(std::uint32_t value, bool firmware_runs) {
    if ((value & ~(K7_RING_ENABLE | K7_RING_ON_DEMAND)) != 0 || value == K7_RING_ON_DEMAND)
        return "reserved bits of a ring's CONTROL were set";
    if (value == 0) {
        disable();
        error_ = false;
        return {};
    }
    if (enabled || dma_running != 0)
        return "a ring was enabled that is not disabled yet";
    std::string error = setup_error(firmware_runs);
    error_ = !error.empty();
    if (!error_)
        enable((value & K7_RING_ON_DEMAND) != 0);
    return error;
}

void RingRegisters::enable(bool interrupts_on_demand) {
    sq_tail = sq_head = cq_tail = cq_head = 0;
    phase = true;
    on_demand = interrupts_on_demand;
    taken = written = armed_after = 0;
    armed = false;
    enabled = true;
    ++epoch;
}

void RingRegisters::disable() {
    if (enabled)
        ++epoch;
    enabled = armed = false;
}

void RingRegisters::fail() {
    disable();
    error_ = true;
}

std::string RingRegisters::write_sq_tail(std::uint32_t value) {
    if (!enabled)
        return "doorbell of a ring that is disabled";
    if (value >= size)
        return "SQ_TAIL " + std::to_string(value) + " is beyond the ring";
    sq_tail = value;
    return {};
}

bool RingRegisters::consumed_only_what_is_there(std::uint32_t head) const {
    return head < size && ((head - cq_head) & (size - 1)) <= ((cq_tail - cq_head) & (size - 1));
}

std::string RingRegisters::write_cq_head(std::uint32_t value) {
    if (!enabled)
        return "doorbell of a ring that is disabled";
    if (!consumed_only_what_is_there(value))
        return "CQ_HEAD " + std::to_string(value) + " is beyond the last completion";
    cq_head = value;
    return {};
}

// All of it or nothing: a doorbell with one wrong part is ignored.
std::string RingRegisters::write_doorbell(std::uint32_t value) {
    const std::uint32_t tail = K7_DOORBELL_TAIL_GET(value);
    const std::uint32_t head = K7_DOORBELL_HEAD_GET(value);
    if (!enabled)
        return "doorbell of a ring that is disabled";
    if ((value & ~(K7_DOORBELL(0xfffu, 0xfffu) | K7_DOORBELL_ARM)) != 0)
        return "reserved bits of a ring's DOORBELL were set";
    if (tail >= size)
        return "SQ tail " + std::to_string(tail) + " of a DOORBELL is beyond the ring";
    if (!consumed_only_what_is_there(head))
        return "CQ head " + std::to_string(head) + " of a DOORBELL is beyond the last completion";
    cq_head = head;
    sq_tail = tail;
    if (on_demand && (value & K7_DOORBELL_ARM) != 0) {
        armed = true; // until the interrupt: another CPU may ring without, while this one sleeps
        armed_after = taken - ((cq_tail - head) & (size - 1));
    }
    return {};
}

// A slot is taken before it is written: the driver may consume the entry, and say so, as soon as it can see it.
std::uint32_t RingRegisters::take_completion() {
    const std::uint32_t slot = cq_tail;
    cq_tail = (cq_tail + 1) & (size - 1);
    phase = cq_tail == 0 ? !phase : phase;
    ++taken;
    return slot;
}

bool RingRegisters::take_interrupt() {
    if (!on_demand)
        return true;
    if (!armed || written <= armed_after)
        return false;
    armed = false;
    return true;
}

} // namespace k7::card
