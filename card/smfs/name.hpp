// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names and paths of the SMFS. They are secrets of an FM like its contents, so they are wiped and never on the heap by
// themselves.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <string_view>

#include <openssl/crypto.h>

#include "k7/fm_abi.h"

namespace k7::card {

/// A text of up to @p Size characters, none of them NUL, in place.
template <std::size_t Size>
class SmfsText {
  public:
    SmfsText() = default;
    /// @param text at most Size characters
    explicit SmfsText(std::string_view text) { text.copy(text_.data(), Size); }
    SmfsText(const SmfsText &) = default;
    SmfsText &operator=(const SmfsText &) = default;
    ~SmfsText() { OPENSSL_cleanse(text_.data(), text_.size()); }

    [[nodiscard]] std::string_view view() const {
        return {text_.data(), static_cast<std::size_t>(std::find(text_.begin(), text_.end(), '\0') - text_.begin())};
    }
    [[nodiscard]] std::array<char, Size> &characters() { return text_; }
    auto operator<=>(const SmfsText &) const = default; // NOLINT(modernize-use-nullptr)

  private:
    std::array<char, Size> text_{};
};

using SmfsName = SmfsText<K7_FM_SMFS_NAME_MAX - 1>;
using SmfsPath = SmfsText<K7_FM_SMFS_PATH_MAX>;

} // namespace k7::card
