// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/image/cms.hpp"

#include <algorithm>
#include <openssl/err.h>
#include <openssl/evp.h>

namespace k7::card {
namespace {

struct FreeBio {
    void operator()(BIO *bio) const { BIO_free_all(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

struct FreeCertificates {
    // The certificates in it belong to others or are counted references.
    void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
struct FreeCountedCertificates {
    void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};

[[noreturn]] void bad_format(const std::string &why) {
    ERR_clear_error();
    throw Error(K7_ST_IMAGE_FORMAT, "image: " + why);
}

[[noreturn]] void bad_signature(const std::string &why) {
    ERR_clear_error();
    throw Error(K7_ST_IMAGE_SIGNATURE, "image: " + why);
}

} // namespace

SignedData::SignedData(std::span<const std::byte> der) {
    const auto *at = reinterpret_cast<const unsigned char *>(der.data());
    const unsigned char *const end = at + der.size();
    cms_.reset(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(der.size())));
    if (!cms_)
        bad_format("not a CMS structure in DER form, or cut short");
    if (at != end)
        bad_format(std::to_string(end - at) + " bytes follow after the end of the CMS structure");
    if (OBJ_obj2nid(CMS_get0_type(cms_.get())) != NID_pkcs7_signed)
        bad_format("the CMS structure is not SignedData");
    if (ASN1_OCTET_STRING **content = CMS_get0_content(cms_.get()); !content || !*content)
        bad_format("the CMS structure does not hold the signed content");
    const STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms_.get());
    if (const int count = sk_CMS_SignerInfo_num(signers); count != 1)
        bad_format("the CMS structure has " + std::to_string(std::max(count, 0)) + " signers, not one");
    signer_ = sk_CMS_SignerInfo_value(signers, 0);
}

bool SignedData::names(const Certificate &certificate) const {
    return CMS_SignerInfo_cert_cmp(signer_, certificate.get()) == 0;
}

// Certificates in the image are never used; but one that differs from ours shows that another key has signed.
void SignedData::check_embedded_signer(const Certificate &certificate) const {
    const std::unique_ptr<STACK_OF(X509), FreeCountedCertificates> embedded(CMS_get1_certs(cms_.get()));
    for (int i = 0; i < sk_X509_num(embedded.get()); ++i) {
        X509 *other = sk_X509_value(embedded.get(), i);
        if (CMS_SignerInfo_cert_cmp(signer_, other) == 0 && X509_cmp(other, certificate.get()) != 0)
            throw Error(K7_ST_IMAGE_CERTIFICATE, "image: signed with another certificate of the same name and number");
    }
}

void SignedData::check_digest() const {
    X509_ALGOR *algorithm = nullptr;
    CMS_SignerInfo_get0_algs(signer_, nullptr, nullptr, &algorithm, nullptr);
    const ASN1_OBJECT *object = nullptr;
    X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
    const int digest = OBJ_obj2nid(object);
    constexpr std::array kDigests{NID_sha256, NID_sha384, NID_sha512, NID_sha3_256, NID_sha3_384, NID_sha3_512};
    if (std::find(kDigests.begin(), kDigests.end(), digest) == kDigests.end())
        bad_signature(std::string("digest ") + OBJ_nid2sn(digest) + " is not SHA-256 or better");
}

Bytes SignedData::verify(const Certificate &certificate) const {
    check_embedded_signer(certificate);
    check_digest();
    const std::unique_ptr<STACK_OF(X509), FreeCertificates> signers(sk_X509_new_null());
    const Bio content(BIO_new(BIO_s_mem()));
    if (!signers || !content || sk_X509_push(signers.get(), certificate.get()) <= 0)
        throw Error(K7_ST_INTERNAL, "no memory to verify the image");
    // Who may sign is decided by comparing with our certificate, not by a chain.
    constexpr unsigned kFlags = CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY;
    if (CMS_verify(cms_.get(), signers.get(), nullptr, nullptr, content.get(), kFlags) != 1)
        bad_signature("the signature does not fit the content or the certificate's key");
    char *data = nullptr;
    const long size = BIO_get_mem_data(content.get(), &data);
    const auto *bytes = reinterpret_cast<const std::byte *>(data);
    return {bytes, bytes + std::max(size, 0L)};
}

std::array<std::byte, 32> sha256(std::span<const std::byte> bytes) {
    std::array<std::byte, 32> digest{};
    if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char *>(digest.data()), nullptr, EVP_sha256(),
                   nullptr) != 1)
        throw Error(K7_ST_INTERNAL, "SHA-256 failed");
    return digest;
}

} // namespace k7::card
