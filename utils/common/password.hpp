// SPDX-License-Identifier: GPL-2.0-or-later
//
// The HSM SO's password: from a file, or typed on the terminal. Never from the command line, where others can read it.
#pragma once

#include <string>

#include "hsm/card.hpp"
#include "utils/common/tool.hpp"

namespace k7::tool {

/// @p file, or what the environment says when it is empty; empty: ask
std::string password_file(const std::string &file);

/// The password that the HSM SO has. @param file as of CommandLine::add_password_option(); empty: ask
/// @throws hsm::Error (refused) when there is no file and no terminal
hsm::SecureBytes so_password(const Tool &tool, const std::string &file);

/// A password that is to be set; on the terminal it is asked for twice. @throws hsm::Error likewise
hsm::SecureBytes new_so_password(const Tool &tool, const std::string &file);

/// Log the HSM SO in on @p card's channel.
void login(const Tool &tool, hsm::Card &card, const std::string &file);

} // namespace k7::tool
