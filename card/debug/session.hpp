// SPDX-License-Identifier: GPL-2.0-or-later
//
// One debugger at one FM: the remote protocol's commands, and what the debugger waits for. Knows the FM only as an
// FmEngine that does not run at the moment.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "card/debug/rsp_connection.hpp"
#include "card/fm/engine.hpp"

namespace k7::card {

/// Memory that the debugger watches; kinds are the numbers of the protocol's Z packets.
struct Watch {
    enum Kind : std::uint32_t { Write = 2, Read = 3, Access = 4 };
    std::uint32_t kind = 0;
    std::uint32_t address = 0;
    std::uint32_t length = 0;
    bool operator==(const Watch &) const = default;
};

/// Why the FM has stopped. Signals have gdb's numbers.
struct Stop {
    static constexpr int kInterrupt = 2;
    static constexpr int kTrap = 5;

    int signal = kTrap;
    bool fault = false;           ///< the FM cannot go on by itself
    std::optional<Watch> watch{}; ///< what was touched
};

/// gdb's signal for an enum k7_fault_cause.
[[nodiscard]] int debugger_signal(std::uint32_t cause);

/// How the FM goes on.
enum class Go {
    On,        ///< from its pc, also after a fault
    WithFault, ///< the fault is the card's, as without a debugger
    Detached,  ///< the debugger is no longer there
};

class Session {
  public:
    /// As the constructors of RspConnection.
    explicit Session(FileDescriptor socket) : connection_(std::move(socket)) {}
    Session(int in, int out) : connection_(in, out) {}

    /// @p fm has stopped: tell the debugger if it waits, and do what it asks until it lets the FM go on.
    /// @return nothing when @p kill has become true
    std::optional<Go> talk(fm::FmEngine &fm, const Stop &stop, const std::atomic<bool> &kill);

    /// Is there a reason to talk before the FM goes on? Looks for an interrupt from the debugger.
    std::optional<Stop> reason_to_stop();
    /// The debugger has gone.
    [[nodiscard]] bool over() const { return over_ || connection_.closed(); }
    /// The FM, or the card, has ended, as the packet @p how says.
    void end(std::string_view how);
    /// The fault that the FM has stopped for has ended it.
    void end_with_fault();

    // ---- What the debugger waits for while the FM runs ----
    [[nodiscard]] bool stepping() const { return stepping_; }
    [[nodiscard]] bool breaks_at(std::uint32_t pc) const { return breakpoints_.contains(pc); }
    [[nodiscard]] bool looks_at_each_instruction() const {
        return stepping_ || !breakpoints_.empty() || !watches_.empty();
    }
    /// The watch that the instruction at the pc of @p fm is about to touch by a load or store.
    [[nodiscard]] std::optional<Watch> touches(const fm::FmEngine &fm) const;
    /// Content of what is watched for writing, when the next instruction is a service call: services write memory, too.
    [[nodiscard]] std::vector<std::vector<std::byte>> before_service(const fm::FmEngine &fm) const;
    /// The watch whose content is no longer as @p before.
    [[nodiscard]] std::optional<Watch> changed(const fm::FmEngine &fm,
                                               const std::vector<std::vector<std::byte>> &before) const;

  private:
    using Arguments = std::string_view;

    std::optional<Go> handle(std::string_view packet);
    void reply(std::string_view content) { connection_.send(content); }
    [[nodiscard]] std::string stop_reply() const;
    std::optional<Go> go(bool step, int signal);

    std::optional<Go> tell_why(Arguments);
    std::optional<Go> read_registers(Arguments);
    std::optional<Go> write_registers(Arguments arguments);
    std::optional<Go> read_register(Arguments arguments);
    std::optional<Go> write_register(Arguments arguments);
    std::optional<Go> read_memory(Arguments arguments);
    std::optional<Go> write_memory(Arguments arguments);
    std::optional<Go> set_point(Arguments arguments);
    std::optional<Go> clear_point(Arguments arguments);
    std::optional<Go> resume(Arguments arguments);
    std::optional<Go> resume_from(Arguments arguments, bool step);
    std::optional<Go> go_on(Arguments arguments) { return resume_from(arguments, false); }
    std::optional<Go> step(Arguments arguments) { return resume_from(arguments, true); }
    std::optional<Go> go_on_with_signal(Arguments arguments);
    std::optional<Go> step_with_signal(Arguments arguments);
    std::optional<Go> detach(Arguments);
    std::optional<Go> kill(Arguments);
    std::optional<Go> supported(Arguments);
    std::optional<Go> no_acknowledgement(Arguments);
    std::optional<Go> describe_target(Arguments arguments);
    std::optional<Go> succeed(Arguments);
    std::optional<Go> tell_attached(Arguments);
    std::optional<Go> tell_thread(Arguments);
    std::optional<Go> tell_threads(Arguments);
    std::optional<Go> tell_no_more_threads(Arguments);
    std::optional<Go> tell_resume_actions(Arguments);

    void set_register(std::size_t index, std::uint32_t value);
    [[nodiscard]] std::uint32_t register_value(std::size_t index) const;

    RspConnection connection_;
    fm::FmEngine *fm_ = nullptr; ///< while it talks
    Stop stop_;
    bool running_ = false; ///< the debugger waits for the FM to stop
    bool over_ = false;
    bool stepping_ = false;
    std::set<std::uint32_t> breakpoints_;
    std::vector<Watch> watches_;
};

} // namespace k7::card
