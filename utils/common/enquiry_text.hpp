// SPDX-License-Identifier: GPL-2.0-or-later
//
// The blocks of enquiry, in the layout that scripts in the field parse: headers in column 0, fields as " %-20s %s".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "utils/common/module_view.hpp"
#include "utils/common/tool.hpp"

namespace k7::tool {

/// What the Server block is about: this host, its driver and all its modules.
struct ServerView {
    std::vector<std::string> esns;
    std::uint32_t modules = 0;     ///< cards with a driver
    std::uint32_t payload_max = 0; ///< bytes, 0: no card answered
    bool driver_loaded = false;
    std::string driver_version; ///< empty: not known
};

/// One line with its newline.
std::string field(const std::string &label, const std::string &value);

std::string server_text(const ServerView &server);
/// @param verbose also what the field's layout has no place for, after its last line
std::string module_text(const ModuleView &module, bool verbose);
std::string absent_text(std::uint32_t number);

Json server_json(const ServerView &server);
Json module_json(const ModuleView &module);

} // namespace k7::tool
