// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/debug/profile.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "card/error.hpp"

namespace k7::card {

void Profile::Counts::write(std::string &text) const {
    char line[48];
    for (std::size_t index = 0; index < counts_.size(); ++index) {
        if (counts_[index] == 0)
            continue;
        std::snprintf(line, sizeof(line), "%08x %llu\n", code_.address + static_cast<std::uint32_t>(index) * 4,
                      static_cast<unsigned long long>(counts_[index]));
        text += line;
    }
}

Profile::Profile(const std::string &path)
    : file_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (!file_.is_open())
        throw Error(K7_ST_BAD_FIELD, "profile " + path + ": " + std::strerror(errno));
}

Profile::Counts &Profile::of(std::uint32_t fm_id, fm::Range code) {
    const auto found = fms_.find(fm_id);
    if (found != fms_.end() && !found->second.is_of(code))
        fms_.erase(found);
    return fms_.try_emplace(fm_id, code).first->second;
}

void Profile::save() const {
    std::string text;
    for (const auto &[fm_id, counts] : fms_) {
        char line[24];
        std::snprintf(line, sizeof(line), "fm %04x\n", fm_id);
        text += line;
        counts.write(text);
    }
    if (ftruncate(file_.get(), 0) != 0 || lseek(file_.get(), 0, SEEK_SET) != 0)
        return;
    for (std::string_view rest = text; !rest.empty();) {
        const ssize_t size = ::write(file_.get(), rest.data(), rest.size());
        if (size <= 0)
            return;
        rest.remove_prefix(static_cast<std::size_t>(size));
    }
}

} // namespace k7::card
