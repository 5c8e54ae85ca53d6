// SPDX-License-Identifier: GPL-2.0-or-later
//
// The services of cryptography, asked by the FM tests/fm/crypto.c: its own checks against known answers, and what only
// the host can see: OpenSSL's opinion of a signature, what survives a restart, who does the work.
#include <memory>
#include <thread>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tests/unit/card_fixture.hpp"

namespace k7::test {
namespace {

constexpr std::uint32_t kCrypto = 0xa0e0;

void expect_ok(const CommandReply &reply) {
    EXPECT_EQ(reply.status, K7_ST_OK) << reply.text();
    EXPECT_EQ(reply.result, 0u) << reply.text();
    EXPECT_EQ(reply.text().substr(0, 3), "ok ") << reply.text();
}

const unsigned char *raw(const Bytes &bytes) {
    return reinterpret_cast<const unsigned char *>(bytes.data());
}

/// Whether @p signature, r and s of 32 bytes, is the owner of @p public_key's over @p text with SHA-256.
bool verifies(const Bytes &public_key, const std::string &text, const Bytes &signature) {
    const unsigned char *at = raw(public_key);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        d2i_PUBKEY(nullptr, &at, static_cast<long>(public_key.size())), EVP_PKEY_free);
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> parts(ECDSA_SIG_new(), ECDSA_SIG_free);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    if (!key || signature.size() != 64 ||
        ECDSA_SIG_set0(parts.get(), BN_bin2bn(raw(signature), 32, nullptr),
                       BN_bin2bn(raw(signature) + 32, 32, nullptr)) != 1)
        return false;
    unsigned char *der = nullptr;
    const int size = i2d_ECDSA_SIG(parts.get(), &der);
    const bool good = EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
                      EVP_DigestVerify(context.get(), der, static_cast<std::size_t>(size),
                                       reinterpret_cast<const unsigned char *>(text.data()), text.size()) == 1;
    OPENSSL_free(der);
    return good;
}

TEST(CardCrypto, ServicesGiveKnownAnswersAndRefuseTheRest) {
    OperationalCard card;
    card.load("crypto");
    card.restart();
    expect_ok(card.call(kCrypto, "self"));
    expect_ok(card.call(kCrypto, "self")); // nothing is left over from the first time
    EXPECT_EQ(card.host.card_state().smfs_files, 0u);
}

TEST(CardCrypto, RsaKeysSignAndDecrypt) {
    OperationalCard card;
    card.load("crypto");
    card.restart();
    for (const char *bits : {"2048", "3072", "4096"})
        expect_ok(card.call(kCrypto, std::string("rsa ") + bits));
}

TEST(CardCrypto, WorkWithKeysIsLeftToTheFirmwaresThread) {
    OperationalCard card;
    card.load("crypto");
    card.restart();
    std::atomic<bool> other{false};
    card.host.on_dma = [&other, me = std::this_thread::get_id()] {
        if (std::this_thread::get_id() != me)
            other = true;
    };
    for (int i = 0; i < 20; ++i) {
        other = false;
        const CommandReply reply = card.call(kCrypto, "sign without a key");
        EXPECT_EQ(reply.result, static_cast<std::uint32_t>(K7_FM_SMFS_NOT_FOUND));
        EXPECT_TRUE(other);
    }
    card.host.on_dma = nullptr;
}

TEST(CardCrypto, KeyObjectsSurvivePowerButNotTheErasureOfTheSmfs) {
    const TemporaryDirectory directory;
    const Properties properties{{"store", directory.file("store")}};
    Bytes public_key;
    {
        OperationalCard card(properties);
        card.load("crypto");
        card.restart();
        const CommandReply kept = card.call(kCrypto, "keep");
        ASSERT_EQ(kept.result, 0u);
        public_key = kept.data;
        EXPECT_TRUE(verifies(public_key, "before", card.call(kCrypto, "sign before").data));
        EXPECT_EQ(card.call(kCrypto, "keep").result, static_cast<std::uint32_t>(K7_FM_SMFS_EXIST));
    }
    OperationalCard card(properties);
    const Bytes signature = card.call(kCrypto, "sign after").data;
    EXPECT_TRUE(verifies(public_key, "after", signature));
    EXPECT_FALSE(verifies(public_key, "aftre", signature));
    ASSERT_EQ(card.host.mailbox(K7_BOOT_ERASE_SMFS).status, K7_ST_OK);
    card.restart();
    EXPECT_EQ(card.call(kCrypto, "sign after").result, static_cast<std::uint32_t>(K7_FM_SMFS_NOT_FOUND));
}

TEST(CardCrypto, TooMuchOfItInOneCallCountsAsHung) {
    OperationalCard card;
    card.load("crypto");
    card.restart();
    card.crash(kCrypto, "overwork");
    EXPECT_EQ(card.fault_report().cause, static_cast<std::uint32_t>(K7_FAULT_BUDGET));
}

// Making the key is 250,000 of it, importing it twice 142,000: its primes are tested.
TEST(CardCrypto, AnImportCostsWhatItTakes) {
    constexpr std::uint32_t kCosts = 0xa0e5;
    OperationalCard card(Properties{{"fm-work", "400000"}});
    card.load("costs");
    card.restart();
    card.crash(kCosts, "5 2048");
    EXPECT_EQ(card.fault_report().cause, static_cast<std::uint32_t>(K7_FAULT_BUDGET));
}

TEST(CardCrypto, FmsMayBeCPlusPlus) {
    OperationalCard card;
    card.load("cplusplus");
    card.restart();
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(card.call(0xa0e1, "shapes").text(), "area 31 3 3 1");
}

} // namespace
} // namespace k7::test
