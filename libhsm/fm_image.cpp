// SPDX-License-Identifier: Apache-2.0
#include "hsm/fm_image.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>

#include <endian.h>

#include "k7/fm_abi.h"
#include "libhsm/decode.hpp"
#include "libhsm/fm_elf.hpp"
#include "libhsm/openssl.hpp"

namespace hsm {
namespace {

constexpr unsigned kCmsFlags = CMS_BINARY | CMS_NOSMIMECAP;

Error bad_image(const std::string &why, const std::string &hint = "make it with `mkfm`") {
    return {ErrorKind::failed, "not an FM image: " + why, hint};
}

Bytes signed_content(ByteView elf, std::uint64_t build_time) {
    k7_fm_envelope envelope{};
    envelope.magic = htole32(K7_FM_ENVELOPE_MAGIC);
    envelope.envelope_size = htole32(static_cast<std::uint32_t>(sizeof envelope));
    envelope.elf_size = htole32(static_cast<std::uint32_t>(elf.size()));
    envelope.build_time = htole64(build_time);
    envelope.header = read_fm_header(elf);
    const ByteView bytes = std::as_bytes(std::span(&envelope, 1));
    Bytes content(bytes.begin(), bytes.end());
    content.insert(content.end(), elf.begin(), elf.end());
    return content;
}

Bytes encode(CMS_ContentInfo *cms) {
    unsigned char *der = nullptr;
    const int size = i2d_CMS_ContentInfo(cms, &der);
    if (size <= 0)
        throw Error(ErrorKind::failed, "the signature cannot be encoded (" + openssl_reason() + ")");
    const auto *const first = reinterpret_cast<const std::byte *>(der);
    Bytes bytes(first, first + size);
    OPENSSL_free(der);
    return bytes;
}

CmsPointer read_cms(ByteView image) {
    const auto *next = reinterpret_cast<const unsigned char *>(image.data());
    CmsPointer cms(d2i_CMS_ContentInfo(nullptr, &next, static_cast<long>(image.size())));
    if (!cms) {
        const bool elf = image.size() > 4 && std::memcmp(image.data(),
                                                         "\x7f"
                                                         "ELF",
                                                         4) == 0;
        const std::string reason = openssl_reason();
        throw elf ? bad_image("it is an ELF file without a signature", "sign it with `mkfm`")
                  : bad_image("no CMS message, or cut short (" + reason + ")");
    }
    if (reinterpret_cast<const std::byte *>(next) != image.data() + image.size())
        throw bad_image("bytes follow the CMS message");
    if (OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed)
        throw bad_image("the CMS message is not signed");
    return cms;
}

CMS_SignerInfo *only_signer(CMS_ContentInfo *cms) {
    STACK_OF(CMS_SignerInfo) *const signers = CMS_get0_SignerInfos(cms);
    if (sk_CMS_SignerInfo_num(signers) != 1)
        throw bad_image("it has " + std::to_string(std::max(0, sk_CMS_SignerInfo_num(signers))) +
                        " signatures instead of one");
    return sk_CMS_SignerInfo_value(signers, 0);
}

/// Name of the signature's digest. @throws Error when it is too weak
std::string signature_digest(CMS_SignerInfo *signer) {
    X509_ALGOR *digest = nullptr;
    CMS_SignerInfo_get0_algs(signer, nullptr, nullptr, &digest, nullptr);
    const ASN1_OBJECT *object = nullptr;
    X509_ALGOR_get0(&object, nullptr, nullptr, digest);
    const int nid = OBJ_obj2nid(object);
    constexpr std::array kDigests = {NID_sha256, NID_sha384, NID_sha512, NID_sha3_256, NID_sha3_384, NID_sha3_512};
    if (std::ranges::find(kDigests, nid) == kDigests.end())
        throw bad_image(std::string("its digest is ") + OBJ_nid2sn(nid), "sign it with SHA-256 or better");
    return OBJ_nid2sn(nid);
}

std::string signer_name(CMS_ContentInfo *cms) {
    STACK_OF(X509) *const certificates = CMS_get1_certs(cms);
    std::string name;
    if (sk_X509_num(certificates) > 0)
        name = common_name(sk_X509_value(certificates, 0));
    sk_X509_pop_free(certificates, X509_free);
    return name;
}

void check_envelope(const k7_fm_envelope &envelope, ByteView elf) {
    if (le32toh(envelope.magic) != K7_FM_ENVELOPE_MAGIC || le32toh(envelope.envelope_size) != sizeof envelope)
        throw bad_image("what is signed does not begin with an FM envelope");
    if (le32toh(envelope.elf_size) != elf.size())
        throw bad_image("the envelope says " + std::to_string(le32toh(envelope.elf_size)) +
                        " bytes of ELF, there are " + std::to_string(elf.size()));
    const k7_fm_header header = read_fm_header(elf);
    if (std::memcmp(&header, &envelope.header, sizeof header) != 0)
        throw bad_image("the envelope's header is not the one in the ELF file");
}

FmImage parse(CMS_ContentInfo *cms) {
    ASN1_OCTET_STRING **const slot = CMS_get0_content(cms);
    if (slot == nullptr || *slot == nullptr)
        throw bad_image("the signed content is not in the file (detached signature)");
    const ByteView content(reinterpret_cast<const std::byte *>(ASN1_STRING_get0_data(*slot)),
                           static_cast<std::size_t>(ASN1_STRING_length(*slot)));
    k7_fm_envelope envelope{};
    if (content.size() < sizeof envelope)
        throw bad_image("what is signed is shorter than an FM envelope");
    std::memcpy(&envelope, content.data(), sizeof envelope);
    const ByteView elf = content.subspan(sizeof envelope);
    check_envelope(envelope, elf);
    FmImage image;
    image.header = header_for_people(envelope.header);
    image.build_time = le64toh(envelope.build_time);
    image.fingerprint = sha256(content);
    image.digest = signature_digest(only_signer(cms));
    image.signer = signer_name(cms);
    image.elf.assign(elf.begin(), elf.end());
    return image;
}

/// OpenSSL would put the present time there, and no image could be made twice.
bool set_signing_time(CMS_SignerInfo *signer, std::uint64_t seconds) {
    ASN1_TIME *const time = ASN1_TIME_set(nullptr, static_cast<std::time_t>(seconds));
    const bool set = time != nullptr &&
                     CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_signingTime, ASN1_STRING_type(time), time, -1) == 1;
    ASN1_TIME_free(time);
    return set;
}

void check_size(ByteView image) {
    if (image.empty())
        throw bad_image("the file is empty");
    if (image.size() > K7_FM_IMAGE_MAX)
        throw bad_image("it has " + std::to_string(image.size()) + " bytes, a card takes at most " +
                            std::to_string(K7_FM_IMAGE_MAX),
                        "strip it, or make it smaller");
}

void check_signature(CMS_ContentInfo *cms, X509 *certificate) {
    STACK_OF(X509) *const certificates = sk_X509_new_null();
    if (certificates == nullptr || sk_X509_push(certificates, certificate) == 0)
        throw Error(ErrorKind::failed, "out of memory");
    const int result =
        CMS_verify(cms, certificates, nullptr, nullptr, nullptr, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY | CMS_NOINTERN);
    sk_X509_free(certificates);
    if (result == 1)
        return;
    const bool other_signer = ERR_GET_REASON(ERR_peek_last_error()) == CMS_R_SIGNER_CERTIFICATE_NOT_FOUND;
    const std::string reason = openssl_reason();
    if (other_signer)
        throw Error(ErrorKind::failed,
                    "the image was signed with another certificate than the one of " + common_name(certificate),
                    "name the right one, or sign it again with `mkfm`");
    throw Error(ErrorKind::failed, "the signature does not fit the image (" + reason + ")",
                "the file was changed after it was signed: sign it again with `mkfm`");
}

} // namespace

Bytes build_fm_image(ByteView elf, ByteView key_pem, ByteView certificate, std::uint64_t build_time,
                     const PasswordSource &password) {
    return build_fm_image(elf, SigningKey::from_pem(key_pem, password), certificate, build_time);
}

Bytes build_fm_image(ByteView elf, const SigningKey &key, ByteView certificate, std::uint64_t build_time) {
    const Bytes content = signed_content(elf, build_time);
    const CertificatePointer signer = read_certificate(certificate);
    check_signing_certificate(signer.get());
    check_key_strength(key.get(), "the signing key");
    if (X509_check_private_key(signer.get(), key.get()) != 1) {
        ERR_clear_error();
        throw Error(ErrorKind::failed, "the signing key and the certificate are no pair",
                    "give the certificate that was made with this key");
    }
    const BioPointer data = read_from(content);
    const CmsPointer cms(CMS_sign(nullptr, nullptr, nullptr, data.get(), kCmsFlags | CMS_PARTIAL));
    CMS_SignerInfo *const info =
        cms ? CMS_add1_signer(cms.get(), signer.get(), key.get(), EVP_sha256(), kCmsFlags | CMS_PARTIAL) : nullptr;
    if (info == nullptr || !set_signing_time(info, build_time) ||
        CMS_final(cms.get(), data.get(), nullptr, kCmsFlags) != 1)
        throw Error(ErrorKind::failed, "signing failed (" + openssl_reason() + ")");
    Bytes image = encode(cms.get());
    check_size(image);
    return image;
}

Bytes fm_elf_of(ByteView file) {
    constexpr std::string_view kElfMagic = "\177ELF";
    if (as_text(file).starts_with(kElfMagic))
        return {file.begin(), file.end()};
    return parse_fm_image(file).elf;
}

FmImage parse_fm_image(ByteView image) {
    check_size(image);
    return parse(read_cms(image).get());
}

FmImage verify_fm_image(ByteView image, ByteView certificate) {
    check_size(image);
    const CmsPointer cms = read_cms(image);
    FmImage parsed = parse(cms.get());
    const CertificatePointer signer = read_certificate(certificate);
    check_signing_certificate(signer.get());
    check_signature(cms.get(), signer.get());
    return parsed;
}

FmHeader check_fm_elf(ByteView elf) {
    return header_for_people(read_fm_header(elf));
}

} // namespace hsm
