// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/firmware/command.hpp"

#include <algorithm>
#include <array>

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

const CommandEntry &find_command(std::uint16_t opcode) {
    const auto found =
        std::find_if(kCommands.begin(), kCommands.end(), [opcode](const auto &c) { return c.opcode == opcode; });
    if (found == kCommands.end())
        throw Error(K7_ST_UNKNOWN_COMMAND, "command " + std::to_string(opcode) + " is not known");
    return *found;
}

} // namespace k7::card
