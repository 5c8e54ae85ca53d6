// SPDX-License-Identifier: GPL-2.0-or-later
//
// FM images: made, checked, and refused with a reason. Bad ones are made from a good one, by one change each.
#include <algorithm>
#include <random>

#include <elf.h>
#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "hsm_support.hpp"
#include "k7/fm_abi.h"
#include "libhsm/openssl.hpp"

namespace hsm::test {
namespace {

/// An ELF file that a test spoils.
class SpoiltElf {
  public:
    SpoiltElf() : bytes_(fm_elf("echo")) {}
    Elf32_Ehdr &header() { return at<Elf32_Ehdr>(0); }
    Elf32_Phdr &load_segment() {
        for (unsigned index = 0; index < header().e_phnum; ++index) {
            auto &segment = at<Elf32_Phdr>(header().e_phoff + index * sizeof(Elf32_Phdr));
            if (segment.p_type == PT_LOAD)
                return segment;
        }
        throw std::logic_error("no PT_LOAD");
    }
    k7_fm_header &fm_header() { return at<k7_fm_header>(load_segment().p_offset); }
    Bytes &bytes() { return bytes_; }

  private:
    template <typename T>
    T &at(std::size_t offset) {
        return *reinterpret_cast<T *>(bytes_.data() + offset);
    }
    Bytes bytes_;
};

struct ElfCase {
    const char *what;
    void (*spoil)(SpoiltElf &elf);
    const char *part; ///< of the message
};

constexpr ElfCase kElfCases[] = {
    {"no ELF", [](SpoiltElf &elf) { elf.bytes()[0] = std::byte{0}; }, "no ELF file"},
    {"x86-64", [](SpoiltElf &elf) { elf.header().e_machine = EM_X86_64; }, "built for x86-64"},
    {"object file", [](SpoiltElf &elf) { elf.header().e_type = ET_REL; }, "no executable"},
    {"position independent", [](SpoiltElf &elf) { elf.header().e_type = ET_DYN; }, "no executable"},
    {"compressed", [](SpoiltElf &elf) { elf.header().e_flags = EF_RISCV_RVC; }, "compressed"},
    {"hard float", [](SpoiltElf &elf) { elf.header().e_flags = EF_RISCV_FLOAT_ABI_DOUBLE; }, "floating point"},
    {"too many headers", [](SpoiltElf &elf) { elf.header().e_phnum = 1000; }, "program headers"},
    {"W and X", [](SpoiltElf &elf) { elf.load_segment().p_flags = PF_R | PF_W | PF_X; }, "writable and executable"},
    {"unaligned", [](SpoiltElf &elf) { elf.load_segment().p_vaddr += 4; }, "does not begin on a page"},
    {"outside", [](SpoiltElf &elf) { elf.load_segment().p_vaddr = 0; }, "outside"},
    {"beyond the window", [](SpoiltElf &elf) { elf.load_segment().p_memsz = 0x7fffffff; }, "outside"},
    {"beyond the file", [](SpoiltElf &elf) { elf.load_segment().p_offset = 0xfffffff0; }, "beyond the end"},
    {"more in the file", [](SpoiltElf &elf) { elf.load_segment().p_memsz = 4; }, "more bytes in the file"},
    {"interpreter", [](SpoiltElf &elf) { elf.load_segment().p_type = PT_INTERP; }, "dynamically linked"},
    {"entry", [](SpoiltElf &elf) { elf.header().e_entry = 4; }, "entry point"},
    {"no header", [](SpoiltElf &elf) { elf.fm_header().magic = 0; }, "no FM header"},
    {"header version", [](SpoiltElf &elf) { elf.fm_header().header_version = 9; }, "FM header version 9"},
    {"ID too low", [](SpoiltElf &elf) { elf.fm_header().fm_id = 0x9fff; }, "FM ID 9fff is out of range"},
    {"ID too high", [](SpoiltElf &elf) { elf.fm_header().fm_id = 0xb000; }, "FM ID b000 is out of range"},
    {"reserved", [](SpoiltElf &elf) { elf.fm_header().reserved1 = 1; }, "reserved"},
    {"product", [](SpoiltElf &elf) { elf.fm_header().product[0] = '\n'; }, "product"},
    {"manufacturer", [](SpoiltElf &elf) { elf.fm_header().manufacturer[31] = 'x'; }, "manufacturer"},
    {"too large", [](SpoiltElf &elf) { elf.bytes().resize(K7_FM_IMAGE_MAX + 1); }, "a card takes at most"},
};

TEST(HsmImage, EachSpoiltElfIsRefusedWithItsReason) {
    for (const ElfCase &test : kElfCases) {
        SpoiltElf elf;
        test.spoil(elf);
        const Error error = error_of([&] { (void)check_fm_elf(elf.bytes()); });
        EXPECT_EQ(error.kind(), ErrorKind::failed);
        EXPECT_TRUE(contains(error.message(), test.part)) << test.what << ": " << error.what();
        EXPECT_FALSE(error.hint().empty()) << error.what();
    }
}

TEST(HsmImage, AnElfCutAnywhereIsRefusedOrComplete) {
    const Bytes elf = fm_elf("echo");
    for (std::size_t size = 0; size < 5000; size += 7)
        EXPECT_EQ(error_of([&] { (void)check_fm_elf(ByteView(elf).first(size)); }).kind(), ErrorKind::failed) << size;
}

TEST(HsmImage, RandomChangesNeverDoHarm) {
    const Bytes good = fm_elf("echo");
    std::mt19937 random(1);
    for (int round = 0; round < 3000; ++round) {
        Bytes bytes = good;
        for (int change = 0; change < 4; ++change)
            bytes[random() % (change < 3 ? 512 : bytes.size())] = static_cast<std::byte>(random());
        try {
            (void)check_fm_elf(bytes);
        } catch (const Error &) {
        }
    }
}

TEST(HsmImage, WhatIsSignedIsWhatIsParsed) {
    const Bytes image = signed_fm("vault");
    const FmImage parsed = verify_fm_image(image, signer().certificate_pem);
    EXPECT_EQ(parsed.header.id.value, 0xa001u);
    EXPECT_EQ(parsed.header.product, "vault");
    EXPECT_EQ(parsed.build_time, 1700000000u);
    EXPECT_EQ(parsed.digest, "SHA256");
    EXPECT_EQ(parsed.signer, "Test signer");
    EXPECT_EQ(parsed.elf, fm_elf("vault"));
    EXPECT_EQ(verify_fm_image(image, certificate_der(signer().certificate_pem)).fingerprint, parsed.fingerprint);
}

TEST(HsmImage, EveryKindOfKeySigns) {
    for (const KeyType type : {KeyType::rsa_2048, KeyType::ec_p384}) {
        const SigningIdentity identity = make_signing_identity(type, "Other", 1);
        const Bytes image = build_fm_image(fm_elf("echo"), identity.key_pem, identity.certificate_pem, 1);
        EXPECT_EQ(verify_fm_image(image, identity.certificate_pem).signer, "Other");
    }
}

TEST(HsmImage, TheSameInputMakesTheSameImage) {
    const SigningIdentity rsa = make_signing_identity(KeyType::rsa_2048, "RSA", 1);
    const auto image = [](const SigningIdentity &identity, std::uint64_t time) {
        return build_fm_image(fm_elf("echo"), identity.key_pem, identity.certificate_pem, time);
    };
    EXPECT_EQ(image(rsa, 1700000000), image(rsa, 1700000000));
    EXPECT_NE(image(rsa, 1700000000), image(rsa, 1700000001));
    const auto fingerprint = [&] { return parse_fm_image(image(signer(), 1700000000)).fingerprint; };
    EXPECT_EQ(fingerprint(), fingerprint()) << "envelope and ELF; an EC signature differs each time";
    EXPECT_NO_THROW((void)verify_fm_image(image(rsa, 4102444800), rsa.certificate_pem)) << "2100, no two-digit year";
}

TEST(HsmImage, KeysByUri) {
    const TemporaryDirectory directory;
    const SigningIdentity identity = make_signing_identity(KeyType::ec_p384, "URI", 1, as_bytes("secret"));
    std::ofstream(directory.file("key.pem"), std::ios::binary) << as_text(identity.key_pem);
    int asked = 0;
    const auto password = [&](const char *text) {
        return [text, &asked]() -> std::optional<SecureBytes> {
            ++asked;
            const ByteView bytes = as_bytes(text);
            return SecureBytes(bytes.begin(), bytes.end());
        };
    };
    const std::string uri = "file:" + directory.file("key.pem");
    const SigningKey key = SigningKey::from_uri(uri, {}, password("secret"));
    EXPECT_EQ(asked, 1);
    EXPECT_EQ(key.text(), "EC P-384");
    const Bytes certificate = make_signing_certificate(key, "Again", 1);
    EXPECT_EQ(verify_fm_image(build_fm_image(fm_elf("echo"), key, certificate, 1), certificate).signer, "Again");
    const auto error = [&](const std::string &where, const PasswordSource &source) {
        return error_of([&] { (void)SigningKey::from_uri(where, {}, source); });
    };
    EXPECT_TRUE(contains(error(uri, password("wrong")).message(), "wrong password"));
    EXPECT_EQ(asked, 2) << "at most once for each key";
    EXPECT_TRUE(contains(error(uri, {}).message(), "encrypted"));
    EXPECT_EQ(error("file:" + directory.file("none"), {}).kind(), ErrorKind::not_found);
    EXPECT_EQ(error("pkcs11:object=x?pin-value=1", {}).kind(), ErrorKind::usage);
    const Error thrown =
        error(uri, []() -> std::optional<SecureBytes> { throw Error(ErrorKind::refused, "no answer"); });
    EXPECT_EQ(thrown.kind(), ErrorKind::refused) << "what the source throws passes OpenSSL unharmed";
}

TEST(HsmImage, WhatIsAUri) {
    for (const char *uri : {"pkcs11:token=x", "file:/a", "handle:0x81000001", "org.openssl.engine:x"})
        EXPECT_TRUE(is_key_uri(uri)) << uri;
    for (const char *file : {"key.pem", "/a/b:c", "./pkcs11:x", "C:key", ":x", "", "9p:x"})
        EXPECT_FALSE(is_key_uri(file)) << file;
}

TEST(HsmImage, UnsignedTruncatedTamperedAndForeignImagesAreRefused) {
    const Bytes image = signed_fm("echo");
    const ByteView certificate = signer().certificate_pem;
    const auto message = [&](const Bytes &bytes) {
        return error_of([&] { (void)verify_fm_image(bytes, certificate); }).message();
    };
    EXPECT_TRUE(contains(message(fm_elf("echo")), "without a signature"));
    EXPECT_TRUE(contains(message({}), "empty"));
    EXPECT_TRUE(contains(message(Bytes(image.begin(), image.end() - 1)), "cut short"));
    Bytes longer = image;
    longer.push_back(std::byte{0});
    EXPECT_TRUE(contains(message(longer), "bytes follow"));
    Bytes large = image;
    large.resize(K7_FM_IMAGE_MAX + 1);
    EXPECT_TRUE(contains(message(large), "at most"));
    Bytes tampered = image;
    const auto text = std::ranges::search(tampered, as_bytes("k7hsm samples"));
    ASSERT_NE(text.begin(), tampered.end());
    // In the ELF's code, so that the envelope still fits the header.
    tampered[tampered.size() / 2] ^= std::byte{1};
    EXPECT_TRUE(contains(message(tampered), "signature does not fit")) << message(tampered);
    const SigningIdentity other = make_signing_identity(KeyType::ec_p256, "Somebody else", 1);
    const Error foreign = error_of([&] { (void)verify_fm_image(image, other.certificate_pem); });
    EXPECT_TRUE(contains(foreign.message(), "another certificate")) << foreign.what();
}

TEST(HsmImage, EveryByteOfAnImageCounts) {
    const Bytes image = signed_fm("echo");
    for (std::size_t place = 0; place < image.size(); place += 97) {
        Bytes tampered = image;
        tampered[place] ^= std::byte{0x10};
        try {
            const FmImage parsed = verify_fm_image(tampered, signer().certificate_pem);
            // The certificates inside are not used to verify, so a change in them is no forgery.
            EXPECT_EQ(parsed.elf, fm_elf("echo")) << "a change at " << place << " was not noticed";
        } catch (const Error &) {
        }
    }
}

/// A certificate of @p key that a test gives its usage and times.
Bytes certificate_with(EVP_PKEY *key, const char *key_usage, const char *extended_usage, long from, long to) {
    CertificatePointer certificate(X509_new());
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 7);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), to);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char *>("Odd"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
    X509_set_pubkey(certificate.get(), key);
    for (const auto &[nid, value] :
         {std::pair(NID_key_usage, key_usage), std::pair(NID_ext_key_usage, extended_usage)}) {
        if (value == nullptr)
            continue;
        const ExtensionPointer extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
        X509_add_ext(certificate.get(), extension.get(), -1);
    }
    X509_sign(certificate.get(), key, EVP_sha256());
    unsigned char *der = nullptr;
    const int size = i2d_X509(certificate.get(), &der);
    const auto *const first = reinterpret_cast<const std::byte *>(der);
    Bytes bytes(first, first + size);
    OPENSSL_free(der);
    return bytes;
}

Bytes key_pem(EVP_PKEY *key) {
    const BioPointer bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    char *data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    const auto *const first = reinterpret_cast<const std::byte *>(data);
    return {first, first + size};
}

TEST(HsmImage, CertificatesThatMayNotSignAreRefused) {
    const KeyPointer key(EVP_EC_gen("P-256"));
    const KeyPointer weak(EVP_RSA_gen(1024));
    const KeyPointer odd_curve(EVP_EC_gen("secp256k1"));
    struct Case {
        EVP_PKEY *key;
        const char *usage;
        const char *extended;
        long from;
        long to;
        const char *part;
    };
    const Case cases[] = {
        {key.get(), "keyCertSign", "codeSigning", -100, 1000, "digitalSignature"},
        {key.get(), "digitalSignature", "serverAuth", -100, 1000, "may not sign code"},
        {key.get(), "digitalSignature", "codeSigning", -1000, -100, "expired"},
        {key.get(), "digitalSignature", "codeSigning", 500, 1000, "not valid yet"},
        {weak.get(), "digitalSignature", "codeSigning", -100, 1000, "RSA 1024"},
        {odd_curve.get(), "digitalSignature", "codeSigning", -100, 1000, "another curve"},
    };
    for (const Case &test : cases) {
        const Bytes certificate = certificate_with(test.key, test.usage, test.extended, test.from, test.to);
        const Error error = error_of([&] { (void)build_fm_image(fm_elf("echo"), key_pem(test.key), certificate, 1); });
        EXPECT_TRUE(contains(error.message(), test.part)) << error.what();
    }
}

TEST(HsmImage, KeysAndPasswords) {
    const Bytes elf = fm_elf("echo");
    const SigningIdentity locked = make_signing_identity(KeyType::ec_p256, "Locked", 1, as_bytes("secret"));
    const auto password = [](const char *text) {
        return [text]() -> std::optional<SecureBytes> {
            const ByteView bytes = as_bytes(text);
            return SecureBytes(bytes.begin(), bytes.end());
        };
    };
    EXPECT_NO_THROW((void)build_fm_image(elf, locked.key_pem, locked.certificate_pem, 1, password("secret")));
    const auto message = [&](ByteView key, ByteView certificate, const PasswordSource &source) {
        return error_of([&] { (void)build_fm_image(elf, key, certificate, 1, source); }).message();
    };
    EXPECT_TRUE(contains(message(locked.key_pem, locked.certificate_pem, password("wrong")), "wrong password"));
    EXPECT_TRUE(contains(message(locked.key_pem, locked.certificate_pem, {}), "encrypted"));
    EXPECT_TRUE(contains(message(signer().key_pem, locked.certificate_pem, {}), "no pair"));
    EXPECT_TRUE(contains(message(as_bytes("nonsense"), locked.certificate_pem, {}), "no private key"));
    EXPECT_TRUE(contains(message(signer().key_pem, as_bytes("nonsense"), {}), "no X.509 certificate"));
    EXPECT_EQ(error_of([] { (void)make_signing_identity(KeyType::ec_p256, "", 1); }).kind(), ErrorKind::usage);
    EXPECT_EQ(error_of([] { (void)make_signing_identity(KeyType::ec_p256, "x", 0); }).kind(), ErrorKind::usage);
}

/// What is signed in @p image.
Bytes content_of(const Bytes &image) {
    const auto *next = reinterpret_cast<const unsigned char *>(image.data());
    const CmsPointer cms(d2i_CMS_ContentInfo(nullptr, &next, static_cast<long>(image.size())));
    const ASN1_OCTET_STRING *const text = *CMS_get0_content(cms.get());
    const auto *const first = reinterpret_cast<const std::byte *>(ASN1_STRING_get0_data(text));
    return {first, first + ASN1_STRING_length(text)};
}

/// @p content signed by the test's signer, with what a test wants to be odd.
Bytes signed_oddly(const Bytes &content, const EVP_MD *digest, unsigned flags, int signers = 1) {
    const SigningKey key = SigningKey::from_pem(signer().key_pem);
    const CertificatePointer certificate = read_certificate(signer().certificate_pem);
    const BioPointer data = read_from(content);
    const CmsPointer cms(CMS_sign(nullptr, nullptr, nullptr, data.get(), CMS_BINARY | CMS_PARTIAL | flags));
    for (int number = 0; number < signers; ++number) {
        const unsigned no_second_copy = number == 0 ? 0 : CMS_NOCERTS;
        EXPECT_NE(CMS_add1_signer(cms.get(), certificate.get(), key.get(), digest, CMS_BINARY | flags | no_second_copy),
                  nullptr);
    }
    EXPECT_EQ(CMS_final(cms.get(), data.get(), nullptr, CMS_BINARY | flags), 1);
    unsigned char *der = nullptr;
    const int size = i2d_CMS_ContentInfo(cms.get(), &der);
    const auto *const first = reinterpret_cast<const std::byte *>(der);
    Bytes bytes(first, first + size);
    OPENSSL_free(der);
    return bytes;
}

TEST(HsmImage, OddSignaturesAreRefused) {
    const Bytes content = content_of(signed_fm("echo"));
    const auto message = [](const Bytes &image) {
        return error_of([&] { (void)verify_fm_image(image, signer().certificate_pem); }).message();
    };
    EXPECT_NO_THROW((void)verify_fm_image(signed_oddly(content, EVP_sha384(), 0), signer().certificate_pem));
    EXPECT_TRUE(contains(message(signed_oddly(content, EVP_sha1(), 0)), "digest is SHA1"));
    EXPECT_TRUE(contains(message(signed_oddly(content, EVP_sha256(), CMS_DETACHED)), "detached"));
    EXPECT_TRUE(contains(message(signed_oddly(content, EVP_sha256(), 0, 2)), "2 signatures"));
    EXPECT_TRUE(contains(message(signed_oddly(fm_elf("echo"), EVP_sha256(), 0)), "envelope"));
    Bytes longer = content;
    longer.push_back(std::byte{0});
    EXPECT_TRUE(contains(message(signed_oddly(longer, EVP_sha256(), 0)), "bytes of ELF"));
    Bytes other_header = content;
    other_header[24 + 12] ^= std::byte{1}; // the version, in the envelope's copy of the header only
    EXPECT_TRUE(contains(message(signed_oddly(other_header, EVP_sha256(), 0)), "not the one in the ELF"));
}

} // namespace
} // namespace hsm::test
