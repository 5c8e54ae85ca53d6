// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

namespace k7::card {

/// Does @p name fit @p pattern, where '*' stands for any characters and '?' for one? Linear in practice: only the last
/// '*' is ever tried again, so that a hostile pattern cannot make it slow.
[[nodiscard]] constexpr bool matches(std::string_view pattern, std::string_view name) {
    std::size_t p = 0;
    std::size_t n = 0;
    std::size_t star = std::string_view::npos;
    std::size_t star_name = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_name = n;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
            ++p;
            ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++star_name;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

static_assert(matches("*", "") && matches("a*b?", "axxbc") && !matches("a?", "a") && matches("*a*", "bab"));

} // namespace k7::card
