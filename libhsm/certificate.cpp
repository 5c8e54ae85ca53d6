// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <ctime>

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "libhsm/decode.hpp"
#include "libhsm/openssl.hpp"

namespace hsm {
namespace {

constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 8192;

Error bad(const std::string &message, const std::string &hint = {}) {
    return {ErrorKind::failed, message, hint};
}

/// Name of the curve as people write it; empty for a curve that may not sign FMs.
std::string curve_text(EVP_PKEY *key) {
    std::array<char, 64> name{};
    std::size_t length = 0;
    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size(), &length) != 1)
        return {};
    switch (OBJ_txt2nid(name.data())) {
    case NID_X9_62_prime256v1:
        return "P-256";
    case NID_secp384r1:
        return "P-384";
    case NID_secp521r1:
        return "P-521";
    default:
        return {};
    }
}

std::string time_text(const ASN1_TIME *time) {
    std::tm fields{};
    std::array<char, 32> text{};
    if (ASN1_TIME_to_tm(time, &fields) != 1 ||
        std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &fields) == 0)
        return "unknown";
    return text.data();
}

bool is_pem(ByteView bytes) {
    return as_text(bytes).find("-----BEGIN ") != std::string_view::npos;
}

} // namespace

std::string openssl_reason() {
    const unsigned long code = ERR_peek_last_error();
    const char *const reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
    ERR_clear_error();
    return reason != nullptr ? reason : "OpenSSL gives no reason";
}

BioPointer read_from(ByteView bytes) {
    BioPointer bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), INT32_MAX))));
    if (!bio)
        throw bad("out of memory");
    return bio;
}

CertificatePointer read_certificate(ByteView bytes, const std::string &what) {
    const BioPointer bio = read_from(bytes);
    CertificatePointer certificate(is_pem(bytes) ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)
                                                 : d2i_X509_bio(bio.get(), nullptr));
    if (!certificate)
        throw bad(what + " is no X.509 certificate (" + openssl_reason() + ")", "make one with `mkfm cert`");
    return certificate;
}

std::string key_text(EVP_PKEY *key) {
    if (EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1)
        return "RSA " + std::to_string(EVP_PKEY_get_bits(key));
    if (EVP_PKEY_is_a(key, "EC") == 1)
        return "EC " + (curve_text(key).empty() ? std::string("on another curve") : curve_text(key));
    const char *const name = EVP_PKEY_get0_type_name(key);
    return name != nullptr ? name : "unknown";
}

void check_key_strength(EVP_PKEY *key, const std::string &what) {
    const bool good_rsa = EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) >= kRsaBitsMin &&
                          EVP_PKEY_get_bits(key) <= kRsaBitsMax;
    const bool good_ec = EVP_PKEY_is_a(key, "EC") == 1 && !curve_text(key).empty();
    if (!good_rsa && !good_ec)
        throw bad(what + " has a key that may not sign FMs (" + key_text(key) + ")",
                  "use RSA with 2048 to 8192 bits, or EC P-256, P-384 or P-521");
}

void check_signing_certificate(X509 *certificate) {
    EVP_PKEY *const key = X509_get0_pubkey(certificate);
    if (key == nullptr)
        throw bad("the certificate has a key that OpenSSL does not know (" + openssl_reason() + ")");
    check_key_strength(key, "the certificate");
    if ((X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) == 0)
        throw bad("the certificate may not sign (key usage lacks digitalSignature)", "make one with `mkfm cert`");
    if ((X509_get_extended_key_usage(certificate) & XKU_CODE_SIGN) == 0)
        throw bad("the certificate may not sign code (extended key usage)", "make one with `mkfm cert`");
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0)
        throw bad("the certificate has expired (" + time_text(X509_get0_notAfter(certificate)) + ")",
                  "make a new one with `mkfm cert`");
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
        throw bad("the certificate is not valid yet (from " + time_text(X509_get0_notBefore(certificate)) + ")",
                  "check this host's clock");
}

std::string common_name(X509 *certificate) {
    std::array<char, 128> name{};
    if (X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(), name.size()) < 0)
        return {};
    return printable(name.data());
}

Fingerprint sha256(ByteView bytes) {
    Fingerprint digest;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.bytes.data(), nullptr, EVP_sha256(), nullptr) != 1)
        throw bad("SHA-256 failed (" + openssl_reason() + ")");
    return digest;
}

Bytes certificate_der(ByteView certificate) {
    const CertificatePointer parsed = read_certificate(certificate);
    unsigned char *der = nullptr;
    const int size = i2d_X509(parsed.get(), &der);
    if (size <= 0)
        throw bad("the certificate cannot be encoded (" + openssl_reason() + ")");
    const auto *const first = reinterpret_cast<const std::byte *>(der);
    Bytes bytes(first, first + size);
    OPENSSL_free(der);
    return bytes;
}

CertificateText describe_certificate(ByteView certificate) {
    const CertificatePointer parsed = read_certificate(certificate);
    EVP_PKEY *const key = X509_get0_pubkey(parsed.get());
    return {common_name(parsed.get()), key != nullptr ? key_text(key) : "unknown",
            time_text(X509_get0_notAfter(parsed.get())), sha256(certificate_der(certificate))};
}

} // namespace hsm
