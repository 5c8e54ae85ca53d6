// SPDX-License-Identifier: GPL-2.0-or-later
//
// FM images that are wrong, one of each class: refused with the right status and a reason, and nothing is stored.
#include "tests/unit/card_fixture.hpp"
#include "tests/unit/small_fm.hpp"

namespace k7::test {
namespace {

Bytes with_header(void (*change)(k7_fm_header &header), bool in_elf) {
    fm::test::ElfBuilder builder = fm_without_handler(0xa123);
    k7_fm_header header{};
    std::memcpy(&header, builder.parts[0].content.data(), sizeof(header));
    change(header);
    if (in_elf)
        std::memcpy(builder.parts[0].content.data(), &header, sizeof(header));
    Bytes content = fm_content(builder.build());
    std::memcpy(content.data() + offsetof(k7_fm_envelope, header), &header, sizeof(header));
    return signer().sign(content);
}

Bytes with_envelope(void (*change)(k7_fm_envelope &envelope)) {
    Bytes content = fm_content(fm_elf("echo"));
    k7_fm_envelope envelope{};
    std::memcpy(&envelope, content.data(), sizeof(envelope));
    change(envelope);
    std::memcpy(content.data(), &envelope, sizeof(envelope));
    return signer().sign(content);
}

Bytes cut(Bytes bytes, std::size_t size) {
    bytes.resize(size);
    return bytes;
}

Bytes with_extra_byte(Bytes bytes) {
    bytes.push_back(std::byte{0});
    return bytes;
}

Bytes unsigned_cms(const Bytes &content) {
    BIO *in = BIO_new_mem_buf(content.data(), static_cast<int>(content.size()));
    CMS_ContentInfo *cms = CMS_data_create(in, CMS_BINARY);
    unsigned char *der = nullptr;
    const int size = i2d_CMS_ContentInfo(cms, &der);
    const auto *bytes = reinterpret_cast<std::byte *>(der);
    Bytes result(bytes, bytes + size);
    OPENSSL_free(der);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    return result;
}

Bytes with_elf(Bytes elf) {
    return signer().sign(fm_content(elf));
}

Bytes elf_for_another_machine() {
    Bytes elf = fm_elf("echo");
    elf.at(offsetof(Elf32_Ehdr, e_machine)) = std::byte{EM_386};
    return elf;
}

struct BadImage {
    const char *what;
    Bytes image;
    k7_status status;
    const char *reason;
};

std::vector<BadImage> bad_images() {
    const Bytes good = image_of("echo");
    const Bytes content = fm_content(fm_elf("echo"));
    Bytes tampered = good;
    tampered.at(tampered.size() / 2) ^= std::byte{1};
    const auto nothing = [](auto &) {};
    return {
        {"raw ELF", fm_elf("echo"), K7_ST_IMAGE_FORMAT, "not a CMS structure"},
        {"text", bytes_of("hello"), K7_ST_IMAGE_FORMAT, "not a CMS structure"},
        {"truncated", cut(good, good.size() - 1), K7_ST_IMAGE_FORMAT, "not a CMS structure"},
        {"trailing byte", with_extra_byte(good), K7_ST_IMAGE_FORMAT, "1 bytes follow"},
        {"not signed", unsigned_cms(content), K7_ST_IMAGE_FORMAT, "not SignedData"},
        {"detached", signer().sign(content, EVP_sha256(), CMS_DETACHED), K7_ST_IMAGE_FORMAT, "does not hold"},
        {"tampered", tampered, K7_ST_IMAGE_SIGNATURE, "signature does not fit"},
        {"SHA-1", signer().sign(content, EVP_sha1()), K7_ST_IMAGE_SIGNATURE, "SHA1 is not SHA-256"},
        {"content too short", signer().sign(bytes_of("short")), K7_ST_IMAGE_FORMAT, "only 5 bytes"},
        {"content empty", signer().sign({}), K7_ST_IMAGE_FORMAT, "only 0 bytes"},
        {"envelope magic", with_envelope([](auto &e) { e.magic = 0; }), K7_ST_IMAGE_FORMAT, "wrong magic 0x0"},
        {"envelope size", with_envelope([](auto &e) { e.envelope_size = 97; }), K7_ST_IMAGE_FORMAT, "97, not 96"},
        {"ELF size", with_envelope([](auto &e) { ++e.elf_size; }), K7_ST_IMAGE_FORMAT, "given as"},
        {"ELF size 0", with_envelope([](auto &e) { e.elf_size = 0; }), K7_ST_IMAGE_FORMAT, "given as 0 bytes"},
        {"envelope reserved", with_envelope([](auto &e) { e.reserved = 1; }), K7_ST_IMAGE_FORMAT, "reserved"},
        {"header magic", with_header([](auto &h) { h.magic = 1; }, true), K7_ST_IMAGE_HEADER, "wrong magic 0x1"},
        {"header version", with_header([](auto &h) { h.header_version = 2; }, true), K7_ST_IMAGE_HEADER, "version 2"},
        {"FM ID too low", with_header([](auto &h) { h.fm_id = 0x9fff; }, true), K7_ST_IMAGE_HEADER, "FM ID 0x9fff"},
        {"FM ID too high", with_header([](auto &h) { h.fm_id = 0xb000; }, true), K7_ST_IMAGE_HEADER, "FM ID 0xb000"},
        {"header reserved", with_header([](auto &h) { h.reserved1 = 1; }, true), K7_ST_IMAGE_HEADER, "reserved"},
        {"escape sequence", with_header([](auto &h) { h.product[1] = '\033'; }, true), K7_ST_IMAGE_HEADER, "product"},
        {"text not padded", with_header([](auto &h) { h.product[15] = 'x'; }, true), K7_ST_IMAGE_HEADER, "padded"},
        {"another header inside", with_header([](auto &h) { h.serial = 7; }, false), K7_ST_IMAGE_HEADER, "differs"},
        {"wrong machine", with_elf(elf_for_another_machine()), K7_ST_IMAGE_ELF, "ELF file: "},
        {"truncated ELF", with_elf(cut(fm_elf("echo"), 0x1100)), K7_ST_IMAGE_ELF, "ELF file: "},
        {"beyond the quota", with_elf(fm_elf("toobig")), K7_ST_IMAGE_ELF, "ELF file: "},
        {"no FM at all", signer().sign(with_extra_byte(cut(with_envelope(nothing), 0))), K7_ST_IMAGE_FORMAT, "only 1"},
    };
}

TEST(CardImage, WrongImagesAreRefusedAndChangeNothing) {
    OperationalCard card;
    card.load("vault");
    card.restart();
    for (const BadImage &bad : bad_images()) {
        const CommandReply reply = card.load_image(bad.image, signer().certificate());
        EXPECT_EQ(reply.status, bad.status) << bad.what << ": " << reply.text();
        EXPECT_NE(reply.text().find(bad.reason), std::string::npos) << bad.what << ": " << reply.text();
        EXPECT_EQ(card.fm_ids(), std::vector{kVault}) << bad.what;
    }
    const CommandReply reply = card.load_image(image_of("echo"), signer().certificate());
    EXPECT_EQ(reply.status, K7_ST_OK) << reply.text();
}

// No single changed byte may go unnoticed, wherever it is.
TEST(CardImage, EveryFlippedByteIsNoticed) {
    OperationalCard card;
    const Bytes good = image_of("echo");
    const std::size_t step = std::max<std::size_t>(1, good.size() / 300);
    for (std::size_t at = 0; at < good.size(); at += step) {
        Bytes bad = good;
        bad[at] ^= std::byte{0x55};
        const CommandReply reply = card.load_image(bad, signer().certificate());
        ASSERT_NE(reply.status, K7_ST_OK) << at;
    }
    EXPECT_TRUE(card.list().empty());
}

struct BadCertificate {
    const char *what;
    CertificateOptions options;
    const char *reason;
};

TEST(CardImage, CertificatesThatMayNotSign) {
    const std::vector<BadCertificate> cases{
        {"weak RSA", {.key = "RSA:1024"}, "RSA key of 1024 bits"},
        {"wrong curve", {.key = "secp256k1"}, "elliptic curve secp256k1"},
        {"wrong kind of key", {.key = "ED25519"}, "key kind ED25519"},
        {"expired", {.valid_from = -7200, .valid_to = -3600}, "expired at"},
        {"not valid yet", {.valid_from = 3600, .valid_to = 7200}, "not valid before"},
        {"key usage", {.key_usage = "critical,keyCertSign"}, "digitalSignature"},
        {"extended key usage", {.extended_key_usage = "serverAuth"}, "codeSigning"},
    };
    OperationalCard card;
    for (const BadCertificate &bad : cases) {
        const Signer other(bad.options);
        const CommandReply reply = card.load_begin(1000, other.certificate());
        EXPECT_EQ(reply.status, K7_ST_IMAGE_CERTIFICATE) << bad.what;
        EXPECT_NE(reply.text().find(bad.reason), std::string::npos) << bad.what << ": " << reply.text();
    }
    EXPECT_EQ(card.load_begin(1000, bytes_of("no certificate")).status, K7_ST_IMAGE_CERTIFICATE);
    EXPECT_EQ(card.load_begin(1000, with_extra_byte(signer().certificate())).status, K7_ST_IMAGE_CERTIFICATE);
    EXPECT_EQ(struct_of<k7_certificate_list>(card.ring.command(K7_CMD_CERT_LIST).data).count, 0u);
}

TEST(CardImage, CertificatesThatMaySign) {
    for (const CertificateOptions &options :
         {CertificateOptions{.key = "RSA:2048"}, CertificateOptions{.key = "P-384"}, CertificateOptions{.key = "P-521"},
          CertificateOptions{.key_usage = nullptr, .extended_key_usage = nullptr},
          CertificateOptions{.extended_key_usage = "serverAuth,codeSigning"}}) {
        OperationalCard card;
        const Signer other(options);
        for (const EVP_MD *digest : {EVP_sha256(), EVP_sha384(), EVP_sha512()}) {
            const Bytes image = other.sign(fm_content(fm_elf("echo")), digest);
            const CommandReply reply = card.load_image(image, other.certificate());
            EXPECT_EQ(reply.status, K7_ST_OK) << options.key << ": " << reply.text();
        }
        EXPECT_EQ(
            card.load_image(other.sign(fm_content(fm_elf("echo")), EVP_sha256(), CMS_NOCERTS), other.certificate())
                .status,
            K7_ST_OK);
    }
}

TEST(CardImage, AnotherKeyIsRefused) {
    OperationalCard card;
    const Signer other(CertificateOptions{.serial = 2});
    const Signer twin; // same name and serial number as signer(), another key
    const CommandReply by_other = card.load_image(other.sign(fm_content(fm_elf("echo"))), signer().certificate());
    EXPECT_EQ(by_other.status, K7_ST_IMAGE_CERTIFICATE) << by_other.text();
    const CommandReply by_twin = card.load_image(twin.sign(fm_content(fm_elf("echo"))), signer().certificate());
    EXPECT_EQ(by_twin.status, K7_ST_IMAGE_CERTIFICATE) << by_twin.text();
    const CommandReply bare =
        card.load_image(twin.sign(fm_content(fm_elf("echo")), EVP_sha256(), CMS_NOCERTS), signer().certificate());
    EXPECT_EQ(bare.status, K7_ST_IMAGE_SIGNATURE) << bare.text();
}

TEST(CardImage, StoredCertificatesByLabelOrByThemselves) {
    OperationalCard card;
    const Bytes echo = image_of("echo");
    EXPECT_EQ(card.load_image(echo, {}).status, K7_ST_IMAGE_CERTIFICATE) << "none is stored";
    EXPECT_EQ(card.load_image(echo, {}, "mine").status, K7_ST_NOT_FOUND);
    ASSERT_EQ(card.load_image(echo, signer().certificate(), "mine").status, K7_ST_OK);
    EXPECT_EQ(card.load_image(image_of("vault"), {}, "mine").status, K7_ST_OK);
    EXPECT_EQ(card.load_image(image_of("crashy"), {}).status, K7_ST_OK);
    EXPECT_EQ(card.fm_ids().size(), 3u);
    const Signer other(CertificateOptions{.serial = 2});
    const CommandReply taken = card.load_image(other.sign(fm_content(fm_elf("echo"))), other.certificate(), "mine");
    EXPECT_EQ(taken.status, K7_ST_EXISTS);
    const CommandReply reply = card.ring.command(K7_CMD_CERT_LIST);
    ASSERT_EQ(struct_of<k7_certificate_list>(reply.data).count, 1u);
    const auto info = struct_of<k7_certificate_info>(std::span(reply.data).subspan(sizeof(k7_certificate_list)));
    EXPECT_EQ(field_text(info.label), "mine");
    EXPECT_EQ(field_text(info.subject), "test signer");
}

TEST(CardImage, LoadsKeepTheirRules) {
    OperationalCard card;
    const Bytes image = image_of("echo");
    const Bytes certificate = signer().certificate();
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_COMMIT).status, K7_ST_NOT_FOUND) << "none begun";
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_ABORT).status, K7_ST_NOT_FOUND);
    EXPECT_EQ(card.load_begin(K7_FM_IMAGE_MAX + 1, certificate).status, K7_ST_IMAGE_TOO_LARGE);
    EXPECT_EQ(card.load_begin(0, certificate).status, K7_ST_IMAGE_FORMAT);
    ASSERT_EQ(card.load_begin(image.size(), certificate).status, K7_ST_OK);
    const Bytes piece(16);
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_DATA, piece, 1).status, K7_ST_BAD_FIELD) << "a gap";
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_DATA, piece, 0).status, K7_ST_OK);
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_DATA, piece, 0).status, K7_ST_BAD_FIELD) << "again";
    k7_sqe elsewhere = card.ring.entry(K7_CMD_FM_LOAD_DATA, piece, 16);
    elsewhere.channel = 2;
    EXPECT_EQ(card.ring.send(elsewhere)->status, K7_ST_BUSY) << "another channel";
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_DATA, Bytes(0x10000), 16).status, K7_ST_BAD_LENGTH) << "too much";
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_COMMIT).status, K7_ST_BAD_LENGTH) << "too little";
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_COMMIT).status, K7_ST_NOT_FOUND) << "a failed commit ends the load";
    ASSERT_EQ(card.load_begin(image.size(), certificate).status, K7_ST_OK);
    EXPECT_EQ(card.ring.command(K7_CMD_CHANNEL_CLOSE).status, K7_ST_OK);
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_COMMIT).status, K7_ST_NOT_FOUND) << "ended with its channel";
    EXPECT_TRUE(card.list().empty());
}

Bytes versioned(std::uint16_t version) {
    return with_elf(fm_of_version(0xa200, version).build());
}

TEST(CardImage, LowerVersionsNeedTheFlag) {
    OperationalCard card;
    const Bytes certificate = signer().certificate();
    ASSERT_EQ(card.load_image(versioned(0x0203), certificate).status, K7_ST_OK);
    for (const std::uint16_t lower : {0x0202, 0x01ff, 0x0000}) {
        const CommandReply reply = card.load_image(versioned(lower), certificate);
        EXPECT_EQ(reply.status, K7_ST_IMAGE_OLDER) << reply.text();
        EXPECT_NE(reply.text().find("FM a200 is on the card in version 2.03, the image has version "),
                  std::string::npos)
            << reply.text();
        EXPECT_EQ(card.list()[0].fm_version, 0x0203u);
    }
    EXPECT_EQ(card.load_image(versioned(0x0203), certificate).status, K7_ST_OK) << "the same again";
    EXPECT_EQ(card.load_image(versioned(0xff00), certificate).status, K7_ST_OK) << "a higher one";
    EXPECT_EQ(card.load_image(versioned(0x00ff), certificate, {}, K7_FM_LOAD_ALLOW_DOWNGRADE).status, K7_ST_OK);
    EXPECT_EQ(card.list()[0].fm_version, 0x00ffu);
    EXPECT_EQ(card.load_image(versioned(0x0100), certificate, {}, K7_FM_LOAD_ALLOW_DOWNGRADE).status, K7_ST_OK)
        << "the flag refuses nothing";
    EXPECT_EQ(card.load_image(with_elf(fm_of_version(0xa201, 1).build()), certificate).status, K7_ST_OK)
        << "only FMs of the same ID are compared";
}

TEST(CardImage, VersionsAreComparedWithTheStoreNotWithWhatRuns) {
    OperationalCard card;
    const Bytes certificate = signer().certificate();
    ASSERT_EQ(card.load_image(versioned(0x0100), certificate).status, K7_ST_OK);
    card.restart();
    ASSERT_EQ(card.load_image(versioned(0x0300), certificate).status, K7_ST_OK);
    EXPECT_EQ(card.load_image(versioned(0x0200), certificate).status, K7_ST_IMAGE_OLDER);
    ASSERT_EQ(card.remove(0xa200).status, K7_ST_OK);
    EXPECT_EQ(card.load_image(versioned(0x0200), certificate).status, K7_ST_OK) << "nothing is there to be compared";
}

TEST(CardImage, UnknownFlagsAreRefused) {
    OperationalCard card;
    for (std::uint32_t bit = 1; bit < 32; ++bit)
        EXPECT_EQ(card.load_begin(1000, signer().certificate(), {}, 1u << bit).status, K7_ST_BAD_FIELD) << bit;
    EXPECT_EQ(card.load_begin(1000, signer().certificate(), {}, K7_FM_LOAD_ALLOW_DOWNGRADE).status, K7_ST_OK);
}

TEST(CardImage, TooManyFms) {
    OperationalCard card;
    for (std::uint32_t i = 0; i < K7_FM_COUNT_MAX; ++i)
        ASSERT_EQ(card.load_image(with_elf(fm_without_handler(0xa200 + i).build()), signer().certificate()).status,
                  K7_ST_OK);
    const CommandReply one_more = card.load_image(with_elf(fm_without_handler(0xa300).build()), signer().certificate());
    EXPECT_EQ(one_more.status, K7_ST_STORE_FULL);
    EXPECT_EQ(one_more.text(), "the card holds 32 FMs already");
    EXPECT_EQ(card.list().size(), K7_FM_COUNT_MAX);
    EXPECT_EQ(card.load_image(with_elf(fm_without_handler(0xa200).build()), signer().certificate()).status, K7_ST_OK)
        << "replacing needs no place";
    card.restart();
    for (const k7_fm_info &info : card.list())
        EXPECT_EQ(info.status, static_cast<std::uint32_t>(K7_FM_STATUS_ENABLED)) << std::hex << info.fm_id;
}

TEST(CardImage, FmsWithoutHandlerOrReply) {
    OperationalCard card;
    ASSERT_EQ(card.load_image(with_elf(fm_without_handler(0xa201).build()), signer().certificate()).status, K7_ST_OK);
    ASSERT_EQ(card.load_image(with_elf(fm_without_reply(0xa202).build()), signer().certificate()).status, K7_ST_OK);
    card.restart();
    EXPECT_EQ(card.call(0xa201, "x").status, K7_ST_FM_NO_HANDLER);
    EXPECT_EQ(card.call(0xa202, "x").status, K7_ST_FM_NO_REPLY);
    EXPECT_EQ(card.host.state(), static_cast<std::uint32_t>(K7_STATE_OPERATIONAL));
}

} // namespace
} // namespace k7::test
