// SPDX-License-Identifier: GPL-2.0-or-later
//
// hsm smfs info, hsm smfs check.
#include "utils/common/smfs_text.hpp"
#include "utils/hsm/command.hpp"

namespace k7::tool::hsm_tool {

int show_smfs(const Context &context) {
    return smfs_info(context.tool, context.card);
}

int check_smfs(const Context &context) {
    return smfs_check(context.tool, context.card);
}

} // namespace k7::tool::hsm_tool
