// SPDX-License-Identifier: GPL-2.0-or-later
//
// X.509 certificates that sign FMs.
#pragma once

#include <array>
#include <cstddef>
#include <ctime>
#include <memory>
#include <span>
#include <string>

#include <openssl/x509.h>

#include "card/error.hpp"
#include "card/store/database.hpp"

namespace k7::card {

class Certificate {
  public:
    /// @param der all of it one certificate. @throws Error IMAGE_CERTIFICATE
    explicit Certificate(std::span<const std::byte> der);

    /// May this certificate sign FMs, at @p now? Key, validity, key usage, extended key usage.
    /// @throws Error IMAGE_CERTIFICATE naming the rule and the value
    void check_may_sign(std::time_t now) const;

    /// Subject common name as printable ASCII, cut at @p size; "unnamed" when there is none.
    [[nodiscard]] std::string common_name(std::size_t size) const;
    /// SHA-256 of the DER.
    [[nodiscard]] std::array<std::byte, 32> fingerprint() const;
    /// SHA-256 of the SubjectPublicKeyInfo in DER: the same in every certificate for this key.
    [[nodiscard]] std::array<std::byte, 32> key_fingerprint() const;
    [[nodiscard]] X509 *get() const { return x509_.get(); }

  private:
    void check_key() const;
    void check_validity(std::time_t now) const;
    void check_usage() const;

    struct Free {
        void operator()(X509 *x509) const { X509_free(x509); }
    };
    std::unique_ptr<X509, Free> x509_;
};

} // namespace k7::card
