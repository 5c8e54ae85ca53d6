// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/faults.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "card/error.hpp"

namespace k7::card {
namespace {

struct FaultName {
    std::string_view name;
    FaultKind kind;
    bool counted;                ///< accepts ":count"
    std::uint32_t default_count; ///< without a count; 0: until it is cleared
};

// To add a fault: a line here, an enumerator, the place that plays it, a line in docs/card-interface.md.
constexpr std::array kFaults{
    FaultName{"none", FaultKind::None, false, 0},
    FaultName{"link-down", FaultKind::LinkDown, false, 0},
    FaultName{"hang", FaultKind::Hang, false, 0},
    FaultName{"hang-mailbox", FaultKind::HangMailbox, false, 0},
    FaultName{"lose-irq", FaultKind::LoseIrq, true, 0},
    FaultName{"drop-completion", FaultKind::DropCompletion, true, 1},
    FaultName{"dma-error", FaultKind::DmaError, true, 0},
    FaultName{"hardware-failed", FaultKind::HardwareFailed, false, 0},
};

[[noreturn]] void refuse(std::string_view text) {
    std::string names;
    for (const FaultName &fault : kFaults)
        names += (names.empty() ? "" : ", ") + std::string(fault.name) + (fault.counted ? "[:count]" : "");
    throw Error(K7_ST_BAD_FIELD, "fault '" + std::string(text) + "' is not known; one of: " + names);
}

std::uint32_t parse_count(std::string_view text, std::string_view digits) {
    std::uint32_t count = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    if (error != std::errc{} || end != digits.data() + digits.size() || count == 0)
        refuse(text);
    return count;
}

} // namespace

void Faults::set(std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    const auto fault = std::find_if(kFaults.begin(), kFaults.end(), [&](const auto &f) { return f.name == name; });
    if (fault == kFaults.end() || (colon != std::string_view::npos && !fault->counted))
        refuse(text);
    const std::uint32_t count =
        colon == std::string_view::npos ? fault->default_count : parse_count(text, text.substr(colon + 1));
    value_.store(static_cast<std::uint64_t>(fault->kind) << 32 | count);
}

std::string Faults::text() const {
    const std::uint64_t value = value_.load();
    const auto fault =
        std::find_if(kFaults.begin(), kFaults.end(), [&](const auto &f) { return f.kind == kind_of(value); });
    std::string text(fault->name);
    if (count_of(value) != 0)
        text += ":" + std::to_string(count_of(value));
    return text;
}

bool Faults::take(FaultKind kind) {
    std::uint64_t value = value_.load();
    while (kind_of(value) == kind) {
        if (count_of(value) == 0)
            return true;
        const std::uint64_t next = count_of(value) == 1 ? 0 : value - 1;
        if (value_.compare_exchange_weak(value, next))
            return true;
    }
    return false;
}

} // namespace k7::card
