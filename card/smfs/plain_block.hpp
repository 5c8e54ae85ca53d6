// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>

#include "card/smfs/vault.hpp"

namespace k7::card {

/// A block's plain content, wiped when it goes, whatever happens.
struct PlainBlock {
    PlainBlock() = default;
    PlainBlock(const PlainBlock &) = delete;
    PlainBlock &operator=(const PlainBlock &) = delete;
    ~PlainBlock() { OPENSSL_cleanse(bytes.data(), bytes.size()); }

    std::array<std::byte, SmfsVault::kBlock> bytes{};
};

} // namespace k7::card
