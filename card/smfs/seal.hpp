// SPDX-License-Identifier: GPL-2.0-or-later
//
// Encryption of the SMFS: AES-256-GCM with the key of the erase generation. What is sealed is bound to its place, so
// that nobody who can write to the store file can swap or move pieces.
#pragma once

#include <cstdint>
#include <span>

#include "card/store/store.hpp"

namespace k7::card {

/// Where a sealed piece belongs; authenticated with it.
struct SealPlace {
    static constexpr std::uint32_t kRecord = 0xffffffff; ///< position of a node's record; else the chunk's number

    std::int64_t node;
    std::uint32_t generation;
    std::uint32_t position;
};
static_assert(sizeof(SealPlace) == 16, "no padding: the bytes are authenticated");

/// @return nonce, ciphertext, tag
[[nodiscard]] Bytes seal(const SmfsKey &key, const SealPlace &place, std::span<const std::byte> plain);

/// @throws StoreError when @p sealed is not what seal() made for this place and key
[[nodiscard]] Bytes unseal(const SmfsKey &key, const SealPlace &place, std::span<const std::byte> sealed);

} // namespace k7::card
