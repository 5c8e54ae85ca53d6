// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fm_host/fm_log.hpp"

#include <algorithm>
#include <cstdio>

namespace k7::card {

void FmLog::add(std::uint32_t fm_id, std::span<const std::byte> text) {
    char prefix[16];
    std::snprintf(prefix, sizeof(prefix), "%04x ", fm_id);
    std::string line = prefix;
    for (const std::byte byte : text.first(std::min(text.size(), kLineMax))) {
        const char c = static_cast<char>(byte);
        line += c >= ' ' && c <= '~' ? c : '?';
    }
    lines_.push_back(line + "\n");
    if (lines_.size() > kLines) {
        lines_.pop_front();
        ++first_line_;
    }
}

FmLog::Page FmLog::read(std::uint32_t first, std::size_t room) const {
    Page page;
    const std::uint32_t end = first_line_ + static_cast<std::uint32_t>(lines_.size());
    page.next_line = std::clamp(first, first_line_, end);
    while (page.next_line < end) {
        const std::string &line = lines_[page.next_line - first_line_];
        if (page.text.size() + line.size() > room)
            break;
        page.text += line;
        ++page.next_line;
    }
    return page;
}

} // namespace k7::card
