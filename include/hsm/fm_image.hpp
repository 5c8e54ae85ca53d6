// SPDX-License-Identifier: Apache-2.0
/// @file hsm/fm_image.hpp
/// FM images: an envelope and an ELF file, signed as CMS SignedData (DER, attached). Made here and checked here with
/// messages for people; the card checks everything again by itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "hsm/bytes.hpp"
#include "hsm/error.hpp"
#include "hsm/export.hpp"
#include "hsm/types.hpp"

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

/// Put the envelope before @p elf and sign both.
/// @param key_pem          private key, RSA of 2048 to 8192 bits or EC P-256, P-384 or P-521
/// @param certificate      of that key; PEM or DER
/// @param build_time       seconds since 1970, UTC, for the envelope
/// @param password         for an encrypted key
/// @return bytes of an .fm file
/// @throws Error (failed): bad ELF, key, certificate or password, or key and certificate are no pair
HSM_EXPORT Bytes build_fm_image(ByteView elf, ByteView key_pem, ByteView certificate, std::uint64_t build_time,
                                const PasswordSource &password = {});

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

/// Make a key and its self-signed code-signing certificate.
/// @param common_name  1 .. 64 characters
/// @param days         how long it is valid, from now; it is valid from a day ago, for clocks that differ
/// @param password     encrypts the key (AES-256); empty: not encrypted
HSM_EXPORT SigningIdentity make_signing_identity(KeyType type, const std::string &common_name, unsigned days,
                                                 ByteView password = {});

} // namespace hsm
