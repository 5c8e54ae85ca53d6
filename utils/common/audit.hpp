// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace k7::tool {

/// One line in the system log about a destructive action: who, which card, what, and how it ended.
void audit(const std::string &tool, const std::string &esn, const std::string &action, const std::string &outcome);

} // namespace k7::tool
