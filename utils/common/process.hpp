// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace k7::tool {

/// Run a program on our input and output, with the signals as a shell gives them, and wait for it. What is to end this
/// process is passed on to it, so that neither goes on without the other; Ctrl-C is its own matter.
/// @param arguments  the program, found by $PATH, and its arguments
/// @param remedy     when there is no such program
/// @return its exit status, or 128 and the number of the signal that ended it
/// @throws hsm::Error not_found, failed
int run_program(std::vector<std::string> arguments, const std::string &remedy = {});

} // namespace k7::tool
