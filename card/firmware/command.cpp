// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/firmware/command.hpp"

#include <algorithm>
#include <array>

#include "card/firmware/firmware.hpp"

namespace k7::card {
namespace {

constexpr bool K7_IN_OPERATIONAL = true;
constexpr bool K7_IN_FIRMWARE = false;

constexpr std::array kCommands{
#define K7_COMMAND(name, opcode, in_min, in_max, states, access)                                                       \
    CommandEntry{#name, opcode, in_min, in_max, states, &handle<opcode>},
#include "k7/commands.def"
#undef K7_COMMAND
};

} // namespace

bool is_short(Firmware &firmware, const k7_sqe &sqe) {
    constexpr std::uint32_t kShortRandom = 4096;
    if ((sqe.flags & K7_SQE_LIST) != 0)
        return false;
    switch (sqe.opcode) {
    case K7_CMD_NOP:
    case K7_CMD_ABORT:
        return true;
    case K7_CMD_CHANNEL_CLOSE: // giving back an upload means wiping up to 4 MiB
        return !firmware.upload() || firmware.upload()->channel() != sqe.channel;
    case K7_CMD_GET_RANDOM:
        return sqe.arg[0] <= kShortRandom;
    case K7_CMD_FM_CALL: // pauses when it takes longer; an FM that does not run is looked for in the store
        return firmware.fms().is_running(sqe.arg[0]);
    default:
        return false;
    }
}

const CommandEntry &find_command(std::uint16_t opcode) {
    const auto found =
        std::find_if(kCommands.begin(), kCommands.end(), [opcode](const auto &c) { return c.opcode == opcode; });
    if (found == kCommands.end())
        throw Error(K7_ST_UNKNOWN_COMMAND, "command " + std::to_string(opcode) + " is not known");
    return *found;
}

} // namespace k7::card
