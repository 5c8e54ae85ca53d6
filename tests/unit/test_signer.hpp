// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keys, certificates and signed images for tests, made at run time with OpenSSL, good or wrong on purpose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "k7/fm_abi.h"

namespace k7::test {

/// What a certificate says; the defaults are those of a good one.
struct CertificateOptions {
    std::string key = "P-256"; ///< curve, "RSA:bits" or "ED25519"
    std::string common_name = "test signer";
    long serial = 1;
    long valid_from = -3600; ///< seconds from now
    long valid_to = 3600;
    const char *key_usage = "critical,digitalSignature";
    const char *extended_key_usage = "codeSigning";
};

class Signer {
  public:
    explicit Signer(const CertificateOptions &options = {}) : key_(make_key(options.key)) { make_certificate(options); }
    /// Another certificate for the key of @p same.
    Signer(const Signer &same, const CertificateOptions &options) : key_(same.key_.get(), EVP_PKEY_free) {
        EVP_PKEY_up_ref(key_.get());
        make_certificate(options);
    }

    [[nodiscard]] std::vector<std::byte> certificate() const {
        unsigned char *der = nullptr;
        const int size = i2d_X509(x509_.get(), &der);
        const auto *bytes = reinterpret_cast<std::byte *>(der);
        std::vector<std::byte> result(bytes, bytes + size);
        OPENSSL_free(der);
        return result;
    }

    /// CMS SignedData in DER form.
    [[nodiscard]] std::vector<std::byte> sign(std::span<const std::byte> content, const EVP_MD *digest = EVP_sha256(),
                                              unsigned extra_flags = 0) const {
        const unsigned flags = CMS_BINARY | CMS_PARTIAL | extra_flags;
        const Bio in(BIO_new_mem_buf(content.empty() ? "" : static_cast<const void *>(content.data()),
                                     static_cast<int>(content.size())));
        const std::unique_ptr<CMS_ContentInfo, decltype(&CMS_ContentInfo_free)> cms(
            need(CMS_sign(nullptr, nullptr, nullptr, nullptr, flags)), CMS_ContentInfo_free);
        need(CMS_add1_signer(cms.get(), x509_.get(), key_.get(), digest, flags));
        need(CMS_final(cms.get(), in.get(), nullptr, flags));
        unsigned char *der = nullptr;
        const int size = i2d_CMS_ContentInfo(cms.get(), &der);
        const auto *bytes = reinterpret_cast<std::byte *>(der);
        std::vector<std::byte> result(bytes, bytes + size);
        OPENSSL_free(der);
        return result;
    }

  private:
    using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
    using X509Pointer = std::unique_ptr<X509, decltype(&X509_free)>;
    struct FreeBio {
        void operator()(BIO *bio) const { BIO_free_all(bio); }
    };
    using Bio = std::unique_ptr<BIO, FreeBio>;

    template <class T>
    static T need(T value) {
        if (!value)
            throw std::runtime_error("OpenSSL refused what a test needs");
        return value;
    }

    static Key make_key(const std::string &kind) {
        EVP_PKEY *key = nullptr;
        if (kind.starts_with("RSA:"))
            key = EVP_RSA_gen(static_cast<unsigned>(std::stoul(kind.substr(4))));
        else if (kind == "ED25519")
            key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
        else
            key = EVP_EC_gen(kind.c_str());
        return {need(key), EVP_PKEY_free};
    }

    void add_extension(int nid, const char *value) {
        if (!value)
            return;
        X509_EXTENSION *extension = need(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
        X509_add_ext(x509_.get(), extension, -1);
        X509_EXTENSION_free(extension);
    }

    void make_certificate(const CertificateOptions &options) {
        X509 *x509 = x509_.get();
        X509_set_version(x509, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(x509), options.serial);
        X509_gmtime_adj(X509_getm_notBefore(x509), options.valid_from);
        X509_gmtime_adj(X509_getm_notAfter(x509), options.valid_to);
        X509_NAME *name = X509_get_subject_name(x509);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char *>(options.common_name.c_str()), -1, -1, 0);
        X509_set_issuer_name(x509, name);
        X509_set_pubkey(x509, key_.get());
        add_extension(NID_key_usage, options.key_usage);
        add_extension(NID_ext_key_usage, options.extended_key_usage);
        need(X509_sign(x509, key_.get(), options.key == "ED25519" ? nullptr : EVP_sha256()));
    }

    Key key_;
    X509Pointer x509_{X509_new(), X509_free};
};

inline std::vector<std::byte> read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw std::runtime_error("cannot read " + path);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const auto span = std::as_bytes(std::span(bytes));
    return {span.begin(), span.end()};
}

/// An FM of build/fm. @param name without .elf
inline std::vector<std::byte> fm_elf(const std::string &name) {
    return read_file("build/fm/" + name + ".elf");
}

/// What is signed: envelope and ELF. The header is found by its magic in the first bytes of the file's segments, which
/// is enough for files that the SDK made.
inline std::vector<std::byte> fm_content(std::span<const std::byte> elf) {
    k7_fm_envelope envelope{};
    envelope.magic = K7_FM_ENVELOPE_MAGIC;
    envelope.envelope_size = sizeof(envelope);
    envelope.elf_size = static_cast<std::uint32_t>(elf.size());
    envelope.build_time = static_cast<std::uint64_t>(std::time(nullptr));
    for (std::size_t at = 0; at + sizeof(envelope.header) <= elf.size(); at += 4) {
        std::memcpy(&envelope.header, elf.data() + at, sizeof(envelope.header));
        if (envelope.header.magic == K7_FM_HEADER_MAGIC && envelope.header.header_version == K7_FM_HEADER_VERSION)
            break;
    }
    std::vector<std::byte> content(sizeof(envelope) + elf.size());
    std::memcpy(content.data(), &envelope, sizeof(envelope));
    std::copy(elf.begin(), elf.end(), content.begin() + sizeof(envelope));
    return content;
}

} // namespace k7::test
