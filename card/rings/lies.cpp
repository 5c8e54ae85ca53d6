// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/rings/lies.hpp"

namespace k7::card {
namespace {

constexpr std::uint16_t kUnknownStatus = 0xffff;

// A driver that finds a request by the low bits of the tag has the bits above them to tell one use of the slot from
// the next. The largest ring has this many slots.
constexpr std::uint32_t kOneSequence = 1u << K7_RING_ENTRIES_MAX_LOG2;

} // namespace

Telling choose_telling(Faults &faults, std::uint32_t tag) {
    if (faults.take(FaultKind::LieTag))
        return {.false_before = true, .false_tag = ~tag};
    if (faults.take(FaultKind::LieStaleTag))
        return {.false_before = true, .false_tag = tag - kOneSequence};
    return {.twice = faults.take(FaultKind::Duplicate)};
}

void falsify_completion(Faults &faults, const k7_sqe &request, k7_cqe &entry) {
    if (faults.none())
        return;
    if (faults.take(FaultKind::LieLength))
        entry.out_len = faults.taken() % 2 == 1 ? UINT32_MAX : request.out_len + 1;
    else if (faults.take(FaultKind::LiePhase))
        entry.phase ^= K7_CQE_PHASE;
    else if (faults.take(FaultKind::LieStatus))
        entry.status = kUnknownStatus;
    else if (faults.take(FaultKind::LieSqHead))
        entry.sq_head = static_cast<std::uint16_t>(~entry.sq_head);
}

} // namespace k7::card
