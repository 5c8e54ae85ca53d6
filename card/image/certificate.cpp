// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/image/certificate.hpp"

#include <algorithm>
#include <array>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

namespace k7::card {
namespace {

constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 8192; // a hostile key must not keep the firmware busy

[[noreturn]] void refuse(const std::string &why) {
    throw Error(K7_ST_IMAGE_CERTIFICATE, "certificate: " + why);
}

std::string time_text(const ASN1_TIME *time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1)
        return "an unreadable time";
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
    return text.data();
}

void check_curve(const EVP_PKEY *key) {
    std::array<char, 64> group{};
    EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr);
    constexpr std::array kCurves{NID_X9_62_prime256v1, NID_secp384r1, NID_secp521r1};
    if (std::find(kCurves.begin(), kCurves.end(), OBJ_sn2nid(group.data())) == kCurves.end())
        refuse("elliptic curve " + std::string(group.data()) + " is not one of P-256, P-384, P-521");
}

} // namespace

Certificate::Certificate(std::span<const std::byte> der) {
    const auto *at = reinterpret_cast<const unsigned char *>(der.data());
    const unsigned char *const end = at + der.size();
    x509_.reset(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    ERR_clear_error();
    if (!x509_)
        refuse("not an X.509 certificate in DER form");
    if (at != end)
        refuse(std::to_string(end - at) + " bytes follow after its end");
}

void Certificate::check_may_sign(std::time_t now) const {
    check_key();
    check_validity(now);
    check_usage();
}

void Certificate::check_key() const {
    const EVP_PKEY *key = X509_get0_pubkey(x509_.get());
    if (!key)
        refuse("its key is of an unknown kind or damaged");
    const int kind = EVP_PKEY_get_base_id(key);
    if (kind == EVP_PKEY_EC)
        return check_curve(key);
    if (kind != EVP_PKEY_RSA)
        refuse(std::string("key kind ") + OBJ_nid2sn(kind) + " is neither RSA nor EC");
    const int bits = EVP_PKEY_get_bits(key);
    if (bits < kRsaBitsMin || bits > kRsaBitsMax)
        refuse("RSA key of " + std::to_string(bits) + " bits, allowed are 2048 to 8192");
}

void Certificate::check_validity(std::time_t now) const {
    const ASN1_TIME *from = X509_get0_notBefore(x509_.get());
    const ASN1_TIME *to = X509_get0_notAfter(x509_.get());
    if (ASN1_TIME_cmp_time_t(from, now) > 0)
        refuse("not valid before " + time_text(from));
    if (ASN1_TIME_cmp_time_t(to, now) < 0)
        refuse("expired at " + time_text(to));
}

// A CMS verification would ask for the S/MIME purpose, which a code signing certificate does not have.
void Certificate::check_usage() const {
    const std::uint32_t flags = X509_get_extension_flags(x509_.get());
    if (flags & EXFLAG_INVALID)
        refuse("its extensions are malformed");
    if ((flags & EXFLAG_KUSAGE) && !(X509_get_key_usage(x509_.get()) & KU_DIGITAL_SIGNATURE))
        refuse("key usage does not include digitalSignature");
    if ((flags & EXFLAG_XKUSAGE) && !(X509_get_extended_key_usage(x509_.get()) & XKU_CODE_SIGN))
        refuse("extended key usage does not include codeSigning");
}

std::string Certificate::common_name(std::size_t size) const {
    std::array<char, 256> text{};
    const int length =
        X509_NAME_get_text_by_NID(X509_get_subject_name(x509_.get()), NID_commonName, text.data(), text.size());
    if (length <= 0)
        return "unnamed";
    std::string name(text.data(), std::min({static_cast<std::size_t>(length), text.size() - 1, size}));
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return name;
}

std::array<std::byte, 32> Certificate::fingerprint() const {
    std::array<std::byte, 32> digest{};
    unsigned size = 0;
    if (X509_digest(x509_.get(), EVP_sha256(), reinterpret_cast<unsigned char *>(digest.data()), &size) != 1)
        throw Error(K7_ST_INTERNAL, "SHA-256 failed");
    return digest;
}

std::array<std::byte, 32> Certificate::key_fingerprint() const {
    unsigned char *der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509_.get()), &der);
    const std::unique_ptr<unsigned char, decltype([](unsigned char *bytes) { OPENSSL_free(bytes); })> owned(der);
    std::array<std::byte, 32> digest{};
    if (size <= 0 || EVP_Digest(der, static_cast<std::size_t>(size), reinterpret_cast<unsigned char *>(digest.data()),
                                nullptr, EVP_sha256(), nullptr) != 1)
        throw Error(K7_ST_INTERNAL, "SHA-256 failed");
    return digest;
}

} // namespace k7::card
