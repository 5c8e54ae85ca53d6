// SPDX-License-Identifier: GPL-2.0-or-later
//
// The CPU: registers, and the loop that runs decoded code.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "card/fm/budget.hpp"
#include "card/fm/decode.hpp"
#include "card/fm/engine.hpp"
#include "card/fm/memory.hpp"

namespace k7::fm {

/// x0 .. x31, and kSink behind them.
using Registers = std::array<std::uint32_t, kSink + 1>;

/// A direct-threaded interpreter. It makes no executable page, no system call, and depends on nothing but the FM:
/// the same call runs the same way every time.
///
/// A jump to an address that may not be executed has itself been executed: it is counted, it has written its link
/// register, and the fault's pc and address are its target. All other faults leave the faulting instruction undone.
class Interpreter {
  public:
    /// All references outlive the interpreter. @p engine is what services get.
    Interpreter(const Code &code, AddressSpace &memory, FmEngine &engine, ServiceHandler &services,
                const std::atomic<bool> &kill)
        : code_(code), memory_(memory), engine_(engine), services_(services), kill_(kill) {}

    [[nodiscard]] Registers &registers() { return x_; }
    [[nodiscard]] const Registers &registers() const { return x_; }

    /// Run from @p address until the FM jumps to K7_FM_EXIT_ADDRESS, faults, is killed, or is paused: because it has
    /// used @p instructions, or, with @p only_short_services, by a service that takes long or by many of them. A paused
    /// outcome has in fault.pc where to go on, and in fault what it is if there is no more budget.
    Outcome run(std::uint32_t address, std::uint64_t instructions, bool only_short_services);

  private:
    [[nodiscard]] std::optional<std::uint32_t> serve();
    [[nodiscard]] bool next_service_is_short() const;
    [[nodiscard]] Outcome paused(const Op *op, std::uint64_t used) const;
    [[nodiscard]] Outcome left(std::uint32_t target, std::uint64_t used) const;
    [[nodiscard]] Outcome fault(std::uint32_t cause, const Op *op, std::uint32_t address, std::uint64_t used) const;
    [[nodiscard]] Outcome data_fault(const Op *op, std::uint32_t address, std::uint64_t used) const;

    const Code &code_;
    AddressSpace &memory_;
    FmEngine &engine_;
    ServiceHandler &services_;
    const std::atomic<bool> &kill_;
    Registers x_{};
};

} // namespace k7::fm
