// SPDX-License-Identifier: Apache-2.0
#include "libhsm/text.hpp"

#include <array>
#include <cstdarg>
#include <cstdio>

namespace hsm {

std::string format(const char *pattern, ...) {
    std::array<char, 256> text{};
    va_list arguments;
    va_start(arguments, pattern);
    std::vsnprintf(text.data(), text.size(), pattern, arguments);
    va_end(arguments);
    return text.data();
}

} // namespace hsm
