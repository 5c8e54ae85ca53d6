// SPDX-License-Identifier: Apache-2.0
#include "hsm/enumerate.hpp"
#include "libhsm/channel.hpp"

namespace hsm {

std::unique_ptr<Transport> open_transport(std::string_view selector) {
    if (selector.starts_with("sim:"))
        return open_in_process_card(selector);
    if (selector.starts_with("/") || selector.starts_with("."))
        return open_node(std::string(selector));
    if (selector.starts_with("k7pf"))
        return open_node("/dev/" + std::string(selector));
    return open_node(find_node(selector));
}

} // namespace hsm
