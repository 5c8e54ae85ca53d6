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
    lines_[next_line_] = line + "\n";
    of_fms_[fm_id].push_back(next_line_++);
    if (lines_.size() > kLines)
        drop_line();
}

void FmLog::drop_line() {
    const auto most = std::max_element(of_fms_.begin(), of_fms_.end(), [](const auto &one, const auto &other) {
        return one.second.size() < other.second.size();
    });
    lines_.erase(most->second.front());
    most->second.pop_front();
}

FmLog::Page FmLog::read(std::uint32_t first, std::size_t room) const {
    Page page{.text = {}, .next_line = next_line_};
    for (auto line = lines_.lower_bound(first); line != lines_.end(); ++line) {
        if (page.text.size() + line->second.size() > room) {
            page.next_line = line->first;
            break;
        }
        page.text += line->second;
    }
    return page;
}

} // namespace k7::card
