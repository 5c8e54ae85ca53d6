// SPDX-License-Identifier: GPL-2.0-or-later
//
// The HSM SO and the policies. What wipes what is in aftermath_roles.cpp.
#include <filesystem>

#include "tests/unit/card_roles.hpp"
#include "tests/unit/store_query.hpp"

namespace k7::test {
namespace {

/// Is the HSM SO logged in on @p channel? Setting the policy that is there changes nothing.
bool logged_in(Ring &ring, std::uint32_t channel = 1) {
    return set_policy(ring, K7_POLICY_FAULT, K7_POLICY_FAULT_HALT, channel).status == K7_ST_OK;
}

bool has(CardHost &host, std::uint32_t flag) {
    return (host.card_state().security & flag) != 0;
}

TEST(CardRoles, AsDelivered) {
    AnyCard card(Properties{kAsDelivered});
    const k7_card_state state = card.host.card_state();
    EXPECT_EQ(state.security, K7_SECURITY_SMFS_AUTO);
    EXPECT_EQ(state.login_attempts, 0u);
    EXPECT_EQ(field_text(card.host.identity().label), "");
    EXPECT_EQ(login(card.ring, kPassword).status, K7_ST_NOT_INITIALISED);
    EXPECT_EQ(set_policy(card.ring, K7_POLICY_FM, 1).status, K7_ST_LOGIN_REQUIRED);
}

TEST(CardRoles, InitGivesLabelAndSo) {
    AnyCard card(Properties{kAsDelivered});
    EXPECT_EQ(init(card.ring, "mine", kPassword).status, K7_ST_OK);
    EXPECT_TRUE(has(card.host, K7_SECURITY_INITIALISED));
    EXPECT_EQ(field_text(card.host.identity().label), "mine");
    EXPECT_EQ(card.host.card_state().login_attempts, std::uint32_t{K7_LOGIN_ATTEMPTS});
    EXPECT_FALSE(logged_in(card.ring)) << "who initialises is not logged in";
    EXPECT_EQ(login(card.ring, kPassword).status, K7_ST_OK);
    EXPECT_TRUE(logged_in(card.ring));
}

TEST(CardRoles, InitRefusesBadLabelsAndPasswords) {
    AnyCard card(Properties{kAsDelivered});
    EXPECT_EQ(init(card.ring, "", kPassword).status, K7_ST_BAD_FIELD);
    EXPECT_EQ(init(card.ring, "tab\there", kPassword).status, K7_ST_BAD_FIELD);
    EXPECT_EQ(init(card.ring, std::string(32, 'x'), kPassword).status, K7_ST_BAD_FIELD);
    EXPECT_EQ(init(card.ring, "mine", "7 bytes").status, K7_ST_BAD_LENGTH);
    EXPECT_EQ(init(card.ring, "mine", std::string(256, 'x')).status, K7_ST_BAD_LENGTH);
    EXPECT_FALSE(has(card.host, K7_SECURITY_INITIALISED));
    EXPECT_EQ(init(card.ring, std::string(31, 'x'), std::string(255, 'x')).status, K7_ST_OK);
    EXPECT_EQ(login(card.ring, std::string(255, 'x')).status, K7_ST_OK);
}

TEST(CardRoles, InitOfAnInitialisedHsmNeedsItsSo) {
    OperationalCard card;
    EXPECT_EQ(init(card.ring, "mine", kOther).status, K7_ST_LOGIN_REQUIRED);
    EXPECT_EQ(field_text(card.host.identity().label), "virtual");
    login(card.ring, kPassword);
    EXPECT_EQ(init(card.ring, "mine", kOther).status, K7_ST_OK);
    EXPECT_FALSE(logged_in(card.ring));
    EXPECT_EQ(login(card.ring, kPassword).status, K7_ST_BAD_PASSWORD);
    EXPECT_EQ(login(card.ring, kOther).status, K7_ST_OK);
}

TEST(CardRoles, LoginIsOfAChannelAndDiesWithIt) {
    OperationalCard card;
    EXPECT_EQ(login(card.ring, kPassword, 1).status, K7_ST_OK);
    EXPECT_EQ(login(card.ring, kPassword, 2).status, K7_ST_OK);
    EXPECT_FALSE(logged_in(card.ring, 3));
    card.ring.command(K7_CMD_HSM_LOGOUT);
    EXPECT_FALSE(logged_in(card.ring, 1));
    EXPECT_TRUE(logged_in(card.ring, 2));
    k7_sqe close = card.ring.entry(K7_CMD_CHANNEL_CLOSE);
    close.channel = 2;
    card.ring.send(close);
    EXPECT_FALSE(logged_in(card.ring, 2));
}

TEST(CardRoles, LoginDiesWithAResetAndAHalt) {
    OperationalCard card;
    card.load("crashy");
    for (const auto &end : std::vector<std::function<void()>>{
             [&] { card.host.reset(K7CARD_RESET_FLR); },
             [&] { card.host.mailbox(K7_BOOT_START_FIRMWARE); },
             [&] {
                 card.crash(kCrashy, "crash");
                 card.host.mailbox(K7_BOOT_START_FIRMWARE);
             },
         }) {
        ASSERT_EQ(login(card.ring, kPassword).status, K7_ST_OK);
        ASSERT_TRUE(logged_in(card.ring));
        end();
        card.start();
        EXPECT_FALSE(logged_in(card.ring));
    }
}

TEST(CardRoles, WrongPasswordsAreCountedAndForgivenByARightOne) {
    OperationalCard card;
    for (int round = 0; round < 3; ++round) {
        EXPECT_EQ(login(card.ring, kWrong).status, K7_ST_BAD_PASSWORD);
        const CommandReply reply = login(card.ring, kWrong);
        EXPECT_EQ(reply.status, K7_ST_BAD_PASSWORD);
        EXPECT_NE(reply.text().find("1 attempt is left"), std::string::npos) << reply.text();
        EXPECT_EQ(card.host.card_state().login_attempts, 1u);
        EXPECT_EQ(login(card.ring, kPassword).status, K7_ST_OK);
        EXPECT_EQ(card.host.card_state().login_attempts, 3u);
    }
}

TEST(CardRoles, WrongPasswordEndsAnOlderLogin) {
    OperationalCard card;
    login(card.ring, kPassword);
    login(card.ring, kWrong);
    EXPECT_FALSE(logged_in(card.ring));
}

TEST(CardRoles, CountOutlivesThePower) {
    const TemporaryDirectory directory;
    const Properties properties{{"store", directory.file("store")}};
    for (int attempt = 0; attempt < K7_LOGIN_ATTEMPTS - 1; ++attempt) {
        OperationalCard card(properties);
        EXPECT_EQ(login(card.ring, kWrong).status, K7_ST_BAD_PASSWORD);
    }
    OperationalCard card(properties);
    EXPECT_EQ(card.host.card_state().login_attempts, 1u);
    EXPECT_EQ(login(card.ring, kWrong).status, K7_ST_ZEROIZED);
    EXPECT_FALSE(has(card.host, K7_SECURITY_INITIALISED));
}

TEST(CardRoles, NewPasswordCountsAtOnceAndForOthers) {
    OperationalCard card;
    EXPECT_EQ(card.ring.command(K7_CMD_HSM_PASSWORD, bytes_of(kOther)).status, K7_ST_LOGIN_REQUIRED);
    login(card.ring, kPassword, 1);
    login(card.ring, kPassword, 2);
    EXPECT_EQ(card.ring.command(K7_CMD_HSM_PASSWORD, bytes_of(kOther)).status, K7_ST_OK);
    EXPECT_TRUE(logged_in(card.ring, 1));
    EXPECT_FALSE(logged_in(card.ring, 2));
    EXPECT_EQ(login(card.ring, kPassword).status, K7_ST_BAD_PASSWORD);
    EXPECT_EQ(login(card.ring, kOther).status, K7_ST_OK);
}

TEST(CardRoles, BeforeInitOnlyWhatNeedsNoHsmWorks) {
    AnyCard card(Properties{kAsDelivered});
    EXPECT_EQ(card.host.state(), std::uint32_t{K7_STATE_PRE_INIT});
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
    EXPECT_EQ(card.ring.command(K7_CMD_GET_RANDOM, {}, 16).status, K7_ST_OK);
    for (const std::uint16_t opcode : {K7_CMD_FM_LIST, K7_CMD_FM_CALL, K7_CMD_FM_DELETE, K7_CMD_SMFS_INFO})
        EXPECT_EQ(card.ring.command(opcode).status, K7_ST_NOT_INITIALISED) << opcode;
    init(card.ring, "mine", kPassword);
    EXPECT_EQ(card.host.state(), std::uint32_t{K7_STATE_OPERATIONAL});
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LIST).status, K7_ST_OK) << "the ring was never disabled";
}

TEST(CardRoles, FmsAreTheSosToLoadAndDelete) {
    OperationalCard card;
    card.load("echo");
    card.ring.command(K7_CMD_HSM_LOGOUT);
    k7_fm_load load{};
    load.image_size = 1;
    const auto request = std::as_bytes(std::span(&load, 1));
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_BEGIN, request).status, K7_ST_LOGIN_REQUIRED);
    EXPECT_EQ(card.ring.command(K7_CMD_FM_DELETE, {}, kEcho).status, K7_ST_LOGIN_REQUIRED);
    EXPECT_EQ(card.ring.command(K7_CMD_SMFS_ACTIVATE).status, K7_ST_LOGIN_REQUIRED);
    EXPECT_EQ(card.fm_ids(), std::vector{kEcho});
}

// The kernel's upload has a channel of its own, which nobody else can log in on.
TEST(CardRoles, ASharedLoginLetsOthersLoadAndNothingElse) {
    OperationalCard card;
    k7_sqe shared = card.ring.entry(K7_CMD_HSM_LOGIN, bytes_of(kPassword));
    shared.channel = 7;
    shared.arg[0] = 2;
    EXPECT_EQ(card.ring.send(shared)->status, K7_ST_BAD_FIELD);
    shared.arg[0] = K7_LOGIN_SHARED;
    ASSERT_EQ(card.ring.send(shared)->status, K7_ST_OK);
    k7_fm_load load{};
    load.image_size = 1;
    const auto request = std::as_bytes(std::span(&load, 1));
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_BEGIN, request).status, K7_ST_OK);
    EXPECT_EQ(card.ring.command(K7_CMD_FM_DELETE, {}, kEcho).status, K7_ST_LOGIN_REQUIRED);
    EXPECT_FALSE(logged_in(card.ring));
    k7_sqe close = card.ring.entry(K7_CMD_CHANNEL_CLOSE);
    close.channel = 7;
    card.ring.send(close);
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_BEGIN, request).status, K7_ST_LOGIN_REQUIRED);
}

TEST(CardRoles, SharedLoginsEndFromAnyChannel) {
    OperationalCard card;
    const auto on = [&](std::uint32_t channel, std::uint16_t opcode, std::uint32_t flags, const Bytes &payload = {}) {
        k7_sqe entry = card.ring.entry(opcode, payload);
        entry.channel = channel;
        entry.arg[0] = flags;
        return *card.ring.send(entry);
    };
    ASSERT_EQ(on(7, K7_CMD_HSM_LOGIN, K7_LOGIN_SHARED, bytes_of(kPassword)).status, K7_ST_OK);
    ASSERT_EQ(on(8, K7_CMD_HSM_LOGIN, K7_LOGIN_SHARED, bytes_of(kPassword)).status, K7_ST_OK);
    ASSERT_EQ(on(9, K7_CMD_HSM_LOGIN, 0, bytes_of(kPassword)).status, K7_ST_OK);
    EXPECT_EQ(on(5, K7_CMD_HSM_LOGOUT, 2).status, K7_ST_BAD_FIELD);
    EXPECT_EQ(on(5, K7_CMD_HSM_LOGOUT, 0).result, 0u);
    EXPECT_TRUE(logged_in(card.ring, 7));
    EXPECT_EQ(on(5, K7_CMD_HSM_LOGOUT, K7_LOGOUT_SHARED).result, 2u);
    EXPECT_FALSE(logged_in(card.ring, 7));
    EXPECT_FALSE(logged_in(card.ring, 8));
    EXPECT_TRUE(logged_in(card.ring, 9)) << "it is shared with nobody";
}

TEST(CardRoles, ALoadNeedsTheLoginUntilItsEnd) {
    OperationalCard card;
    const Bytes image = image_of("echo");
    ASSERT_EQ(card.load_begin(image.size(), signer().certificate()).status, K7_ST_OK);
    ASSERT_EQ(card.load_data(image).status, K7_ST_OK);
    card.ring.command(K7_CMD_HSM_LOGOUT);
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_COMMIT).status, K7_ST_LOGIN_REQUIRED);
    EXPECT_TRUE(card.list().empty());
}

// ---- Policies -------------------------------------------------------------------------------------------------------

TEST(CardPolicies, AreListed) {
    OperationalCard card;
    const Bytes reply = card.ring.command(K7_CMD_POLICY_LIST).data;
    ASSERT_EQ(struct_of<k7_policy_list>(reply).count, 3u);
    const auto first = struct_of<k7_policy>(std::span(reply).subspan(sizeof(k7_policy_list)));
    EXPECT_EQ(first.number, std::uint32_t{K7_POLICY_FM});
    EXPECT_EQ(first.value, 1u);
    EXPECT_EQ(first.flags, K7_POLICY_DESTRUCTIVE);
}

TEST(CardPolicies, RefuseWhatIsNone) {
    OperationalCard card;
    EXPECT_EQ(set_policy(card.ring, K7_POLICY_FAULT, 1).status, K7_ST_LOGIN_REQUIRED);
    login(card.ring, kPassword);
    EXPECT_EQ(set_policy(card.ring, 49, 0).status, K7_ST_NOT_FOUND);
    EXPECT_EQ(set_policy(card.ring, K7_POLICY_FM, 2).status, K7_ST_BAD_FIELD);
    EXPECT_EQ(set_policy(card.ring, K7_POLICY_FAULT, K7_POLICY_FAULT_ISOLATE).status, K7_ST_OK);
    EXPECT_TRUE(has(card.host, K7_SECURITY_ISOLATE));
}

TEST(CardPolicies, ThatFmsWereAllowedStaysOnRecord) {
    AnyCard card(Properties{kAsDelivered});
    init(card.ring, "mine", kPassword);
    EXPECT_FALSE(has(card.host, K7_SECURITY_FMS_ALLOWED));
    EXPECT_FALSE(has(card.host, K7_SECURITY_FMS_WERE_ALLOWED));
    login(card.ring, kPassword);
    set_policy(card.ring, K7_POLICY_FM, 1);
    EXPECT_TRUE(has(card.host, K7_SECURITY_FMS_ALLOWED));
    set_policy(card.ring, K7_POLICY_FM, 0);
    EXPECT_FALSE(has(card.host, K7_SECURITY_FMS_ALLOWED));
    EXPECT_TRUE(has(card.host, K7_SECURITY_FMS_WERE_ALLOWED));
    for (const auto action : {K7_CMD_HSM_ZEROIZE, K7_CMD_HSM_FACTORY_RESET, K7_CMD_HSM_DECOMMISSION}) {
        EXPECT_EQ(card.ring.command(action).status, K7_ST_OK);
        EXPECT_TRUE(has(card.host, K7_SECURITY_FMS_WERE_ALLOWED));
    }
}

TEST(CardPolicies, NoFmIsLoadedUnlessAllowed) {
    AnyCard card(Properties{kAsDelivered});
    init(card.ring, "mine", kPassword);
    login(card.ring, kPassword);
    k7_fm_load load{};
    load.image_size = 1;
    const auto request = std::as_bytes(std::span(&load, 1));
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_BEGIN, request).status, K7_ST_FMS_NOT_ALLOWED);
    set_policy(card.ring, K7_POLICY_FM, 1);
    EXPECT_EQ(card.ring.command(K7_CMD_FM_LOAD_BEGIN, request).status, K7_ST_OK);
}

TEST(CardPolicies, WithoutAutoActivationTheSmfsWaitsForTheSo) {
    OperationalCard card;
    login(card.ring, kPassword);
    set_policy(card.ring, K7_POLICY_SMFS_AUTO_ACTIVATION, 0);
    card.load("vault");
    card.restart();
    EXPECT_EQ(card.host.card_state().smfs_state, std::uint32_t{K7_SMFS_INACTIVE});
    EXPECT_NE(card.call(kVault, "put pin 0815").text(), "stored pin");
    card.login();
    EXPECT_EQ(card.ring.command(K7_CMD_SMFS_ACTIVATE).status, K7_ST_OK);
    EXPECT_EQ(card.call(kVault, "put pin 0815").text(), "stored pin");
}

void isolate_faults(OperationalCard &card) {
    card.login();
    ASSERT_EQ(set_policy(card.ring, K7_POLICY_FAULT, K7_POLICY_FAULT_ISOLATE).status, K7_ST_OK);
}

TEST(CardPolicies, IsolationStopsTheFmAlone) {
    OperationalCard card;
    isolate_faults(card);
    card.load("crashy");
    card.load("echo");
    card.restart();
    const CommandReply reply = card.call(kCrashy, "crash");
    EXPECT_EQ(reply.status, K7_ST_FM_ISOLATED);
    EXPECT_NE(reply.text().find("FM a002 faulted at pc"), std::string::npos) << reply.text();
    EXPECT_NE(reply.text().find("fault report 1"), std::string::npos) << reply.text();
    EXPECT_EQ(card.host.state(), std::uint32_t{K7_STATE_OPERATIONAL});
    EXPECT_EQ(card.fault_report().fm_id, kCrashy);
    EXPECT_EQ(card.host.card_state().faults, 1u);
    EXPECT_EQ(card.call(kCrashy, "hello").status, K7_ST_FM_ISOLATED);
    EXPECT_EQ(card.call(kEcho, "hello").text(), "hello");
    EXPECT_EQ(card.list().back().status, std::uint32_t{K7_FM_STATUS_FAULTED});
    card.restart();
    EXPECT_EQ(card.call(kCrashy, "hello").text(), "hello from crashy 1.0") << "a restart starts it anew";
}

TEST(CardPolicies, IsolationOfAStartUpLeavesTheOthers) {
    OperationalCard card;
    isolate_faults(card);
    card.load("crashy-startup");
    card.load("echo");
    card.restart();
    EXPECT_EQ(card.call(kEcho, "hello").text(), "hello");
    EXPECT_EQ(card.call(kCrashy, "hello").status, K7_ST_FM_ISOLATED);
    EXPECT_EQ(card.remove(kCrashy).status, K7_ST_OK);
    EXPECT_EQ(card.fm_ids(), std::vector{kEcho});
}

// A full disk that is only seen when the report is to be written.
TEST(CardPolicies, IsolationNeedsNoRoomForTheReport) {
    const TemporaryDirectory directory;
    const Properties properties{{"store", directory.file("store")}, {"store-size", "1048576"}};
    {
        OperationalCard card(properties);
        isolate_faults(card);
        card.load("crashy");
        card.load("echo");
    }
    query_store(directory.file("store"), "CREATE TRIGGER full AFTER UPDATE ON fault_report BEGIN "
                                         "INSERT INTO fault_core VALUES (-1, 0, zeroblob(8000000)); END");
    OperationalCard card(properties);
    for (const char *request : {"crash", "hello"}) {
        const CommandReply reply = card.call(kCrashy, request);
        EXPECT_EQ(reply.status, K7_ST_FM_ISOLATED) << reply.text();
        EXPECT_NE(reply.text().find("no fault report: no room left"), std::string::npos) << reply.text();
    }
    EXPECT_EQ(card.list().back().status, std::uint32_t{K7_FM_STATUS_FAULTED});
    EXPECT_EQ(card.call(kEcho, "hello").text(), "hello");
    EXPECT_EQ(card.host.card_state().faults, 0u);
}

// Another FM can delete what one had open that faulted, or that failed to start.
TEST(CardPolicies, WhatIsStoppedHoldsNothing) {
    constexpr std::uint32_t kKeeper = 0xa0fd;
    constexpr std::uint32_t kHolder = 0xa0e4;
    OperationalCard card;
    isolate_faults(card);
    card.load("holder");
    card.load("keeper");
    card.restart();
    EXPECT_EQ(card.call(kKeeper, "del /shared/held").result, std::uint32_t{K7_FM_SMFS_BUSY});
    EXPECT_EQ(card.call(kHolder, "fault").status, K7_ST_FM_ISOLATED);
    EXPECT_EQ(card.call(kKeeper, "del /shared/held").result, std::uint32_t{K7_FM_SMFS_OK});
    EXPECT_EQ(card.call(kKeeper, "put /shared/fail yes").result, std::uint32_t{K7_FM_SMFS_OK});
    card.restart();
    EXPECT_EQ(card.call(kHolder, "x").status, K7_ST_FM_NOT_STARTED);
    EXPECT_EQ(card.call(kKeeper, "del /shared/held").result, std::uint32_t{K7_FM_SMFS_OK});
}

// ---- Provisioning ---------------------------------------------------------------------------------------------------

TEST(CardProvisioning, IsForNewStoresOnly) {
    const TemporaryDirectory directory;
    const Properties properties{{"store", directory.file("store")}, {"label", "lab"}};
    {
        OperationalCard card(properties);
        EXPECT_EQ(field_text(card.host.identity().label), "lab");
        EXPECT_TRUE(has(card.host, K7_SECURITY_FMS_ALLOWED));
        EXPECT_EQ(login(card.ring, kPassword).status, K7_ST_OK);
        card.ring.command(K7_CMD_HSM_ZEROIZE);
    }
    AnyCard card(properties);
    EXPECT_FALSE(has(card.host, K7_SECURITY_INITIALISED)) << "what was zeroized stays so";
}

TEST(CardProvisioning, RefusesBadProperties) {
    EXPECT_THROW(CardHost(Properties{{"so-password-file", "/no/such/file"}}), CreateError);
    EXPECT_THROW(CardHost(Properties{{"so-password-file", "/dev/null"}}), CreateError);
    EXPECT_THROW(CardHost(Properties{{"label", ""}}), CreateError);
    EXPECT_THROW(CardHost(Properties{{"label", std::string(32, 'x')}}), CreateError);
}

// Neither the password nor what is left of it after a wipe is in the store.
TEST(CardRoles, PasswordsAreNotInTheStore) {
    const TemporaryDirectory directory;
    const Properties properties{{"store", directory.file("store")}};
    {
        OperationalCard card(properties);
        login(card.ring, kPassword);
        card.ring.command(K7_CMD_HSM_PASSWORD, bytes_of(kOther));
    }
    const std::string store = text_of(read_file(directory.file("store")));
    EXPECT_EQ(store.find(kPassword), std::string::npos);
    EXPECT_EQ(store.find(kOther), std::string::npos);
}

} // namespace
} // namespace k7::test
