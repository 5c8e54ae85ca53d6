// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace k7::tool {

/// Other processes that have the device node @p node open, as "name (pid N)", as far as this process may see them.
/// Empty for anything that is no character device.
std::vector<std::string> openers(const std::string &node);

} // namespace k7::tool
