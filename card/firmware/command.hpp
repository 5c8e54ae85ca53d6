// SPDX-License-Identifier: GPL-2.0-or-later
//
// The firmware's commands: one table row and one handler each, both made from include/k7/commands.def.
//
// A command is run by the firmware's thread unless is_short() names it.
//
// To add a command: its line in commands.def, its payload in payload.h, its handler `handle<K7_CMD_...>` in the file
// of its group here (without one the card does not link), and its section in docs/card-interface.md.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "card/error.hpp"
#include "k7/hw.h"

namespace k7::card {

class Firmware;

/// The reply of a command, built in the firmware's bounce buffer and never longer than the host has room for.
class Reply {
  public:
    /// @param room the bytes that the host takes
    explicit Reply(std::span<std::byte> room) : room_(room) {}

    [[nodiscard]] std::span<std::byte> room() const { return room_; }
    [[nodiscard]] std::span<const std::byte> bytes() const { return room_.first(length_); }

    /// @throws Error BAD_LENGTH when the host has too little room
    void append(std::span<const std::byte> bytes) { std::ranges::copy(bytes, claim(bytes.size()).begin()); }
    template <class T>
    void append_struct(const T &value) {
        append(std::as_bytes(std::span(&value, 1)));
    }
    /// All that was ever written.
    [[nodiscard]] std::span<std::byte> used() const { return room_.first(used_); }
    /// The next @p length bytes of the reply, to be filled by the caller.
    std::span<std::byte> claim(std::size_t length) {
        if (length > room_.size() - length_)
            throw Error(K7_ST_BAD_LENGTH, "the reply needs more than the " + std::to_string(room_.size()) +
                                              " bytes that there is room for");
        const auto claimed = room_.subspan(length_, length);
        length_ += length;
        used_ = std::max(used_, length_);
        return claimed;
    }
    /// Replace everything by the text of an error, cut to the room.
    void set_text(std::string_view text) {
        length_ = std::min(text.size(), room_.size());
        used_ = std::max(used_, length_);
        std::memcpy(room_.data(), text.data(), length_);
    }

    std::uint32_t result = 0; ///< RESULT of the completion
    bool paused = false;      ///< the handler wants to be called again, with the same command, to go on

  private:
    std::span<std::byte> room_;
    std::size_t length_ = 0;
    std::size_t used_ = 0;
};

/// What a handler gets: the submission's fields, already checked, and the request payload.
struct Command {
    std::uint32_t channel = 0;
    std::uint32_t aborted_requests = 0; ///< ABORT and CHANNEL_CLOSE: how many requests they took back
    std::span<const std::uint32_t, 4> args;
    std::span<const std::byte> request;
    std::uint64_t slice = 0; ///< instructions of an FM that may run now, see FmEngine::resume()
    Reply &reply;
};

/// Run a command; an Error that it throws becomes the completion's status and reply text.
template <unsigned Opcode>
void handle(Firmware &firmware, const Command &command);

#define K7_COMMAND(name, opcode, in_min, in_max, states, access)                                                       \
    template <>                                                                                                        \
    void handle<opcode>(Firmware & firmware, const Command &command);
#include "k7/commands.def"
#undef K7_COMMAND

struct CommandEntry {
    std::string_view name;
    std::uint16_t opcode;
    std::uint32_t in_min;
    std::uint32_t in_max;
    bool needs_operational; ///< else any state in which the firmware runs
    void (*handler)(Firmware &firmware, const Command &command);
};

/// May @p sqe be executed by a thread that rings a doorbell? That is so when it ends, or pauses, within some ten
/// microseconds, waits for nothing and does not touch the store.
[[nodiscard]] bool is_short(Firmware &firmware, const k7_sqe &sqe);

/// @throws Error UNKNOWN_COMMAND
[[nodiscard]] const CommandEntry &find_command(std::uint16_t opcode);

} // namespace k7::card
