// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/debug/debug_engine.hpp"

#include "k7/fault_report.h"
#include "k7/fm_abi.h"

namespace k7::card {
namespace {

using End = fm::Outcome::End;

constexpr std::uint64_t kSlice = 1u << 18; ///< instructions between two looks at the debugger, some milliseconds
constexpr unsigned kSteps = 1u << 14;      ///< the same, one by one
constexpr std::size_t kA0 = 10;

} // namespace

DebugEngine::DebugEngine(std::uint32_t fm_id, std::span<const std::byte> elf, fm::ServiceHandler &services,
                         const std::atomic<bool> &kill, DebugPort *port, Profile *profile)
    : fm_id_(fm_id), services_(services), kill_(kill), port_(port),
      counts_(profile == nullptr ? nullptr : &profile->of(fm_id, fm::code_memory(elf))), profile_(profile),
      cpu_(fm::make_rv32im_engine(elf, services_, kill)) {}

DebugEngine::~DebugEngine() {
    if (profile_ != nullptr)
        profile_->save();
}

void DebugEngine::begin(std::uint32_t address, std::span<const std::uint32_t> arguments, std::uint64_t budget) {
    cpu_->begin(address, arguments, budget);
    outcome_ = {.end = End::Paused, .fault = {}};
    begun_ = true;
}

fm::Outcome DebugEngine::resume(std::uint64_t slice) {
    if (slice == kToTheEnd) {
        services_.to_the_end = true;
        fm::Outcome outcome = run();
        services_.to_the_end = false;
        return outcome;
    }
    if (counts_ != nullptr || (port_ != nullptr && port_->wanted(fm_id_)))
        return {.end = End::Paused, .fault = {}};
    begun_ = false;
    return outcome_ = cpu_->resume(slice);
}

fm::Outcome DebugEngine::run() {
    std::optional<Stop> stop;
    while (true) {
        Session *const session = port_ == nullptr ? nullptr : port_->session(fm_id_, kill_);
        if (session != nullptr && !stop)
            stop = reason_to_stop(*session);
        if (session != nullptr && stop) {
            const auto go = session->talk(*cpu_, *stop, kill_);
            if (!go)
                return {.end = End::Killed, .fault = {}, .instructions = outcome_.instructions};
            if (*go == Go::WithFault)
                session->end_with_fault();
            const bool ended = ends_with(*go);
            port_->forget_if_over();
            if (ended)
                return outcome_;
            stop.reset();
            if (*go == Go::Detached)
                continue;
        }
        begun_ = false;
        stop = run_a_while(session);
        const bool at_end = outcome_.end == End::Returned && (session == nullptr || !stops_at_end(*session));
        if (at_end || outcome_.end == End::Killed || (outcome_.end == End::Faulted && session == nullptr))
            return outcome_;
    }
}

std::optional<Stop> DebugEngine::reason_to_stop(Session &session) {
    if (const auto stop = session.reason_to_stop())
        return stop;
    return begun_ && session.breaks_at(cpu_->pc()) ? std::optional(Stop{}) : std::nullopt;
}

/// A call that has returned goes on to the card at once, unless the debugger follows it so far.
bool DebugEngine::stops_at_end(const Session &session) const {
    return session.stepping() || session.breaks_at(K7_FM_EXIT_ADDRESS);
}

/// The debugger has let go: is what happened last the end of the call? It may have moved the pc elsewhere.
bool DebugEngine::ends_with(Go go) {
    if (outcome_.end == End::Returned && cpu_->pc() == K7_FM_EXIT_ADDRESS) {
        outcome_.value = cpu_->registers()[kA0];
        return true;
    }
    return outcome_.end == End::Faulted && go != Go::On;
}

/// Until the FM stops for the debugger (@return why) or ends (outcome_), or some milliseconds have passed.
std::optional<Stop> DebugEngine::run_a_while(Session *session) {
    if (counts_ == nullptr && (session == nullptr || !session->looks_at_each_instruction())) {
        outcome_ = cpu_->resume(kSlice);
        if (outcome_.end == End::Faulted)
            return Stop{.signal = debugger_signal(outcome_.fault.cause), .fault = true};
        return std::nullopt;
    }
    for (unsigned count = 0; count < kSteps; ++count) {
        const auto stop = step(session);
        if (stop || outcome_.end != End::Paused)
            return stop;
    }
    return std::nullopt;
}

std::optional<Stop> DebugEngine::step(Session *session) {
    const std::uint32_t pc = cpu_->pc();
    const std::uint64_t before = outcome_.instructions;
    auto touched = session == nullptr ? std::nullopt : session->touches(*cpu_);
    const auto contents = session == nullptr ? std::vector<std::vector<std::byte>>() : session->before_service(*cpu_);
    outcome_ = cpu_->resume(1);
    if (counts_ != nullptr && outcome_.instructions != before)
        counts_->add(pc);
    if (outcome_.end == End::Faulted)
        return Stop{.signal = debugger_signal(outcome_.fault.cause), .fault = true};
    if (session == nullptr)
        return std::nullopt;
    if (!touched)
        touched = session->changed(*cpu_, contents);
    if (touched)
        return Stop{.watch = touched};
    if (outcome_.end == End::Returned)
        return stops_at_end(*session) ? std::optional(Stop{}) : std::nullopt;
    return session->stepping() || session->breaks_at(cpu_->pc()) ? std::optional(Stop{}) : std::nullopt;
}

} // namespace k7::card
