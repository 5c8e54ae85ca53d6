// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tools whose commands are a table: which of them was typed.
#pragma once

#include <algorithm>

#include "hsm/error.hpp"

namespace k7::tool {

/// The entry of @p commands for which @p is_given holds. @throws hsm::Error (usage) when there is none
template <class Table, class IsGiven>
const auto &given_command(const Table &commands, IsGiven &&is_given) {
    const auto found = std::ranges::find_if(commands, is_given);
    if (found == std::ranges::end(commands))
        throw hsm::Error(hsm::ErrorKind::usage, "no command given");
    return *found;
}

} // namespace k7::tool
