// SPDX-License-Identifier: Apache-2.0
//
// Owners for OpenSSL's objects, and what libhsm's files share of it.
#pragma once

#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "hsm/bytes.hpp"
#include "hsm/fm_image.hpp"

namespace hsm {

template <auto release>
struct OpensslRelease {
    template <typename T>
    void operator()(T *object) const noexcept {
        release(object);
    }
};
using BioPointer = std::unique_ptr<BIO, OpensslRelease<BIO_free_all>>;
using CmsPointer = std::unique_ptr<CMS_ContentInfo, OpensslRelease<CMS_ContentInfo_free>>;
using KeyPointer = std::unique_ptr<EVP_PKEY, OpensslRelease<EVP_PKEY_free>>;
using KeyContextPointer = std::unique_ptr<EVP_PKEY_CTX, OpensslRelease<EVP_PKEY_CTX_free>>;
using CertificatePointer = std::unique_ptr<X509, OpensslRelease<X509_free>>;
using ExtensionPointer = std::unique_ptr<X509_EXTENSION, OpensslRelease<X509_EXTENSION_free>>;

/// OpenSSL's last reason as text; clears its queue.
std::string openssl_reason();

/// A BIO that reads @p bytes, which must outlive it.
BioPointer read_from(ByteView bytes);

/// @throws Error naming @p what when @p bytes are no certificate, in PEM or DER
CertificatePointer read_certificate(ByteView bytes, const std::string &what = "the certificate");

/// @throws Error unless @p key is RSA with 2048 to 8192 bits, or EC on P-256, P-384 or P-521
void check_key_strength(EVP_PKEY *key, const std::string &what);
/// @throws Error unless the owner of @p certificate may sign code, and it is valid now
void check_signing_certificate(X509 *certificate);

/// "RSA 3072", "EC P-256"
std::string key_text(EVP_PKEY *key);
/// Common name of the subject, printable; empty when there is none.
std::string common_name(X509 *certificate);
Fingerprint sha256(ByteView bytes);

} // namespace hsm
