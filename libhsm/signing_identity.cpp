// SPDX-License-Identifier: Apache-2.0
#include <array>

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "libhsm/openssl.hpp"

namespace hsm {
namespace {

constexpr long kDay = 24L * 60 * 60;
constexpr unsigned kDaysMax = 36500;
constexpr std::size_t kCommonNameMax = 64; // X.520

void require(bool good, const char *what) {
    if (!good)
        throw Error(ErrorKind::failed, std::string("cannot make the ") + what + " (" + openssl_reason() + ")");
}

KeyPointer make_key(KeyType type) {
    switch (type) {
    case KeyType::rsa_2048:
        return KeyPointer(EVP_RSA_gen(2048));
    case KeyType::rsa_3072:
        return KeyPointer(EVP_RSA_gen(3072));
    case KeyType::rsa_4096:
        return KeyPointer(EVP_RSA_gen(4096));
    case KeyType::ec_p256:
        return KeyPointer(EVP_EC_gen("P-256"));
    case KeyType::ec_p384:
        return KeyPointer(EVP_EC_gen("P-384"));
    }
    return {};
}

void add_extension(X509 *certificate, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    const ExtensionPointer extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "certificate's extensions");
}

void set_serial(X509 *certificate) {
    std::array<unsigned char, 16> serial{};
    require(RAND_bytes(serial.data(), serial.size()) == 1, "serial number");
    serial.front() = static_cast<unsigned char>((serial.front() & 0x7f) | 0x40); // positive, always 16 bytes
    BIGNUM *const number = BN_bin2bn(serial.data(), serial.size(), nullptr);
    const bool good = number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
    BN_free(number);
    require(good, "serial number");
}

CertificatePointer make_certificate(EVP_PKEY *key, const std::string &common_name, unsigned days) {
    CertificatePointer certificate(X509_new());
    X509 *const x509 = certificate.get();
    require(x509 != nullptr && X509_set_version(x509, X509_VERSION_3) == 1, "certificate");
    set_serial(x509);
    X509_gmtime_adj(X509_getm_notBefore(x509), -kDay);
    X509_gmtime_adj(X509_getm_notAfter(x509), static_cast<long>(days) * kDay);
    X509_NAME *const name = X509_get_subject_name(x509);
    require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                       reinterpret_cast<const unsigned char *>(common_name.c_str()), -1, -1, 0) == 1,
            "certificate's name");
    require(X509_set_issuer_name(x509, name) == 1 && X509_set_pubkey(x509, key) == 1, "certificate");
    add_extension(x509, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(x509, NID_key_usage, "critical,digitalSignature,nonRepudiation");
    add_extension(x509, NID_ext_key_usage, "codeSigning");
    add_extension(x509, NID_subject_key_identifier, "hash");
    require(X509_sign(x509, key, EVP_sha256()) > 0, "certificate's signature");
    return certificate;
}

/// What was written to a memory BIO, with the BIO's own copy wiped.
template <typename Container>
Container take(BIO *bio) {
    char *data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    const auto *const first = reinterpret_cast<const std::byte *>(data);
    Container bytes(first, first + size);
    wipe(data, static_cast<std::size_t>(size));
    return bytes;
}

SecureBytes key_pem(EVP_PKEY *key, ByteView password) {
    const BioPointer bio(BIO_new(BIO_s_mem()));
    const EVP_CIPHER *const cipher = password.empty() ? nullptr : EVP_aes_256_cbc();
    require(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), key, cipher, as_text(password).data(),
                                                 static_cast<int>(password.size()), nullptr, nullptr) == 1,
            "key file");
    return take<SecureBytes>(bio.get());
}

void check_names(const std::string &common_name, unsigned days) {
    if (common_name.empty() || common_name.size() > kCommonNameMax)
        throw Error(ErrorKind::usage, "a common name has 1 to 64 characters");
    if (days == 0 || days > kDaysMax)
        throw Error(ErrorKind::usage, "a certificate is valid for 1 to 36500 days");
}

Bytes certificate_pem(EVP_PKEY *key, const std::string &common_name, unsigned days) {
    const CertificatePointer certificate = make_certificate(key, common_name, days);
    const BioPointer bio(BIO_new(BIO_s_mem()));
    require(bio && PEM_write_bio_X509(bio.get(), certificate.get()) == 1, "certificate file");
    return take<Bytes>(bio.get());
}

} // namespace

Bytes make_signing_certificate(const SigningKey &key, const std::string &common_name, unsigned days) {
    check_names(common_name, days);
    check_key_strength(key.get(), "the signing key");
    return certificate_pem(key.get(), common_name, days);
}

SigningIdentity make_signing_identity(KeyType type, const std::string &common_name, unsigned days, ByteView password) {
    check_names(common_name, days);
    const KeyPointer key = make_key(type);
    require(static_cast<bool>(key), "key");
    return {key_pem(key.get(), password), certificate_pem(key.get(), common_name, days)};
}

} // namespace hsm
