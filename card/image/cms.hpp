// SPDX-License-Identifier: GPL-2.0-or-later
//
// CMS SignedData with one signer and the signed content inside.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include <openssl/cms.h>

#include "card/image/certificate.hpp"
#include "card/store/database.hpp"

namespace k7::card {

class SignedData {
  public:
    /// @throws Error IMAGE_FORMAT
    explicit SignedData(std::span<const std::byte> der);

    /// Does the signer's identifier name @p certificate? It may still be another certificate of the same name.
    [[nodiscard]] bool names(const Certificate &certificate) const;

    /// @return the content that @p certificate has signed
    /// @throws Error IMAGE_CERTIFICATE when the image carries another certificate for its signer, IMAGE_SIGNATURE when
    /// the digest is too weak or the signature does not fit
    [[nodiscard]] Bytes verify(const Certificate &certificate) const;

  private:
    void check_embedded_signer(const Certificate &certificate) const;
    void check_digest() const;

    struct Free {
        void operator()(CMS_ContentInfo *cms) const { CMS_ContentInfo_free(cms); }
    };
    std::unique_ptr<CMS_ContentInfo, Free> cms_;
    CMS_SignerInfo *signer_ = nullptr; ///< owned by cms_
};

/// @throws Error INTERNAL
[[nodiscard]] std::array<std::byte, 32> sha256(std::span<const std::byte> bytes);

} // namespace k7::card
