// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/registers/lies.hpp"

#include <array>
#include <cstddef>
#include <random>

namespace k7::card {
namespace {

constexpr std::uint32_t kWrongMagic = 0x21212121;
constexpr std::uint32_t kUnknownState = 0x632a; // state 42, reason 99
constexpr std::uint32_t kHuge = 0xfffffff0;     // not all ones: those mean that the card is gone
constexpr std::uint32_t kImpossibleLength = 0xfffffff0;

constexpr std::uint32_t limits(std::uint32_t rings, std::uint32_t log2) {
    return log2 << 8 | rings;
}

struct LimitLie {
    std::uint32_t variant;
    std::uint32_t offset;
    std::uint32_t value;
};

// Variants of lie-limits; without a variant the first of each register.
constexpr std::array kLimitLies{
    LimitLie{1, K7_REG_LIMITS, limits(0, 31)}, LimitLie{2, K7_REG_LIMITS, limits(255, 31)},
    LimitLie{3, K7_REG_LIMITS, limits(1, 0)},  LimitLie{4, K7_REG_PAYLOAD_MAX, 0},
    LimitLie{5, K7_REG_PAYLOAD_MAX, kHuge},    LimitLie{6, K7_REG_CHANNEL_MAX, 0},
    LimitLie{7, K7_REG_CHANNEL_MAX, kHuge},    LimitLie{8, K7_REG_BULK_MAX, kHuge},
};

std::uint32_t falsify_limit(std::uint32_t variant, std::uint32_t offset, std::uint32_t value) {
    for (const LimitLie &lie : kLimitLies)
        if (lie.offset == offset && (variant == 0 || lie.variant == variant))
            return lie.value;
    return value;
}

} // namespace

std::uint32_t falsify_register(Faults &faults, std::uint32_t offset, std::uint32_t value) {
    if (faults.none())
        return value;
    if (faults.active(FaultKind::LieLimits))
        return falsify_limit(faults.number(FaultKind::LieLimits), offset, value);
    if (offset == K7_REG_MAGIC && faults.take(FaultKind::LieIdentity))
        return kWrongMagic;
    if (offset == K7_REG_STATE && faults.take(FaultKind::LieState))
        return kUnknownState;
    return value;
}

void falsify_answer(Faults &faults, MailboxRegisters &mailbox) {
    if (faults.take(FaultKind::LieTagMailbox))
        mailbox.change_tag();
    if (!faults.take(FaultKind::MailboxGarbage))
        return;
    std::array<std::byte, K7_MB_DATA_BYTES> garbage;
    std::minstd_rand random(std::random_device{}());
    for (std::byte &byte : garbage)
        byte = static_cast<std::byte>(random() >> 8);
    mailbox.replace_reply(kImpossibleLength, garbage);
}

void stick_ring(Faults &faults, std::span<RingRegisters> rings, std::uint32_t offset, std::uint32_t value) {
    if (faults.none())
        return;
    for (std::uint32_t index = 0; index < rings.size(); ++index)
        if (offset == K7_REG_RING(index) + K7_RING_CONTROL && value == 0 && rings[index].enabled)
            rings[index].stuck = faults.active(FaultKind::StuckRingForever) || faults.take(FaultKind::StuckRing);
}

} // namespace k7::card
