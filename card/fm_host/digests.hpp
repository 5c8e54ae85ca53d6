// SPDX-License-Identifier: GPL-2.0-or-later
//
// Hashes and HMAC, in one go and in pieces.
#pragma once

#include <variant>

#include "card/fm_host/crypto_support.hpp"

namespace k7::card {

/// @param hash K7_FM_HASH_*. @throws FmRefusal BAD_PARAMETER
[[nodiscard]] const EVP_MD *hash_function(std::uint32_t hash);
[[nodiscard]] SecretBytes digest_of(const EVP_MD *hash, ByteView data);
[[nodiscard]] SecretBytes hmac_of(const EVP_MD *hash, ByteView key, ByteView data);

/// A digest, or an HMAC, that data are added to piece by piece.
class Digest {
  public:
    explicit Digest(const EVP_MD *hash);
    Digest(const EVP_MD *hash, ByteView hmac_key);

    void update(ByteView data);
    [[nodiscard]] std::size_t size() const { return size_; }
    /// Once, and last.
    [[nodiscard]] SecretBytes finish();

  private:
    std::size_t size_;
    std::variant<EvpDigestContext, EvpMacContext> context_;
};

} // namespace k7::card
