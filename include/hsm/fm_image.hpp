// SPDX-License-Identifier: Apache-2.0
/// @file hsm/fm_image.hpp
/// FM images: an envelope and an ELF file, signed as CMS SignedData (DER, attached). Made here and checked here with
/// messages for people; the card checks everything again by itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hsm/bytes.hpp"
#include "hsm/error.hpp"
#include "hsm/export.hpp"
#include "hsm/types.hpp"

struct evp_pkey_st; // OpenSSL's EVP_PKEY

namespace hsm {

/// What the header inside an FM says.
struct FmHeader {
    FmId id;
    std::uint16_t version = 0; ///< major in the high byte
    std::uint32_t serial = 0;
    std::string manufacturer;
    std::string product;
};

/// A parsed image. Owns its bytes.
struct FmImage {
    FmHeader header;
    std::uint64_t build_time = 0; ///< seconds since 1970, UTC
    Fingerprint fingerprint;      ///< SHA-256 of the signed content, as the card reports it
    std::string digest;           ///< digest of the signature: "SHA256"
    std::string signer;           ///< common name of the certificate inside, empty when there is none
    Bytes elf;
};

/// Asked for the password of an encrypted key, at most once. Returns nothing to give up.
using PasswordSource = std::function<std::optional<SecureBytes>()>;

/// Check an ELF file as the card will, and read its header.
/// @throws Error (failed): not an ELF file, wrong architecture, no FM header, FM ID out of range, ...
HSM_EXPORT FmHeader check_fm_elf(ByteView elf);

/// A private key that signs. It may be one that never leaves where it is kept: a token, an HSM, a TPM. Copies are the
/// same key and cheap. Not for several threads at once.
class HSM_EXPORT SigningKey {
  public:
    /// @param pem       PKCS #8 or an older form
    /// @param password  for an encrypted key
    /// @throws Error (failed): no private key, wrong password
    static SigningKey from_pem(ByteView pem, const PasswordSource &password = {});

    /// A key that OpenSSL finds (OSSL_STORE, see ossl_store(7)).
    /// @param uri       "pkcs11:token=Signing;object=fm;type=private" (RFC 7512), "file:/path/key.pem", and whatever
    ///                  schemes the providers serve that are active in openssl.cnf
    /// @param provider  a provider to load first, by the name of its module; empty: none, but for pkcs11: URIs the one
    ///                  of that name, unless openssl.cnf has activated it. It stays loaded
    /// @param password  PIN or password of the token or file
    /// @throws Error usage (a PIN in @p uri, where others can see it), not_found (no or several such keys), failed
    static SigningKey from_uri(const std::string &uri, const std::string &provider = {},
                               const PasswordSource &password = {});

    /// "RSA 3072" or "EC P-256"
    [[nodiscard]] std::string text() const;
    [[nodiscard]] evp_pkey_st *get() const noexcept { return key_.get(); }

  private:
    explicit SigningKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
    std::shared_ptr<evp_pkey_st> key_;
};

/// Does @p text begin with the scheme of a URI? "pkcs11:..." does, "key.pem" and "C:..." do not.
HSM_EXPORT bool is_key_uri(std::string_view text) noexcept;

/// Put the envelope before @p elf and sign both. The same arguments give the same envelope and ELF, and with an RSA key
/// the same image.
/// @param key          RSA of 2048 to 8192 bits or EC P-256, P-384 or P-521
/// @param certificate  of that key; PEM or DER
/// @param build_time   seconds since 1970, UTC, for the envelope and as the time of signing
/// @return bytes of an .fm file
/// @throws Error (failed): bad ELF, key or certificate, or key and certificate are no pair
HSM_EXPORT Bytes build_fm_image(ByteView elf, const SigningKey &key, ByteView certificate, std::uint64_t build_time);
/// The same with a key in PEM. @throws as SigningKey::from_pem() does as well
HSM_EXPORT Bytes build_fm_image(ByteView elf, ByteView key_pem, ByteView certificate, std::uint64_t build_time,
                                const PasswordSource &password = {});

/// @param file  content of an ELF file, or of an image, whose signature is not checked
/// @return the ELF file. @throws Error (failed) when it is neither
HSM_EXPORT Bytes fm_elf_of(ByteView file);

/// Parse without checking the signature.
/// @throws Error (failed) when it is not an image
HSM_EXPORT FmImage parse_fm_image(ByteView image);

/// Parse, and check the signature against @p certificate (PEM or DER).
/// @throws Error (failed) when the certificate may not sign FMs, or the signature is not its owner's
HSM_EXPORT FmImage verify_fm_image(ByteView image, ByteView certificate);

/// A certificate as DER, from PEM or DER. @throws Error (failed) when it is neither
HSM_EXPORT Bytes certificate_der(ByteView certificate);

struct CertificateText {
    std::string common_name;
    std::string key; ///< "RSA 3072" or "EC P-256"
    std::string not_after;
    Fingerprint fingerprint; ///< SHA-256 of the DER
};
/// What a person wants to know of a certificate (PEM or DER).
HSM_EXPORT CertificateText describe_certificate(ByteView certificate);

enum class KeyType { rsa_2048, rsa_3072, rsa_4096, ec_p256, ec_p384 };

struct SigningIdentity {
    SecureBytes key_pem; ///< PKCS #8, encrypted when a password was given
    Bytes certificate_pem;
};

/// A self-signed code-signing certificate for a key that is there already, in PEM. Parameters as below.
HSM_EXPORT Bytes make_signing_certificate(const SigningKey &key, const std::string &common_name, unsigned days);

/// Make a key and its self-signed code-signing certificate.
/// @param common_name  1 .. 64 characters
/// @param days         how long it is valid, from now; it is valid from a day ago, for clocks that differ
/// @param password     encrypts the key (AES-256); empty: not encrypted
HSM_EXPORT SigningIdentity make_signing_identity(KeyType type, const std::string &common_name, unsigned days,
                                                 ByteView password = {});

} // namespace hsm
