// SPDX-License-Identifier: GPL-2.0-or-later
//
// The SMFS: whose trees they are, what the store shows of them, and what is noticed when somebody changes the store.
#include <filesystem>
#include <sys/stat.h>

#include "tests/unit/card_smfs_fixture.hpp"

namespace k7::test {
namespace {

class CardSmfs : public SmfsTest {};

// ---- Whose trees ----------------------------------------------------------------------------------------------------

TEST_F(CardSmfs, TreeIsOfTheFmAndOfItsSigner) {
    OperationalCard card(properties());
    load_keeper(card, kKeeper, first_signer());
    card.restart();
    EXPECT_EQ(card.call(kKeeper, "put /pin 0815").result, 0u);
    load_keeper(card, kKeeper, other_signer());
    card.restart();
    EXPECT_EQ(card.call(kKeeper, "get /pin").result, kNotFound) << "the same ID, but another signer";
    EXPECT_EQ(card.call(kKeeper, "ls /").text(), "");
    EXPECT_EQ(card.call(kKeeper, "put /pin 4711").result, 0u);
    load_keeper(card, kKeeper, first_signer());
    card.restart();
    EXPECT_EQ(card.call(kKeeper, "get /pin").text(), "0815") << "the first one's comes back with its signer";
    EXPECT_EQ(card.host.card_state().smfs_files, 2u);
}

TEST_F(CardSmfs, CertificateOfTheSameKeyIsTheSameSigner) {
    OperationalCard card(properties());
    CertificateOptions renewed;
    renewed.common_name = "first, renewed";
    renewed.serial = 2;
    const Signer old_certificate;
    const Signer new_certificate(old_certificate, renewed);
    load_keeper(card, kKeeper, old_certificate);
    card.restart();
    EXPECT_EQ(card.call(kKeeper, "put /pin 0815").result, 0u);
    load_keeper(card, kKeeper, new_certificate);
    card.restart();
    EXPECT_EQ(card.call(kKeeper, "get /pin").text(), "0815");
}

TEST_F(CardSmfs, SharedTreeIsOfTheSigner) {
    OperationalCard card(properties());
    load_keeper(card, kKeeper, first_signer());
    load_keeper(card, kKeeper + 1, first_signer());
    load_keeper(card, kKeeper + 2, other_signer());
    card.restart();
    EXPECT_EQ(card.call(kKeeper, "put /shared/pin 0815").result, 0u);
    EXPECT_EQ(card.call(kKeeper, "put /own 1").result, 0u);
    EXPECT_EQ(card.call(kKeeper + 1, "get /shared/pin").text(), "0815");
    EXPECT_EQ(card.call(kKeeper + 1, "get /own").result, kNotFound);
    EXPECT_EQ(card.call(kKeeper + 1, "ls /shared").text(), "pin\n");
    EXPECT_EQ(card.call(kKeeper + 2, "get /shared/pin").result, kNotFound);
    EXPECT_EQ(card.call(kKeeper + 2, "ls /shared").text(), "");
}

TEST_F(CardSmfs, SharedDirectoryCannotBeMadeHiddenOrRemoved) {
    OperationalCard card(properties());
    load_keeper(card, kKeeper, first_signer());
    card.restart();
    EXPECT_EQ(card.call(kKeeper, "dir /shared").result, kExist);
    EXPECT_EQ(card.call(kKeeper, "put /shared x").result, kFileType);
    EXPECT_EQ(card.call(kKeeper, "del /shared").result, kAccess);
    EXPECT_EQ(card.call(kKeeper, "mv /shared other").result, kAccess);
    EXPECT_EQ(card.call(kKeeper, "put /other x").result, 0u);
    EXPECT_EQ(card.call(kKeeper, "mv /other shared").result, kExist);
    EXPECT_EQ(card.call(kKeeper, "put /sharedness x").result, 0u) << "only the whole name is special";
    EXPECT_EQ(card.call(kKeeper, "ls /").text(), "other\nsharedness\n");
}

TEST_F(CardSmfs, FileThatAnotherFmHasOpenIsBusy) {
    OperationalCard card(properties());
    load_keeper(card, kKeeper, first_signer());
    load_keeper(card, kKeeper + 1, first_signer());
    card.restart();
    EXPECT_EQ(card.call(kKeeper, "put /shared/pin 0815").result, 0u);
    EXPECT_EQ(card.call(kKeeper, "open /shared/pin").result, 0u);
    EXPECT_EQ(card.call(kKeeper + 1, "del /shared/pin").result, kBusy);
    EXPECT_EQ(card.remove(kKeeper).status, K7_ST_OK);
    EXPECT_EQ(card.call(kKeeper + 1, "del /shared/pin").result, 0u) << "the FM that had it open is gone";
}

TEST_F(CardSmfs, ErasingTheFmsLeavesAllTrees) {
    OperationalCard card(properties());
    const auto load_all = [&card] {
        load_keeper(card, kKeeper, first_signer());
        load_keeper(card, kKeeper + 1, other_signer());
        card.restart();
    };
    load_all();
    card.call(kKeeper, "put /pin 0815");
    card.call(kKeeper, "put /shared/pin 1234");
    card.call(kKeeper + 1, "put /pin 4711");
    ASSERT_EQ(card.host.mailbox(K7_BOOT_ERASE_FMS).status, K7_ST_OK);
    card.host.mailbox(K7_BOOT_START_FIRMWARE);
    card.start();
    load_all();
    EXPECT_EQ(card.call(kKeeper, "get /pin").text(), "0815");
    EXPECT_EQ(card.call(kKeeper, "get /shared/pin").text(), "1234");
    EXPECT_EQ(card.call(kKeeper + 1, "get /pin").text(), "4711");
}

TEST_F(CardSmfs, OneFmCannotTakeAllTheSpace) {
    OperationalCard card({{"store", store()}, {"smfs-quota", "10000"}});
    load_keeper(card, kKeeper, first_signer());
    load_keeper(card, kKeeper + 1, first_signer());
    card.restart();
    EXPECT_EQ(card.call(kKeeper, "free /").text(), "10000");
    EXPECT_EQ(card.call(kKeeper, "new /a 10001").result, kMemory);
    EXPECT_EQ(card.call(kKeeper, "new /a 9000").result, 0u);
    EXPECT_EQ(card.call(kKeeper, "free /").text(), "1000");
    EXPECT_EQ(card.call(kKeeper, "new /b 1001").result, kMemory);
    EXPECT_EQ(card.call(kKeeper + 1, "new /a 10000").result, 0u) << "the other FM has its own share";
    EXPECT_EQ(card.call(kKeeper, "del /a").result, 0u);
    EXPECT_EQ(card.call(kKeeper, "free /").text(), "10000");
    EXPECT_EQ(struct_of<k7_smfs_info>(card.ring.command(K7_CMD_SMFS_INFO).data).quota, 10000u);
}

TEST_F(CardSmfs, OneSignerLeavesAsMuchToOthers) {
    OperationalCard card({{"store", store()}, {"smfs-quota", "4194304"}});
    load_keeper(card, kKeeper, first_signer());
    load_keeper(card, kKeeper + 1, other_signer());
    card.restart();
    const auto fill = [&card](const std::string &directory) {
        unsigned made = 0;
        while (made < 2000 && card.call(kKeeper, "dir " + directory + std::to_string(made)).result == 0)
            ++made;
        return made;
    };
    EXPECT_EQ(card.call(kKeeper, "new /shared/half 2097152").result, 0u);
    EXPECT_EQ(card.call(kKeeper, "new /more 1").result, kMemory) << "its own tree counts with the shared one";
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(card.call(kKeeper, "dir /shared/" + std::to_string(i)).result, 0u);
    EXPECT_EQ(fill("/"), 512u - 101u);
    EXPECT_EQ(card.call(kKeeper + 1, "free /").text(), "1048576");
    EXPECT_EQ(card.call(kKeeper + 1, "new /pin 1048576").result, 0u);
    const k7_fm_info first = card.list().at(0);
    EXPECT_EQ(first.smfs_nodes, 512u - 101u);
    EXPECT_EQ(first.smfs_used, 0u) << "what is shared is nobody's own";
    EXPECT_EQ(card.list().at(1).smfs_used, 1048576u);
}

// ---- What the store shows -------------------------------------------------------------------------------------------

TEST_F(CardSmfs, StoreShowsNeitherNamesNorNumbersNorSizes) {
    {
        OperationalCard card(properties());
        load_keeper(card, kKeeper, first_signer());
        card.restart();
        card.call(kKeeper, "dir /marmalade");
        card.call(kKeeper, "put /marmalade/jar quincequincequince");
        card.call(kKeeper, "new /marmalade/barrel 5000");
        card.call(kKeeper, "new /void 0");
    }
    const auto blocks = query("SELECT sealed FROM smfs_block");
    ASSERT_EQ(blocks.size(), 4u) << "one for all names, one and two for the contents: as one file of 12 KiB";
    for (const Bytes &block : blocks)
        EXPECT_EQ(block.size(), blocks[0].size());
    for (const char *text : {"marmalade", "jar", "barrel", "void", "quince"})
        EXPECT_FALSE(in_store(bytes_of(text))) << text;
}

// ---- Somebody changes the store -------------------------------------------------------------------------------------

TEST_F(CardSmfs, BlocksThatWereSwappedAreNoticed) {
    write_two_files(properties());
    query("CREATE TEMP TABLE swap AS SELECT a.id AS one, b.sealed AS sealed FROM smfs_block a JOIN smfs_block b ON "
          "a.id != b.id",
          "UPDATE smfs_block SET sealed = (SELECT sealed FROM swap WHERE one = smfs_block.id LIMIT 1)");
    OperationalCard card(properties());
    EXPECT_EQ(card.host.card_state().smfs_state, static_cast<std::uint32_t>(K7_SMFS_DAMAGED)) << "the table is one";
    EXPECT_EQ(card.call(kKeeper, "get /one").result, kNotInited);
}

TEST_F(CardSmfs, OldBlockOfAFileIsNoticedAndTheOthersStayInUse) {
    write_two_files(properties());
    const std::vector<Bytes> before = query("SELECT id || ':' || hex(sealed) FROM smfs_block");
    {
        OperationalCard card(properties());
        EXPECT_EQ(card.call(kKeeper, "put /one NEW").result, 0u);
    }
    // All that was rewritten is the file's block and the table's; put each back by itself.
    std::string restored;
    for (const Bytes &row : before) {
        const std::string text = text_of(row);
        const std::string id = text.substr(0, text.find(':'));
        const std::string sealed = text.substr(text.find(':') + 1);
        if (text_of(query("SELECT hex(sealed) FROM smfs_block WHERE id = " + id).at(0)) == sealed)
            continue;
        const Bytes newest = read_file(store());
        query("UPDATE smfs_block SET sealed = x'" + sealed + "' WHERE id = " + id);
        restored += outcome_of_old_block();
        write_file(store(), newest);
    }
    EXPECT_TRUE(restored == "file table " || restored == "table file ") << restored;
}

TEST_F(CardSmfs, OldRootIsNoticed) {
    write_two_files(properties());
    const std::string root = "x'" + text_of(query("SELECT hex(root) FROM smfs").at(0)) + "'";
    {
        OperationalCard card(properties());
        EXPECT_EQ(card.call(kKeeper, "put /one NEW").result, 0u);
    }
    query("UPDATE smfs SET root = " + root);
    OperationalCard card(properties());
    EXPECT_EQ(card.host.card_state().smfs_state, static_cast<std::uint32_t>(K7_SMFS_DAMAGED));
    EXPECT_NE(card.activate_smfs().text().find("of another time"), std::string::npos);
}

TEST_F(CardSmfs, StrayBlocksAreFound) {
    write_two_files(properties());
    {
        OperationalCard card(properties());
        const auto check = struct_of<k7_smfs_check>(card.ring.command(K7_CMD_SMFS_CHECK).data);
        EXPECT_EQ(check.found, 0u);
        EXPECT_EQ(check.files, 2u);
        EXPECT_EQ(check.blocks, 3u);
    }
    query("INSERT INTO smfs_block SELECT id + 1, sealed FROM smfs_block LIMIT 1");
    OperationalCard card(properties());
    const CommandReply reply = card.ring.command(K7_CMD_SMFS_CHECK);
    EXPECT_EQ(struct_of<k7_smfs_check>(reply.data).found, 1u);
    EXPECT_EQ(finding(reply, 0).kind, static_cast<std::uint32_t>(K7_SMFS_FINDING_STRAY));
}

TEST_F(CardSmfs, DamageLeavesAWayOut) {
    write_two_files(properties());
    query("UPDATE smfs SET root = x'00'");
    OperationalCard card(properties());
    EXPECT_EQ(card.host.card_state().smfs_state, static_cast<std::uint32_t>(K7_SMFS_DAMAGED));
    const CommandReply check = card.ring.command(K7_CMD_SMFS_CHECK);
    EXPECT_EQ(finding(check, 0).kind, static_cast<std::uint32_t>(K7_SMFS_FINDING_ALL));
    EXPECT_NE(field_text(struct_of<k7_smfs_check>(check.data).reason).find("fmrecover --smfs"), std::string::npos);
    ASSERT_EQ(card.host.mailbox(K7_BOOT_ERASE_SMFS).status, K7_ST_OK);
    card.host.mailbox(K7_BOOT_START_FIRMWARE);
    card.start();
    EXPECT_EQ(card.host.card_state().smfs_state, static_cast<std::uint32_t>(K7_SMFS_ACTIVE));
    EXPECT_EQ(card.call(kKeeper, "put /one 1").result, 0u);
}

// ---- The counter outside of the store -------------------------------------------------------------------------------

TEST_F(CardSmfs, OldCopyOfTheStoreIsNoticed) {
    const Properties counted{{"store", store()}, {"counter", file("counter")}};
    write_two_files(counted);
    const Bytes old = read_file(store());
    {
        OperationalCard card(counted);
        card.call(kKeeper, "put /one NEW");
        card.call(kKeeper, "put /one NEWER");
    }
    const Bytes newest = read_file(store());
    write_file(store(), old);
    {
        OperationalCard card(counted);
        EXPECT_EQ(card.host.card_state().smfs_state, static_cast<std::uint32_t>(K7_SMFS_DAMAGED));
        EXPECT_EQ(card.call(kKeeper, "get /one").result, kNotInited);
        const std::string why = card.activate_smfs().text();
        EXPECT_EQ(why.find("an old copy of the store was put back"), 0u) << why;
    }
    write_file(store(), newest);
    {
        OperationalCard card(counted);
        EXPECT_EQ(card.call(kKeeper, "get /one").text(), "NEWER secret") << "the newest copy is welcome";
    }
    write_file(store(), old);
    OperationalCard card(counted);
    ASSERT_EQ(card.host.mailbox(K7_BOOT_ERASE_SMFS).status, K7_ST_OK);
    card.restart();
    EXPECT_EQ(card.call(kKeeper, "put /one 1").result, 0u) << "erasing is the other way out";
}

TEST_F(CardSmfs, PowerCutBetweenStoreAndCounterIsNoOldCopy) {
    const Properties counted{{"store", store()}, {"counter", file("counter")}};
    write_two_files(counted);
    const Bytes counter = read_file(file("counter"));
    {
        OperationalCard card(counted);
        card.call(kKeeper, "put /one NEW");
    }
    write_file(file("counter"), counter); // as if the last write of it had not come
    {
        OperationalCard card(counted);
        EXPECT_EQ(card.call(kKeeper, "get /one").text(), "NEWst secret");
    }
    OperationalCard card(counted);
    EXPECT_EQ(card.call(kKeeper, "get /one").text(), "NEWst secret") << "and the counter has caught up";
}

TEST_F(CardSmfs, CopyOfBeforeAnEraseIsNoticed) {
    const Properties counted{{"store", store()}, {"counter", file("counter")}};
    write_two_files(counted);
    const Bytes old = read_file(store());
    {
        OperationalCard card(counted);
        card.host.mailbox(K7_BOOT_ERASE_SMFS);
    }
    write_file(store(), old);
    OperationalCard card(counted);
    EXPECT_EQ(card.host.card_state().smfs_state, static_cast<std::uint32_t>(K7_SMFS_DAMAGED));
    EXPECT_EQ(card.call(kKeeper, "get /one").result, kNotInited);
}

TEST_F(CardSmfs, CounterOfAnotherCardOrTimeIsNoticed) {
    const Properties counted{{"store", store()}, {"counter", file("counter")}};
    write_two_files(counted);
    const Bytes old = read_file(file("counter"));
    {
        OperationalCard card(counted);
        card.call(kKeeper, "put /one NEW");
        card.call(kKeeper, "put /one NEWER");
    }
    const Bytes newest = read_file(file("counter"));
    write_file(file("counter"), old);
    {
        OperationalCard card(counted);
        const std::string why = card.activate_smfs().text();
        EXPECT_NE(why.find("is of an older time"), std::string::npos) << why;
    }
    write_file(file("counter"), newest);
    EXPECT_NE(create_error({{"store", file("another")}, {"counter", file("counter")}}).find("of another card than"),
              std::string::npos);
}

// ---- The key outside of the store -----------------------------------------------------------------------------------

TEST_F(CardSmfs, StoreWithoutItsRootKeyIsUseless) {
    const Properties keyed{{"store", store()}, {"root-key", file("key")}};
    write_two_files(keyed);
    struct stat status {};
    ASSERT_EQ(stat(file("key").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_FALSE(in_store(read_file(file("key"))));
    EXPECT_EQ(query("SELECT key FROM smfs").at(0).size(), 60u) << "the SMFS's key is sealed itself";
    EXPECT_NE(create_error(properties()).find("start the card with root-key=FILE"), std::string::npos);
    EXPECT_NE(create_error({{"store", store()}, {"root-key", file("missing")}}).find("put it back"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(file("missing"))) << "a new key would not help";
    write_file(file("wrong"), Bytes(32, std::byte{7}));
    std::filesystem::permissions(file("wrong"), std::filesystem::perms(0600));
    EXPECT_NE(create_error({{"store", store()}, {"root-key", file("wrong")}}).find("another root key than"),
              std::string::npos);
    OperationalCard card(keyed);
    EXPECT_EQ(card.call(kKeeper, "get /one").text(), "first secret");
    const auto info = struct_of<k7_smfs_info>(card.ring.command(K7_CMD_SMFS_INFO).data);
    EXPECT_EQ(info.flags, static_cast<std::uint32_t>(K7_SMFS_HAS_ROOT_KEY));
}

TEST_F(CardSmfs, RootKeyThatOthersCanReadIsRefused) {
    const Properties keyed{{"store", store()}, {"root-key", file("key")}};
    write_two_files(keyed);
    for (const unsigned mode : {0640u, 0604u, 0660u}) {
        std::filesystem::permissions(file("key"), std::filesystem::perms(mode));
        EXPECT_NE(create_error(keyed).find("chmod 600 " + file("key")), std::string::npos) << std::oct << mode;
    }
    std::filesystem::permissions(file("key"), std::filesystem::perms(0600));
    EXPECT_EQ(create_error(keyed), "");
    write_file(file("key"), Bytes(31, std::byte{7}));
    EXPECT_NE(create_error(keyed).find("31 bytes instead of 32"), std::string::npos);
}

TEST_F(CardSmfs, RootKeyCanBeGivenAndIsForOneKindOfStore) {
    const std::string hex(64, 'a');
    const Properties given{{"store", store()}, {"root-key-hex", hex}};
    write_two_files(given);
    EXPECT_NE(create_error({{"store", store()}, {"root-key-hex", std::string(64, 'b')}}).find("another root key"),
              std::string::npos);
    const std::string error = create_error({{"store", store()}, {"root-key-hex", "secret"}});
    EXPECT_EQ(error, "property root-key-hex: must be 64 hex digits") << "and does not repeat the secret";
    OperationalCard card(given);
    EXPECT_EQ(card.call(kKeeper, "get /two").text(), "second secret");
    EXPECT_FALSE(card.host.get("root-key-hex")) << "write only";
    { const CardHost plain(Properties{{"store", file("plain")}}); }
    EXPECT_NE(create_error({{"store", file("plain")}, {"root-key", file("key2")}}).find("made without a root key"),
              std::string::npos);
}

TEST_F(CardSmfs, FmThatWasPutIntoTheStoreGetsNoTree) {
    const Properties keyed{{"store", store()}, {"root-key", file("key")}};
    write_two_files(keyed);
    const std::string signer = "x'" + text_of(query("SELECT hex(signer) FROM fm").at(0)) + "'";
    {
        OperationalCard card(keyed);
        load_keeper(card, kKeeper, other_signer());
    }
    query("UPDATE fm SET signer = " + signer);
    OperationalCard card(keyed);
    EXPECT_EQ(card.list().at(0).startup_value, static_cast<std::uint32_t>(K7_ST_IMAGE_SIGNATURE));
    EXPECT_EQ(card.call(kKeeper, "get /one").status, K7_ST_FM_NOT_STARTED);
}

TEST_F(CardSmfs, ErasingUnderARootKeyTakesANewKey) {
    const Properties keyed{{"store", store()}, {"root-key", file("key")}};
    write_two_files(keyed);
    const Bytes wrapped = query("SELECT key FROM smfs").at(0);
    OperationalCard card(keyed);
    ASSERT_EQ(card.host.mailbox(K7_BOOT_ERASE_SMFS).status, K7_ST_OK);
    EXPECT_FALSE(in_store(std::span(wrapped).first(16)));
    EXPECT_FALSE(in_store(std::span(wrapped).last(16)));
    card.restart();
    EXPECT_EQ(card.call(kKeeper, "ls /").text(), "");
}

} // namespace
} // namespace k7::test
