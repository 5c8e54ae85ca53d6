// SPDX-License-Identifier: GPL-2.0-or-later
//
// The samples of real use, each with the rule that it is there to keep: across restarts too, and against power cuts at
// the moments that somebody would choose.
#include "tests/unit/card_fixture.hpp"

namespace k7::test {
namespace {

constexpr std::uint32_t kPin = 0xa003;
constexpr std::uint32_t kWallet = 0xa004;
constexpr std::uint32_t kTokens = 0xa005;

/// A card with one sample on it.
struct SampleCard : OperationalCard {
    SampleCard(const std::string &fm, std::uint32_t fm_id, const Properties &properties = {})
        : OperationalCard(properties), id(fm_id) {
        if (list().empty()) {
            load(fm);
            restart();
        }
    }
    std::uint32_t status(const std::string &request) { return call(id, request).result; }
    std::string text(const std::string &request) { return call(id, request).text(); }

    const std::uint32_t id;
};

// ---- pin ------------------------------------------------------------------------------------------------------------

TEST(SamplePin, ThreeWrongOnesBlockItUntilTheCodeComes) {
    SampleCard card("pin", kPin);
    EXPECT_EQ(card.status("verify 4711"), 4u) << "not set";
    EXPECT_EQ(card.status("set 471 unblock-me"), 2u) << "too short";
    EXPECT_EQ(card.status("set 4711 unblock-me"), 0u);
    EXPECT_EQ(card.status("set 0815 unblock-me"), 4u) << "only once";
    EXPECT_EQ(card.status("verify 4711"), 0u);
    EXPECT_EQ(card.text("verify 4712"), "no, tries left: 2, code: 3");
    EXPECT_EQ(card.status("verify 4711"), 0u);
    EXPECT_EQ(card.status("verify 0000"), 1u) << "a right one gives all tries back";
    EXPECT_EQ(card.status("verify 0001"), 1u);
    EXPECT_EQ(card.status("verify 0002"), 3u);
    EXPECT_EQ(card.status("verify 4711"), 3u) << "blocked";
    EXPECT_EQ(card.status("change 4711 1234"), 3u);
    EXPECT_EQ(card.status("unblock wrong-code 1234"), 1u);
    EXPECT_EQ(card.status("unblock unblock-me 1234"), 0u);
    EXPECT_EQ(card.status("verify 1234"), 0u);
    EXPECT_EQ(card.status("change 1234 longer-pin"), 0u);
    EXPECT_EQ(card.status("verify longer-pin"), 0u);
}

TEST(SamplePin, ARestartGivesNoTryBack) {
    const TemporaryDirectory directory;
    const Properties properties{{"store", directory.file("store")}};
    for (int round = 0; round < 3; ++round) {
        SampleCard card("pin", kPin, properties);
        if (round == 0) {
            EXPECT_EQ(card.status("set 4711 unblock-me"), 0u);
        }
        EXPECT_EQ(card.status("verify 0000"), round == 2 ? 3u : 1u);
    }
    SampleCard card("pin", kPin, properties);
    EXPECT_EQ(card.status("verify 4711"), 3u);
    EXPECT_EQ(card.text("status"), "right, tries left: 0, code: 3");
}

TEST(SamplePin, RequestsThatMakeNoSense) {
    SampleCard card("pin", kPin);
    for (const char *request : {"", " ", "verify", "verify 1 2", "frob", "set 12345678901234567 unblock-me"})
        EXPECT_NE(card.status(request), 0u) << request;
    EXPECT_EQ(card.status(std::string(1000, 'x')), 2u);
}

// ---- wallet ---------------------------------------------------------------------------------------------------------

TEST(SampleWallet, PaysOnlyUnderItsRule) {
    SampleCard card("wallet", kWallet);
    EXPECT_EQ(card.status("pay alice 1"), 5u) << "no wallet yet";
    EXPECT_EQ(card.status("init 1000 86400 alice bob"), 0u);
    EXPECT_EQ(card.status("init 9999 1 mallory"), 5u) << "the rule cannot be replaced";
    const std::string payment = card.text("pay alice 250");
    EXPECT_EQ(payment.substr(0, 16), "pay alice 250 1\n");
    EXPECT_EQ(payment.size(), 16u + 64u);
    EXPECT_EQ(card.status("pay mallory 1"), 4u);
    EXPECT_EQ(card.status("pay bob 751"), 3u);
    EXPECT_EQ(card.status("pay bob 4294967295"), 2u);
    EXPECT_EQ(card.status("pay bob -1"), 2u);
    EXPECT_EQ(card.status("pay bob 0"), 2u);
    EXPECT_EQ(card.text("pay bob 750").substr(0, 14), "pay bob 750 2\n");
    EXPECT_EQ(card.status("pay alice 1"), 3u);
    EXPECT_EQ(card.text("status"), "spent 1000 of 1000");
    EXPECT_EQ(card.call(kWallet, "public").data.size(), 91u) << "P-256";
}

TEST(SampleWallet, WhatWasSpentSurvivesARestart) {
    const TemporaryDirectory directory;
    const Properties properties{{"store", directory.file("store")}};
    Bytes public_key;
    {
        SampleCard card("wallet", kWallet, properties);
        EXPECT_EQ(card.status("init 100 86400 alice"), 0u);
        EXPECT_EQ(card.status("pay alice 60"), 0u);
        public_key = card.call(kWallet, "public").data;
    }
    SampleCard card("wallet", kWallet, properties);
    EXPECT_EQ(card.call(kWallet, "public").data, public_key);
    EXPECT_EQ(card.status("pay alice 41"), 3u);
    EXPECT_EQ(card.status("pay alice 40"), 0u);
}

// ---- tokens ---------------------------------------------------------------------------------------------------------

TEST(SampleTokens, IssuesABurstAndNoMore) {
    const TemporaryDirectory directory;
    const Properties properties{{"store", directory.file("store")}};
    std::string token;
    {
        SampleCard card("tokens", kTokens, properties);
        for (int i = 0; i < 5; ++i) {
            token = card.text("issue alice");
            EXPECT_EQ(token.substr(0, 6), "alice.");
        }
        EXPECT_EQ(card.status("issue bad.subject"), 2u);
    }
    SampleCard card("tokens", kTokens, properties);
    // A bucket that a minute has filled again meanwhile is no failure: the next one is then the last.
    if (card.status("issue alice") == 0) {
        EXPECT_EQ(card.status("issue alice"), 3u);
    }
    EXPECT_EQ(card.text("check " + token), "alice");
    std::string forged = token;
    forged[0] = 'b';
    EXPECT_EQ(card.status("check " + forged), 1u);
    forged = token;
    forged.back() = forged.back() == '0' ? '1' : '0';
    EXPECT_EQ(card.status("check " + forged), 1u);
    EXPECT_EQ(card.status("check alice"), 1u);
    EXPECT_EQ(card.call(kTokens, "public").data.size(), 44u) << "Ed25519";
}

} // namespace
} // namespace k7::test
