// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/faults.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "card/error.hpp"

namespace k7::card {
namespace {

/// What the number after the colon means.
enum class Number {
    None,
    Count,        ///< events to play; 0: until it is cleared
    Milliseconds, ///< of a time that is no count
    Variant,      ///< which lie of several; 0: all at once
};

struct FaultName {
    std::string_view name;
    FaultKind kind;
    Number number = Number::None;
    std::uint32_t without_number = 0; ///< its value when none is given
    std::uint32_t maximum = UINT32_MAX;
};

constexpr std::uint32_t kDefaultMilliseconds = 100;
constexpr std::uint32_t kLongest = 600000; // ms
constexpr std::uint32_t kLimitLies = 8;
constexpr std::uint32_t kDefaultStorm = 20000;

// To add a fault: a line here, an enumerator, the place that plays it, a line in docs/card-interface.md.
constexpr std::array kFaults{
    FaultName{"none", FaultKind::None},
    FaultName{"link-down", FaultKind::LinkDown},
    FaultName{"gone", FaultKind::Gone, Number::Milliseconds, kDefaultMilliseconds, kLongest},
    FaultName{"hang", FaultKind::Hang},
    FaultName{"hang-mailbox", FaultKind::HangMailbox},
    FaultName{"lose-irq", FaultKind::LoseIrq, Number::Count, 0},
    FaultName{"drop-completion", FaultKind::DropCompletion, Number::Count, 1},
    FaultName{"dma-error", FaultKind::DmaError, Number::Count, 0},
    FaultName{"hardware-failed", FaultKind::HardwareFailed},
    FaultName{"slow", FaultKind::Slow, Number::Milliseconds, kDefaultMilliseconds, kLongest},
    FaultName{"storm", FaultKind::Storm, Number::Count, 0},
    FaultName{"storm-events", FaultKind::StormEvents, Number::Count, kDefaultStorm},
    FaultName{"stuck-ring", FaultKind::StuckRing, Number::Count, 0},
    FaultName{"stuck-ring-forever", FaultKind::StuckRingForever},
    FaultName{"lie-tag", FaultKind::LieTag, Number::Count, 1},
    FaultName{"lie-stale-tag", FaultKind::LieStaleTag, Number::Count, 1},
    FaultName{"duplicate", FaultKind::Duplicate, Number::Count, 1},
    FaultName{"lie-length", FaultKind::LieLength, Number::Count, 1},
    FaultName{"lie-phase", FaultKind::LiePhase, Number::Count, 1},
    FaultName{"lie-status", FaultKind::LieStatus, Number::Count, 1},
    FaultName{"lie-sq-head", FaultKind::LieSqHead, Number::Count, 1},
    FaultName{"lie-identity", FaultKind::LieIdentity, Number::Count, 0},
    FaultName{"lie-limits", FaultKind::LieLimits, Number::Variant, 0, kLimitLies},
    FaultName{"lie-state", FaultKind::LieState, Number::Count, 0},
    FaultName{"lie-tag-mailbox", FaultKind::LieTagMailbox, Number::Count, 1},
    FaultName{"mailbox-garbage", FaultKind::MailboxGarbage, Number::Count, 1},
};

constexpr std::string_view kAll = "all";

constexpr std::string_view number_help(Number number) {
    switch (number) {
    case Number::Count:
        return "[:COUNT|all]";
    case Number::Milliseconds:
        return "[:MS]";
    case Number::Variant:
        return "[:VARIANT]";
    case Number::None:
        break;
    }
    return "";
}

[[noreturn]] void refuse(std::string_view text) {
    std::string names;
    for (const FaultName &fault : kFaults)
        names += (names.empty() ? "" : ", ") + std::string(fault.name) + std::string(number_help(fault.number));
    throw Error(K7_ST_BAD_FIELD, "fault '" + std::string(text) + "' is not known; one of: " + names);
}

std::uint32_t parse_number(const FaultName &fault, std::string_view text, std::string_view digits) {
    if (fault.number == Number::Count && digits == kAll)
        return 0;
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size() || number == 0 || number > fault.maximum)
        refuse(text);
    return number;
}

const FaultName &of_kind(FaultKind kind) {
    return *std::find_if(kFaults.begin(), kFaults.end(), [kind](const auto &f) { return f.kind == kind; });
}

} // namespace

void Faults::set(std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    const auto fault = std::find_if(kFaults.begin(), kFaults.end(), [&](const auto &f) { return f.name == name; });
    if (fault == kFaults.end() || (colon != std::string_view::npos && fault->number == Number::None))
        refuse(text);
    const std::uint32_t number =
        colon == std::string_view::npos ? fault->without_number : parse_number(*fault, text, text.substr(colon + 1));
    gone_until_.store(Clock::now() + std::chrono::milliseconds(number)); // looked at with Gone only
    taken_.store(0);
    value_.store(static_cast<std::uint64_t>(fault->kind) << 32 | number);
}

std::string Faults::text() {
    static_cast<void>(link_down()); // which ends a glitch whose time is over
    const std::uint64_t value = value_.load();
    const FaultName &fault = of_kind(kind_of(value));
    std::string text(fault.name);
    if (number_of(value) != 0)
        text += ":" + std::to_string(number_of(value));
    else if (fault.without_number != 0)
        text += ":" + std::string(kAll);
    return text;
}

std::uint32_t Faults::number(FaultKind kind) const {
    const std::uint64_t value = value_.load();
    return kind_of(value) == kind ? number_of(value) : 0;
}

bool Faults::take(FaultKind kind) {
    std::uint64_t value = value_.load();
    while (kind_of(value) == kind) {
        const std::uint64_t next = number_of(value) == 0 ? value : number_of(value) == 1 ? 0 : value - 1;
        if (value_.compare_exchange_weak(value, next)) {
            ++taken_;
            return true;
        }
    }
    return false;
}

bool Faults::link_down() {
    std::uint64_t value = value_.load();
    if (kind_of(value) != FaultKind::Gone)
        return kind_of(value) == FaultKind::LinkDown;
    if (Clock::now() < gone_until_.load())
        return true;
    value_.compare_exchange_strong(value, 0);
    return false;
}

} // namespace k7::card
