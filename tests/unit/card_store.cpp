// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the store keeps, whom it lets in, and what erasing leaves in the file.
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

#include "tests/unit/store_query.hpp"

namespace k7::test {
namespace {

class CardStore : public testing::Test {
  protected:
    [[nodiscard]] std::string path() const { return directory_.file("store"); }
    [[nodiscard]] Properties properties() const { return {{"store", path()}}; }

    std::string create_error(const Properties &given) {
        try {
            const CardHost host(given);
        } catch (const CreateError &error) {
            return error.what();
        }
        return "";
    }

    /// All of the store's files.
    Bytes file_bytes() {
        Bytes bytes = read_file(path());
        for (const char *suffix : {"-journal", "-wal", "-shm"})
            if (std::filesystem::exists(path() + suffix)) {
                const Bytes more = read_file(path() + suffix);
                bytes.insert(bytes.end(), more.begin(), more.end());
            }
        return bytes;
    }
    static bool contains(const Bytes &bytes, std::span<const std::byte> needle) {
        return memmem(bytes.data(), bytes.size(), needle.data(), needle.size()) != nullptr;
    }
    bool in_file(std::span<const std::byte> needle) { return contains(file_bytes(), needle); }

    /// As query_store().
    std::vector<Bytes> query(const std::string &sql) { return query_store(path(), sql); }

    TemporaryDirectory directory_;
};

TEST_F(CardStore, KeepsIdentityAndFms) {
    std::string esn;
    {
        OperationalCard card(properties());
        esn = card.host.get("esn").value();
        card.load("echo");
    }
    OperationalCard card(properties());
    EXPECT_EQ(card.host.get("esn"), esn);
    EXPECT_EQ(card.call(kEcho, "hello").text(), "hello") << "switching on starts what was loaded";
    struct stat status {};
    ASSERT_EQ(stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << "there is a key in it";
}

TEST_F(CardStore, EsnOfAnExistingStoreCannotBeChanged) {
    { const CardHost host(Properties{{"store", path()}, {"esn", "0123-4567-89AB"}}); }
    EXPECT_EQ(create_error({{"store", path()}, {"esn", "FFFF-FFFF-FFFF"}}),
              "store " + path() + " belongs to the card with ESN 0123-4567-89AB, not FFFF-FFFF-FFFF");
    EXPECT_EQ(create_error({{"store", path()}, {"esn", "0123-4567-89AB"}}), "");
}

TEST_F(CardStore, TwoCardsOnOneStoreAreRefused) {
    CardHost first(properties());
    EXPECT_EQ(create_error(properties()), "store " + path() + " is in use by another card");
    ASSERT_TRUE(first.wait_state(K7_STATE_OPERATIONAL));
    first.switch_off();
    EXPECT_EQ(create_error(properties()), "");
}

TEST_F(CardStore, ForeignFilesAreRefusedAndStayAsTheyAre) {
    const auto refused_unchanged = [&](const std::string &reason) {
        const Bytes before = read_file(path());
        const std::string error = create_error(properties());
        EXPECT_NE(error.find(reason), std::string::npos) << error;
        EXPECT_EQ(read_file(path()), before);
    };
    std::ofstream(path()) << std::string(5000, 'x');
    refused_unchanged("is not a card store");
    std::filesystem::remove(path());
    std::ofstream(path()).close();
    query("CREATE TABLE photos(id)");
    refused_unchanged("not a card store");
    query("PRAGMA application_id = 1261914195"); // as ours, but of another time
    query("PRAGMA user_version = 99");
    refused_unchanged("schema version 99");
    std::filesystem::remove(path());
    std::filesystem::create_directory(path());
    EXPECT_NE(create_error(properties()).find("cannot be opened"), std::string::npos);
}

TEST_F(CardStore, DamagedFilesAreRefused) {
    {
        OperationalCard card(properties());
        card.load("vault");
    }
    const auto size = std::filesystem::file_size(path());
    {
        std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(4096);
        file << std::string(static_cast<std::size_t>(size) - 4096, '\x5a');
    }
    const std::string error = create_error(properties());
    EXPECT_NE(error.find("store " + path()), std::string::npos) << error;
}

TEST_F(CardStore, FmThatHasRottedDoesNotRun) {
    {
        OperationalCard card(properties());
        card.load("echo");
        card.load("vault");
    }
    query("UPDATE fm SET elf = CAST(elf || x'00' AS BLOB) WHERE fm_id = 40960");
    OperationalCard card(properties());
    EXPECT_EQ(card.list()[0].startup, static_cast<std::uint32_t>(K7_FM_STARTUP_REFUSED));
    EXPECT_EQ(card.list()[0].status, static_cast<std::uint32_t>(K7_FM_STATUS_FAILED));
    EXPECT_EQ(card.call(kEcho, "hello").text(), "not started: an FM in the store differs from what was signed");
    EXPECT_EQ(card.list()[0].startup_value, static_cast<std::uint32_t>(K7_ST_IMAGE_SIGNATURE));
    EXPECT_EQ(card.call(kVault, "put pin 1").text(), "stored pin");
}

TEST_F(CardStore, FullStoreTakesNoMoreAndIsUnchanged) {
    OperationalCard card({{"store", path()}, {"store-size", "524288"}});
    card.load("vault");
    card.restart();
    card.call(kVault, "put pin 0815");
    CommandReply reply;
    int loaded = 0;
    for (const char *fm : {"echo", "crashy", "libc", "smfs", "hostile", "system", "stream", "faults", "big", "slow"}) {
        reply = card.load_image(image_of(fm), signer().certificate());
        if (reply.status != K7_ST_OK)
            break;
        ++loaded;
    }
    EXPECT_EQ(reply.status, K7_ST_STORE_FULL) << loaded;
    EXPECT_EQ(reply.text(), "no room left in the card's store");
    EXPECT_EQ(card.list().size(), static_cast<std::size_t>(loaded + 1));
    EXPECT_LE(std::filesystem::file_size(path()), 524288u);
    EXPECT_EQ(card.call(kVault, "get pin").text(), "0815");
    EXPECT_EQ(card.host.mailbox(K7_BOOT_ERASE_FMS).status, K7_ST_OK) << "erasing needs no room";
    card.host.mailbox(K7_BOOT_START_FIRMWARE);
    card.start();
    EXPECT_EQ(card.load_image(image_of("echo"), signer().certificate()).status, K7_ST_OK);
}

TEST_F(CardStore, FaultReportFitsIntoAFullStore) {
    OperationalCard card({{"store", path()}, {"store-size", "524288"}});
    card.load("crashy");
    card.restart();
    for (const char *fm : {"vault", "libc", "smfs", "hostile", "system", "stream", "faults", "big", "slow", "echo"})
        card.load_image(image_of(fm), signer().certificate());
    card.crash(kCrashy, "crash");
    EXPECT_EQ(card.fault_report().fm_id, kCrashy);
}

// ---- SMFS -----------------------------------------------------------------------------------------------------------

const std::string kSecret = "the quick brown secret of 2024 jumps";
const std::string kName = "marmalade-pin";

TEST_F(CardStore, SmfsIsKeptPerFmAndIsSealed) {
    {
        OperationalCard card(properties());
        card.load("vault");
        card.restart();
        EXPECT_EQ(card.call(kVault, "put " + kName + " " + kSecret).text(), "stored " + kName);
        const k7_card_state state = card.host.card_state();
        EXPECT_EQ(state.smfs_files, 1u);
        EXPECT_EQ(state.smfs_used, 260u);
        const auto info = struct_of<k7_smfs_info>(card.ring.command(K7_CMD_SMFS_INFO).data);
        EXPECT_EQ(info.state, static_cast<std::uint32_t>(K7_SMFS_ACTIVE));
        EXPECT_EQ(info.files, 1u);
        EXPECT_EQ(info.used, 260u);
        EXPECT_EQ(card.activate_smfs().status, K7_ST_OK);
        EXPECT_FALSE(in_file(bytes_of(kSecret))) << "never in the clear";
        EXPECT_FALSE(in_file(bytes_of(kName))) << "names neither";
    }
    EXPECT_FALSE(in_file(bytes_of(kSecret)));
    OperationalCard card(properties());
    EXPECT_EQ(card.call(kVault, "get " + kName).text(), kSecret);
}

TEST_F(CardStore, SmfsPiecesThatWereMovedAreRefused) {
    {
        OperationalCard card(properties());
        card.load("vault");
        card.restart();
        card.call(kVault, "put one " + kSecret);
        card.call(kVault, "put two other");
    }
    query("UPDATE smfs_block SET sealed = (SELECT sealed FROM smfs_block LIMIT 1)");
    OperationalCard card(properties());
    // Which block is everywhere now is chance: with the table's own the SMFS is active, and its files are damaged.
    EXPECT_EQ(card.call(kVault, "get two").text().find(kSecret), std::string::npos)
        << "not the first secret under the second name";
}

TEST_F(CardStore, ErasingTheSmfsLeavesNoTrace) {
    {
        OperationalCard card(properties());
        card.load("vault");
        card.restart();
        for (int i = 0; i < 20; ++i)
            card.call(kVault, "put " + kName + std::to_string(i) + " " + kSecret);
    }
    const std::vector<Bytes> key = query("SELECT key FROM smfs");
    std::vector<Bytes> sealed = query("SELECT sealed FROM smfs_block");
    const std::vector<Bytes> root = query("SELECT root FROM smfs");
    ASSERT_EQ(key.size(), 1u);
    ASSERT_EQ(key[0].size(), 32u);
    ASSERT_EQ(sealed.size(), 21u) << "20 files and the table of them";
    sealed.insert(sealed.end(), root.begin(), root.end());
    ASSERT_TRUE(in_file(key[0])) << "else this test would search for the wrong thing";
    OperationalCard card(properties());
    const std::uint32_t generation = card.host.card_state().smfs_generation;
    card.host.write(K7_REG_EVENT_STATUS, K7_EVENT_ALL);
    const auto size = std::filesystem::file_size(path());
    ASSERT_EQ(card.host.mailbox(K7_BOOT_ERASE_SMFS).status, K7_ST_OK);
    EXPECT_TRUE(card.host.read(K7_REG_EVENT_STATUS) & K7_EVENT_SMFS);
    EXPECT_LT(std::filesystem::file_size(path()), size) << "the file is rebuilt";
    const auto nothing_left = [&] {
        const Bytes file = file_bytes();
        EXPECT_FALSE(contains(file, std::span(key[0]).first(16)));
        EXPECT_FALSE(contains(file, std::span(key[0]).last(16)));
        for (const Bytes &piece : sealed)
            for (std::size_t at = 0; at + 16 <= piece.size(); at += 16)
                ASSERT_FALSE(contains(file, std::span(piece).subspan(at, 16)));
        EXPECT_FALSE(contains(file, bytes_of(kSecret)));
    };
    nothing_left();
    EXPECT_EQ(card.host.card_state().smfs_generation, generation + 1);
    EXPECT_EQ(card.host.card_state().smfs_files, 0u);
    EXPECT_EQ(card.host.card_state().smfs_used, 0u);
    card.host.mailbox(K7_BOOT_START_FIRMWARE);
    card.start();
    EXPECT_EQ(card.call(kVault, "get " + kName + "0").text(), "no such secret: " + kName + "0");
    EXPECT_EQ(card.call(kVault, "put new one").text(), "stored new");
    card.host.switch_off();
    nothing_left();
    EXPECT_EQ(query("SELECT key FROM smfs").size(), 1u);
}

TEST_F(CardStore, DeletedSmfsFileIsOverwritten) {
    {
        OperationalCard card(properties());
        card.load("vault");
        card.restart();
        card.call(kVault, "put one " + kSecret);
        card.call(kVault, "put two " + kSecret);
    }
    const std::vector<Bytes> before = query("SELECT sealed FROM smfs_block");
    ASSERT_EQ(before.size(), 3u);
    {
        OperationalCard card(properties());
        EXPECT_EQ(card.call(kVault, "del one").text(), "deleted one");
    }
    EXPECT_EQ(query("SELECT sealed FROM smfs_block").size(), 2u);
    const auto left = std::count_if(before.begin(), before.end(),
                                    [this](const Bytes &block) { return in_file(std::span(block).subspan(32, 64)); });
    EXPECT_EQ(left, 1) << "the other file's block; the deleted one and the old table are overwritten";
}

TEST_F(CardStore, ErasingTheFmsKeepsTheSmfsAndTheOtherWayRound) {
    OperationalCard card(properties());
    card.load("vault");
    card.restart();
    card.call(kVault, "put pin 0815");
    ASSERT_EQ(card.host.mailbox(K7_BOOT_ERASE_FMS).status, K7_ST_OK);
    EXPECT_EQ(card.host.state(), static_cast<std::uint32_t>(K7_STATE_BOOT));
    EXPECT_EQ(card.host.card_state().fm_count, 0u);
    EXPECT_EQ(card.host.card_state().smfs_files, 1u);
    card.host.mailbox(K7_BOOT_START_FIRMWARE);
    card.start();
    card.load("vault");
    card.restart();
    EXPECT_EQ(card.call(kVault, "get pin").text(), "0815");
    ASSERT_EQ(card.host.mailbox(K7_BOOT_ERASE_SMFS).status, K7_ST_OK);
    card.host.mailbox(K7_BOOT_START_FIRMWARE);
    card.start();
    EXPECT_EQ(card.fm_ids(), std::vector{kVault});
    EXPECT_EQ(card.call(kVault, "list").text(), "");
}

TEST_F(CardStore, CertificatesAreKeptWhenFmsAreErased) {
    OperationalCard card(properties());
    card.load("echo");
    card.host.mailbox(K7_BOOT_ERASE_FMS);
    card.host.mailbox(K7_BOOT_START_FIRMWARE);
    card.start();
    EXPECT_EQ(card.load_image(image_of("echo"), {}).status, K7_ST_OK);
}

} // namespace
} // namespace k7::test
