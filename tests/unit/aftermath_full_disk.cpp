// SPDX-License-Identifier: GPL-2.0-or-later
//
// A full disk: it must neither keep anyone from erasing, nor let an erase that failed spoil what it did not erase, nor
// give anyone more attempts at the password.
#include <filesystem>

#include "tests/unit/aftermath_power_cut.hpp"
#include "tests/unit/card_roles.hpp"
#include "tests/unit/card_smfs_fixture.hpp"

namespace k7::test {
namespace {

class CardFullDisk : public SmfsTest {
  protected:
    [[nodiscard]] std::string reserve() const { return store() + "-reserve"; }

    /// A card with /one, /two and something big in its SMFS, and one FM.
    void prepare() {
        write_two_files(properties());
        OperationalCard card(properties());
        EXPECT_EQ(card.call(kKeeper, "new /big 200000").result, 0u);
    }

    /// No byte is left on the disk, and nobody can give any back.
    void fill_wholly() {
        std::filesystem::remove(reserve());
        plan_full_disk(0);
    }

    /// @p body in a process of its own, whose files are on a disk that can be full.
    template <class Body>
    void in_child(Body &&body) {
        EXPECT_TRUE(done_in_child([&] {
            plan_mishap(Mishap::Fail, 0);
            plan_full_disk(-1);
            body();
        }));
    }
};

struct Erase {
    const char *name;
    long room; ///< what is left on the disk
    void (*prepare)(OperationalCard &card);
    void (*action)(OperationalCard &card);
    bool fms;
    bool smfs;
};

void nothing(OperationalCard &) {}

void lose_two_attempts(OperationalCard &card) {
    login(card.ring, kWrong);
    login(card.ring, kWrong);
}

constexpr long kToCountAnAttempt = 24 * 1024;

const std::vector<Erase> kErases{
    {"zeroize", 0, nothing,
     [](OperationalCard &card) { EXPECT_EQ(card.ring.command(K7_CMD_HSM_ZEROIZE).status, K7_ST_OK); }, false, true},
    {"factory_reset", 0, nothing,
     [](OperationalCard &card) { EXPECT_EQ(card.ring.command(K7_CMD_HSM_FACTORY_RESET).status, K7_ST_OK); }, true,
     true},
    {"fmrecover_fm", 0, nothing,
     [](OperationalCard &card) { EXPECT_EQ(card.host.mailbox(K7_BOOT_ERASE_FMS).status, K7_ST_OK); }, true, false},
    {"fmrecover_smfs", 0, nothing,
     [](OperationalCard &card) { EXPECT_EQ(card.host.mailbox(K7_BOOT_ERASE_SMFS).status, K7_ST_OK); }, false, true},
    {"third_bad_login", kToCountAnAttempt, lose_two_attempts,
     [](OperationalCard &card) { EXPECT_EQ(login(card.ring, kWrong).status, K7_ST_ZEROIZED); }, false, true},
};

class CardErasesOnFullDisk : public CardFullDisk, public testing::WithParamInterface<Erase> {};

// The bytes that are left are those of the reserve: enough to erase, maybe not enough to rebuild the file.
TEST_P(CardErasesOnFullDisk, DestroysTheKeyAndRemovesTheTracesLater) {
    const Erase &erase = GetParam();
    prepare();
    const Bytes key = query("SELECT key FROM smfs").at(0);
    const Bytes block = query("SELECT substr(sealed, 1, 32) FROM smfs_block").at(0);
    const Bytes fm = query("SELECT fingerprint FROM fm").at(0);
    in_child([&] {
        OperationalCard card(properties());
        erase.prepare(card);
        std::filesystem::resize_file(reserve(), 64 * 1024); // less than the file has, so it is not rebuilt
        plan_full_disk(erase.room, reserve());
        erase.action(card);
        const bool stays = !erase.fms || !erase.smfs; // then rebuilding the file takes more than there is
        EXPECT_EQ(card.host.logged(K7CARD_LOG_WARNING), stays ? 1u : 0u) << "traces are left, and nobody is told";
        plan_full_disk(-1);
    });
    EXPECT_EQ(in_store(key), !erase.smfs) << "the key goes first";
    {
        AnyCard card(properties());
        EXPECT_EQ(card.host.card_state().fm_count, erase.fms ? 0u : 1u);
        EXPECT_EQ(card.host.card_state().smfs_files, erase.smfs ? 0u : 3u);
        EXPECT_TRUE(std::filesystem::exists(reserve())) << "the reserve is there again";
    }
    EXPECT_EQ(in_store(block), !erase.smfs);
    EXPECT_EQ(in_store(fm), !erase.fms);
}

INSTANTIATE_TEST_SUITE_P(Rows, CardErasesOnFullDisk, testing::ValuesIn(kErases),
                         [](const testing::TestParamInfo<Erase> &erase) { return std::string(erase.param.name); });

TEST_F(CardFullDisk, EraseThatFailsChangesNothing) {
    prepare();
    in_child([&] {
        OperationalCard card(properties());
        fill_wholly();
        for (const std::uint16_t opcode : {K7_CMD_HSM_ZEROIZE, K7_CMD_HSM_FACTORY_RESET}) {
            const CommandReply reply = card.ring.command(opcode);
            EXPECT_EQ(reply.status, K7_ST_STORE_FULL) << reply.text();
        }
        EXPECT_EQ(card.call(kKeeper, "get /one").text(), "first secret");
        plan_full_disk(-1);
        EXPECT_EQ(card.call(kKeeper, "put /two second better").result, 0u);
    });
    OperationalCard card(properties());
    EXPECT_EQ(struct_of<k7_smfs_check>(card.ring.command(K7_CMD_SMFS_CHECK).data).found, 0u);
    EXPECT_EQ(card.call(kKeeper, "get /one").text(), "first secret");
    EXPECT_EQ(card.call(kKeeper, "get /two").text(), "second better");
}

TEST_F(CardFullDisk, GivesNoFurtherAttempts) {
    prepare();
    in_child([&] {
        OperationalCard card(properties());
        lose_two_attempts(card);
        std::filesystem::remove(reserve());
        plan_full_disk(kToCountAnAttempt);
        EXPECT_EQ(login(card.ring, kWrong).status, K7_ST_STORE_ERROR);
        EXPECT_TRUE(card.host.wait_state(K7_STATE_FAILED));
        card.host.mailbox(K7_BOOT_RESET);
        EXPECT_TRUE(card.host.wait_state(K7_STATE_FAILED)) << "nor after a reset";
        plan_full_disk(-1);
    });
    AnyCard card(properties());
    EXPECT_EQ(card.host.state(), static_cast<std::uint32_t>(K7_STATE_PRE_INIT)) << "with room again it is zeroized";
    EXPECT_EQ(card.host.card_state().smfs_files, 0u);
}

// Not even the attempt can be counted: then the password is not looked at.
TEST_F(CardFullDisk, LooksAtNoPasswordThatIsNotCounted) {
    prepare();
    in_child([&] {
        OperationalCard card(properties());
        fill_wholly();
        for (const std::string_view password : {std::string_view(kWrong), kPassword}) {
            const CommandReply reply = login(card.ring, password);
            EXPECT_EQ(reply.status, K7_ST_STORE_FULL) << reply.text();
        }
        plan_full_disk(-1);
        EXPECT_EQ(login(card.ring, kPassword).status, K7_ST_OK);
    });
}

} // namespace
} // namespace k7::test
