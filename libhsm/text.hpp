// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hsm {

/// printf into a string, for short texts: at most 255 characters, the rest is cut.
[[gnu::format(printf, 1, 2)]] std::string format(const char *pattern, ...);

} // namespace hsm
