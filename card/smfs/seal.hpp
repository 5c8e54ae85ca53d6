// SPDX-License-Identifier: GPL-2.0-or-later
//
// Encryption of the SMFS: AES-256-GCM with the key of the erase generation. What is sealed is bound to its place, so
// that nobody who can write to the store file can swap or move pieces.
#pragma once

#include <cstdint>
#include <span>

#include "card/smfs/keys.hpp"

namespace k7::card {

/// Where a sealed piece belongs; authenticated with it.
struct SealPlace {
    static constexpr std::uint32_t kRoot = 0xffffffff; ///< position of the root, node 0
    static constexpr std::uint32_t kKey = 0xfffffffe;  ///< position of the generation's own key, node 0

    std::int64_t node;        ///< a file's number; 0: the table of nodes
    std::uint32_t generation; ///< of erasing
    std::uint32_t position;   ///< block of the file or table
};
static_assert(sizeof(SealPlace) == 16, "no padding: the bytes are authenticated");

constexpr std::size_t kSealNonce = 12;
constexpr std::size_t kSealTag = 16;
constexpr std::size_t kSealOverhead = kSealNonce + kSealTag;

/// @param bound what the content belongs to: authenticated with it, not stored. @return nonce, ciphertext, tag
[[nodiscard]] Bytes seal(const SecretKey &key, std::span<const std::byte> bound, std::span<const std::byte> plain);

/// @param plain receives the content; wiped when the piece is refused
/// @return whether @p sealed is what seal() made with the same key and @p bound, of this size
[[nodiscard]] bool unseal(const SecretKey &key, std::span<const std::byte> bound, std::span<const std::byte> sealed,
                          std::span<std::byte> plain);

[[nodiscard]] inline Bytes seal(const SecretKey &key, const SealPlace &place, std::span<const std::byte> plain) {
    return seal(key, std::as_bytes(std::span(&place, 1)), plain);
}
[[nodiscard]] inline bool unseal(const SecretKey &key, const SealPlace &place, std::span<const std::byte> sealed,
                                 std::span<std::byte> plain) {
    return unseal(key, std::as_bytes(std::span(&place, 1)), sealed, plain);
}

} // namespace k7::card
