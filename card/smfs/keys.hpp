// SPDX-License-Identifier: GPL-2.0-or-later
//
// The keys of the SMFS. One random key per erase generation seals everything. It lies in the store as it is, or, when
// the card has a root key, sealed under that: then the store file alone is useless.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <openssl/crypto.h>

#include "card/store/database.hpp"

namespace k7::card {

/// 256 secret bits, wiped when they go.
struct SecretKey {
    static constexpr std::size_t kSize = 32;

    SecretKey() = default;
    SecretKey(const SecretKey &) = default;
    SecretKey &operator=(const SecretKey &) = default;
    ~SecretKey() { wipe(); }

    void wipe() { OPENSSL_cleanse(bytes.data(), bytes.size()); }

    std::array<std::byte, kSize> bytes{};
};

/// @throws Error INTERNAL
[[nodiscard]] SecretKey random_key();

/// HMAC-SHA-256 of @p bytes. @throws Error INTERNAL
void keyed_digest(const SecretKey &key, std::span<const std::byte> bytes,
                  std::span<std::byte, SecretKey::kSize> digest);

/// A key for one @p purpose, of which nothing leads back to @p key (HMAC-SHA-256).
[[nodiscard]] SecretKey derive_key(const SecretKey &key, std::string_view purpose);

/// Read a root key: a regular file of 32 bytes that nobody but its owner may read.
/// @param may_create make a missing one, with mode 0600
/// @throws Error BAD_FIELD with the remedy
[[nodiscard]] SecretKey read_root_key(const std::string &path, bool may_create);

/// @param text 64 hex digits. @throws Error BAD_FIELD, without the text
[[nodiscard]] SecretKey root_key_from_hex(std::string_view text);

/// Seal the SMFS's key under the root key, for this generation of this card alone.
[[nodiscard]] Bytes wrap_key(const SecretKey &root, const SecretKey &key, std::uint32_t generation,
                             std::string_view esn);
/// @return nothing when it was sealed under another key
[[nodiscard]] std::optional<SecretKey> unwrap_key(const SecretKey &root, const Bytes &wrapped, std::uint32_t generation,
                                                  std::string_view esn);

} // namespace k7::card
