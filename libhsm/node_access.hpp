// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hsm {

/// Owner, group and mode of @p node: "root:hsmusers 0660".
std::string node_owner_text(const std::string &node);

/// What the person can do to get access to @p node.
std::string node_access_hint(const std::string &node);

} // namespace hsm
