// SPDX-License-Identifier: GPL-2.0-or-later
//
// The HSM SO, the policies, and the table of docs/roles.md that says what wipes what: each row, each column, and each
// row once more with the power cut at each of its file operations.
#include <filesystem>
#include <sys/wait.h>

#include "tests/unit/card_fixture.hpp"
#include "tests/unit/crash_vfs.hpp"

namespace k7::test {
namespace {

constexpr const char *kWrong = "not the password";
constexpr const char *kOther = "another password";

Bytes init_request(const std::string &label, std::string_view password) {
    k7_hsm_init init{};
    label.copy(init.label, sizeof(init.label));
    Bytes request(sizeof(init));
    std::memcpy(request.data(), &init, sizeof(init));
    const Bytes rest = bytes_of(password);
    request.insert(request.end(), rest.begin(), rest.end());
    return request;
}

CommandReply init(Ring &ring, const std::string &label, std::string_view password) {
    return ring.command(K7_CMD_HSM_INIT, init_request(label, password));
}

CommandReply login(Ring &ring, std::string_view password, std::uint32_t channel = 1) {
    k7_sqe entry = ring.entry(K7_CMD_HSM_LOGIN, bytes_of(password));
    entry.channel = channel;
    return *ring.send(entry);
}

CommandReply set_policy(Ring &ring, std::uint32_t number, std::uint32_t value, std::uint32_t channel = 1) {
    k7_sqe entry = ring.entry(K7_CMD_POLICY_SET, {}, number);
    entry.arg[1] = value;
    entry.channel = channel;
    return *ring.send(entry);
}

/// Is the HSM SO logged in on @p channel? Setting the policy that is there changes nothing.
bool logged_in(Ring &ring, std::uint32_t channel = 1) {
    return set_policy(ring, K7_POLICY_FAULT, K7_POLICY_FAULT_HALT, channel).status == K7_ST_OK;
}

bool has(CardHost &host, std::uint32_t flag) {
    return (host.card_state().security & flag) != 0;
}

/// A card with its ring, whether initialised or not.
struct AnyCard {
    explicit AnyCard(const Properties &properties = {}) : host(properties), ring(host, 0) { start(); }
    void start() {
        if (!eventually([&] { return firmware_runs(host); }) || ring.enable() != K7_RING_ENABLED)
            throw std::runtime_error("the card did not start");
    }
    CardHost host;
    Ring ring;
};

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

// ---- What wipes what ------------------------------------------------------------------------------------------------

/// A row of the table in docs/roles.md.
struct Row {
    const char *name;
    void (*prepare)(OperationalCard &card); ///< what comes before and wipes nothing
    void (*action)(OperationalCard &card);
    bool fms;
    bool smfs;
    bool role;
    bool policies;
    bool certificates;
};

void nothing(OperationalCard &) {}

void log_in(OperationalCard &card) {
    login(card.ring, kPassword);
}

void command(OperationalCard &card, std::uint16_t opcode) {
    card.ring.command(opcode);
}

const std::vector<Row> kRows{
    {"destructive_policy", nothing,
     [](OperationalCard &card) {
         log_in(card);
         set_policy(card.ring, K7_POLICY_SMFS_AUTO_ACTIVATION, 0);
     },
     true, true, false, false, false},
    {"harmless_policy", nothing,
     [](OperationalCard &card) {
         log_in(card);
         set_policy(card.ring, K7_POLICY_FAULT, K7_POLICY_FAULT_ISOLATE);
     },
     false, false, false, false, false},
    {"third_bad_login",
     [](OperationalCard &card) {
         login(card.ring, kWrong);
         login(card.ring, kWrong);
     },
     [](OperationalCard &card) { login(card.ring, kWrong); }, false, true, true, false, false},
    {"zeroize", nothing, [](OperationalCard &card) { command(card, K7_CMD_HSM_ZEROIZE); }, false, true, true, false,
     false},
    {"factory_reset", nothing, [](OperationalCard &card) { command(card, K7_CMD_HSM_FACTORY_RESET); }, true, true, true,
     true, true},
    {"decommission", nothing, [](OperationalCard &card) { command(card, K7_CMD_HSM_DECOMMISSION); }, true, true, true,
     true, true},
    {"init_again", nothing,
     [](OperationalCard &card) {
         log_in(card);
         init(card.ring, "again", kOther);
     },
     false, true, false, false, false},
    {"change_password", nothing,
     [](OperationalCard &card) {
         log_in(card);
         card.ring.command(K7_CMD_HSM_PASSWORD, bytes_of(kOther));
     },
     false, false, false, false, false},
    {"fmrecover_fm", nothing, [](OperationalCard &card) { card.host.mailbox(K7_BOOT_ERASE_FMS); }, true, false, false,
     false, false},
    {"fmrecover_smfs", nothing, [](OperationalCard &card) { card.host.mailbox(K7_BOOT_ERASE_SMFS); }, false, true,
     false, false, false},
};

class CardWipes : public testing::TestWithParam<Row> {
  protected:
    Properties properties() { return {{"store", directory_.file("store")}}; }

    /// A card with an FM, its certificate, and a secret in the SMFS.
    void prepare() {
        OperationalCard card(properties());
        card.load("vault");
        card.restart();
        ASSERT_EQ(card.call(kVault, "put pin 0815").text(), "stored pin");
        GetParam().prepare(card);
    }

    /// All that the boot loader, which works in every state, and the store tell of the card.
    std::string look() {
        AnyCard card(properties());
        const k7_card_state state = card.host.card_state();
        return std::to_string(state.fm_count) + " FMs, " + std::to_string(state.smfs_files) + " files, SMFS " +
               std::to_string(state.smfs_generation) + ", label '" + field_text(card.host.identity().label) +
               "', security " + std::to_string(state.security) + ", attempts " + std::to_string(state.login_attempts) +
               ", state " + std::to_string(card.host.state());
    }

    TemporaryDirectory directory_;
};

TEST_P(CardWipes, WhatTheTableSaysAndNothingElse) {
    const Row &row = GetParam();
    prepare();
    k7_card_state before{};
    k7_card_state after{};
    {
        OperationalCard card(properties());
        before = card.host.card_state();
        row.action(card);
        after = card.host.card_state();
    }
    ASSERT_EQ(before.fm_count, 1u);
    ASSERT_EQ(before.smfs_files, 1u);
    EXPECT_EQ(after.fm_count, row.fms ? 0u : 1u);
    EXPECT_EQ(after.smfs_files, row.smfs ? 0u : 1u);
    EXPECT_EQ(after.smfs_generation, before.smfs_generation + (row.smfs ? 1 : 0));
    EXPECT_EQ((after.security & K7_SECURITY_INITIALISED) == 0, row.role);
    EXPECT_EQ((after.security & K7_SECURITY_FMS_ALLOWED) == 0, row.policies);
    EXPECT_EQ(std::string(row.name) == "decommission", (after.security & K7_SECURITY_DECOMMISSIONED) != 0);
    AnyCard again(properties());
    EXPECT_EQ(again.host.card_state().security, after.security) << "and it stays so";
    EXPECT_EQ(again.host.state(), static_cast<std::uint32_t>(row.role ? K7_STATE_PRE_INIT : K7_STATE_OPERATIONAL));
    if (row.role) {
        EXPECT_EQ(init(again.ring, "new", kOther).status, K7_ST_OK);
    }
    const Bytes certificates = again.ring.command(K7_CMD_CERT_LIST).data;
    EXPECT_EQ(struct_of<k7_certificate_list>(certificates).count, row.certificates ? 0u : 1u);
}

// The FM that ran meanwhile has the secret in its memory, the firmware the key.
TEST_P(CardWipes, EndsInMemoryAtOnce) {
    const Row &row = GetParam();
    prepare();
    OperationalCard card(properties());
    row.action(card);
    if (!firmware_runs(card.host)) // erases of the boot loader stop the firmware
        return;
    const CommandReply reply = card.call(kVault, "get pin");
    if (row.fms || row.smfs)
        EXPECT_NE(reply.status, K7_ST_OK) << reply.text();
    else
        EXPECT_EQ(reply.text(), "0815");
}

/// Run the action in a process of its own that dies at its file operation number @p moment; 0: never.
/// @return true when it was done before that
bool cut_at(int moment, const Properties &properties, void (*action)(OperationalCard &card)) {
    const pid_t child = fork();
    if (child == 0) {
        try {
            plan_mishap(Mishap::Die, 0);
            OperationalCard card(properties);
            plan_mishap(Mishap::Die, moment);
            action(card);
            _exit(0);
        } catch (const std::exception &) {
            _exit(2);
        }
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0) << status;
    return WIFEXITED(status);
}

// A login that the power cuts short has used up an attempt, which is no half wipe.
std::string without_attempts(const std::string &text) {
    const std::size_t from = text.find(", attempts ");
    return text.substr(0, from) + text.substr(text.find(", state "));
}

TEST_P(CardWipes, IsWholeOrNothingAfterAPowerCut) {
    prepare();
    const std::string store = directory_.file("store");
    const std::string saved = directory_.file("saved");
    const std::string before = look();
    std::filesystem::copy_file(store, saved);
    ASSERT_TRUE(cut_at(0, properties(), GetParam().action));
    const std::string after = look();
    const bool changes = without_attempts(before) != without_attempts(after);
    bool done = false;
    for (int moment = 1; !done; ++moment) {
        std::filesystem::copy_file(saved, store, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::remove(store + "-journal");
        done = cut_at(moment, properties(), GetParam().action);
        const std::string now = without_attempts(look());
        ASSERT_TRUE(now == without_attempts(before) || now == without_attempts(after))
            << "cut at operation " << moment << ": " << now << "\nbefore: " << before << "\nafter: " << after;
        ASSERT_TRUE(!done || !changes || now == without_attempts(after));
    }
}

INSTANTIATE_TEST_SUITE_P(Rows, CardWipes, testing::ValuesIn(kRows),
                         [](const testing::TestParamInfo<Row> &row) { return std::string(row.param.name); });

// Nothing of the power supply helps to guess: whoever cuts the power after a wrong password has used up an attempt, and
// who has the right one has lost no more than that.
TEST(CardPowerCutOfLogin, CostsAnAttemptButNeverTheHsm) {
    const TemporaryDirectory directory;
    const std::string store = directory.file("store");
    const Properties properties{{"store", store}};
    { const OperationalCard card(properties); }
    std::filesystem::copy_file(store, directory.file("saved"));
    bool done = false;
    int cut_with_two_left = 0;
    for (int moment = 1; !done; ++moment) {
        std::filesystem::copy_file(directory.file("saved"), store, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::remove(store + "-journal");
        done = cut_at(moment, properties, [](OperationalCard &card) { login(card.ring, kPassword); });
        OperationalCard card(properties);
        const std::uint32_t attempts = card.host.card_state().login_attempts;
        ASSERT_TRUE(attempts == 3 || attempts == 2) << "cut at operation " << moment;
        cut_with_two_left += attempts == 2 ? 1 : 0;
        ASSERT_EQ(login(card.ring, kPassword).status, K7_ST_OK);
    }
    EXPECT_GE(cut_with_two_left, 1) << "the attempt is not counted before the password is looked at";
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
