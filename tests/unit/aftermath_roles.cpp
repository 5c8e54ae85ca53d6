// SPDX-License-Identifier: GPL-2.0-or-later
//
// The table of docs/roles.md that says what wipes what: each row, each column, and each row once more with the power
// cut at each of its file operations.
#include <cstdlib>
#include <filesystem>

#include "tests/unit/aftermath_power_cut.hpp"
#include "tests/unit/card_roles.hpp"

namespace k7::test {
namespace {

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

// A login that the power cuts short has used up an attempt, which is no half wipe.
std::string without_attempts(const std::string &text) {
    const std::size_t from = text.find(", attempts ");
    return text.substr(0, from) + text.substr(text.find(", state "));
}

// Every login is stretched, which takes its time, and all rows go the same way through the store, which is cut at each
// of its operations by CardPowerCut: here every fourth will do, others in other rows. K7_EVERY_CUT in the environment
// asks for all of them.
int wipe_step() {
    return std::getenv("K7_EVERY_CUT") != nullptr ? 1 : 4 * kMomentStep;
}

int first_moment(const Row &row) {
    return 1 + static_cast<int>(std::string_view(row.name).size()) % wipe_step();
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
    for (int moment = first_moment(GetParam()); !done; moment += wipe_step()) {
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
    for (int moment = 1; !done; moment += kMomentStep) {
        std::filesystem::copy_file(directory.file("saved"), store, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::remove(store + "-journal");
        done = cut_at(moment, properties, [](OperationalCard &card) { login(card.ring, kPassword); });
        OperationalCard card(properties);
        const std::uint32_t attempts = card.host.card_state().login_attempts;
        ASSERT_TRUE(attempts == 3 || attempts == 2) << "cut at operation " << moment;
        cut_with_two_left += attempts == 2 ? 1 : 0;
        ASSERT_EQ(login(card.ring, kPassword).status, K7_ST_OK);
    }
    EXPECT_GE(cut_with_two_left, kMomentStep == 1 ? 1 : 0)
        << "the attempt is not counted before the password is looked at";
}

} // namespace
} // namespace k7::test
