// SPDX-License-Identifier: GPL-2.0-or-later
//
// Questions before something is destroyed. They go to the terminal itself, so that redirected output stays clean and
// redirected input cannot answer by accident.
#pragma once

#include <optional>
#include <string>

#include "hsm/bytes.hpp"

namespace k7::tool {

/// Show @p text and ask for y or n; anything but yes is no.
/// @throws hsm::Error (refused) when the answer is no, or there is no terminal
void confirm_yes(const std::string &text, const std::string &question);

/// Show @p text and have @p expected typed. @throws hsm::Error (refused) likewise
void confirm_typed(const std::string &text, const std::string &question, const std::string &expected);

/// Ask for a password without echo. @return nothing when there is no terminal
std::optional<hsm::SecureBytes> ask_password(const std::string &question);

} // namespace k7::tool
