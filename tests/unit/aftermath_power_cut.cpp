// SPDX-License-Identifier: GPL-2.0-or-later
//
// Power cuts: each change of the store is interrupted at each of its file operations, by killing the process inside
// it, half of a write done. Whatever the moment, the card comes back with the state before or the state after.
#include <filesystem>
#include <sys/wait.h>

#include "tests/unit/aftermath_power_cut.hpp"
#include "tests/unit/card_smfs_fixture.hpp"
#include "tests/unit/small_fm.hpp"

namespace k7::test {
namespace {

/// One kind of change and what can be seen of it.
struct Scenario {
    const char *name;
    void (*prepare)(OperationalCard &card);
    void (*change)(OperationalCard &card);
    std::string (*look)(OperationalCard &card); ///< the state, as a text that differs before and after
};

std::string fms_and_secret(OperationalCard &card) {
    std::string text;
    for (const k7_fm_info &fm : card.list())
        text += field_text(fm.product) + (fm.fm_version == 0x0100 ? " " : "-new ");
    return text + card.call(kVault, "get pin").text();
}

void put_vault(OperationalCard &card) {
    card.load("vault");
    card.restart();
    card.call(kVault, "put pin " + std::string(200, 'o'));
}

void erase(OperationalCard &card, std::uint32_t opcode) {
    card.host.mailbox(opcode);
    card.host.mailbox(K7_BOOT_START_FIRMWARE);
    card.start();
}

constexpr std::uint32_t kSmall = 0xa200;

CommandReply load_small(OperationalCard &card, const fm::test::ElfBuilder &fm, std::uint32_t flags = 0) {
    return card.load_image(signer().sign(fm_content(fm.build())), signer().certificate(), {}, flags);
}

/// What the card lists and what it runs: an FM that is half there would fail its fingerprint at the start.
std::string fms_running(OperationalCard &card) {
    std::string text;
    for (const k7_fm_info &info : card.list())
        text += std::to_string(info.fm_id) + ":" + std::to_string(info.fm_version) + ":" +
                (info.status == K7_FM_STATUS_ENABLED ? "runs " : "waits ");
    return text + std::to_string(struct_of<k7_certificate_list>(card.ring.command(K7_CMD_CERT_LIST).data).count);
}

// ---- SMFS -----------------------------------------------------------------------------------------------------------

void put_keeper(OperationalCard &card) {
    load_keeper(card, kKeeper, signer());
    card.restart();
    card.call(kKeeper, "dir /keys");
    card.call(kKeeper, "put /keys/old " + std::string(5000, 'o'));
    card.call(kKeeper, "put /keys/stays safe");
}

/// All that the FM sees, and whether every block of it is well.
std::string whole_tree(OperationalCard &card) {
    const auto check = struct_of<k7_smfs_check>(card.ring.command(K7_CMD_SMFS_CHECK).data);
    std::string text = check.state == K7_SMFS_ACTIVE && check.found == 0 ? "well:" : "DAMAGED:";
    for (const char *request : {"ls /", "ls /keys", "get /keys/old", "get /keys/new", "get /keys/stays"})
        text += " " + card.call(kKeeper, request).text();
    return text;
}

const std::vector<Scenario> kScenarios{
    {"smfs_create", put_keeper, [](OperationalCard &card) { card.call(kKeeper, "new /keys/new 9000"); }, whole_tree},
    {"smfs_create_directory", put_keeper, [](OperationalCard &card) { card.call(kKeeper, "dir /more"); }, whole_tree},
    {"smfs_write_blocks", put_keeper,
     [](OperationalCard &card) { card.call(kKeeper, "put /keys/old " + std::string(5000, 'n')); }, whole_tree},
    {"smfs_rename", put_keeper, [](OperationalCard &card) { card.call(kKeeper, "mv /keys/old new"); }, whole_tree},
    {"smfs_delete_blocks", put_keeper, [](OperationalCard &card) { card.call(kKeeper, "del /keys/old"); }, whole_tree},
    {"smfs_activate", put_keeper,
     [](OperationalCard &card) {
         card.restart();
         card.activate_smfs();
         card.call(kKeeper, "put /keys/stays seen");
     },
     whole_tree},
    {"load", put_vault, [](OperationalCard &card) { card.load("echo"); }, fms_and_secret},
    {"replace", [](OperationalCard &card) { load_small(card, fm_without_handler(kSmall)); },
     [](OperationalCard &card) { load_small(card, fm_without_reply(kSmall)); },
     [](OperationalCard &card) { return card.call(kSmall, "").text(); }},
    {"replace_by_a_higher_version",
     [](OperationalCard &card) {
         load_small(card, fm_of_version(kSmall, 0x0100));
         load_small(card, fm_of_version(kSmall + 1, 0x0100));
     },
     [](OperationalCard &card) { load_small(card, fm_of_version(kSmall, 0x0200)); }, fms_running},
    {"replace_by_a_lower_version", [](OperationalCard &card) { load_small(card, fm_of_version(kSmall, 0x0200)); },
     [](OperationalCard &card) { load_small(card, fm_of_version(kSmall, 0x0100), K7_FM_LOAD_ALLOW_DOWNGRADE); },
     fms_running},
    {"load_with_a_new_certificate", [](OperationalCard &card) { load_small(card, fm_of_version(kSmall, 0x0100)); },
     [](OperationalCard &card) {
         const Signer other(CertificateOptions{.common_name = "other signer"});
         card.load_image(other.sign(fm_content(fm_of_version(kSmall, 0x0200).build())), other.certificate());
     },
     fms_running},
    {"delete_one_of_two",
     [](OperationalCard &card) {
         load_small(card, fm_of_version(kSmall, 0x0100));
         load_small(card, fm_of_version(kSmall + 1, 0x0100));
     },
     [](OperationalCard &card) { card.remove(kSmall); }, fms_running},
    {"delete",
     [](OperationalCard &card) {
         put_vault(card);
         card.load("echo");
     },
     [](OperationalCard &card) { card.remove(kEcho); }, fms_and_secret},
    {"erase_fms",
     [](OperationalCard &card) {
         load_small(card, fm_without_handler(kSmall));
         load_small(card, fm_without_handler(kSmall + 1));
     },
     [](OperationalCard &card) { erase(card, K7_BOOT_ERASE_FMS); },
     [](OperationalCard &card) { return std::to_string(card.list().size()); }},
    {"erase_smfs",
     [](OperationalCard &card) {
         put_vault(card);
         card.call(kVault, "put other secret");
     },
     [](OperationalCard &card) { erase(card, K7_BOOT_ERASE_SMFS); },
     [](OperationalCard &card) { return card.call(kVault, "list").text() + fms_and_secret(card); }},
    {"smfs_write", put_vault, [](OperationalCard &card) { card.call(kVault, "put pin " + std::string(200, 'n')); },
     fms_and_secret},
    {"smfs_delete", put_vault, [](OperationalCard &card) { card.call(kVault, "del pin"); }, fms_and_secret},
    {"fault", [](OperationalCard &card) { card.load("crashy"); },
     [](OperationalCard &card) {
         card.restart();
         card.crash(kCrashy, "crash");
     },
     [](OperationalCard &card) {
         return std::to_string(card.host.read(K7_REG_FAULT_SEQUENCE)) + " " + field_text(card.fault_report().symbol);
     }},
};

class CardPowerCut : public testing::TestWithParam<Scenario> {
  protected:
    // With a counter file, so that each moment also shows that a power cut is not taken for an old copy.
    Properties properties() { return {{"store", directory_.file("store")}, {"counter", directory_.file("counter")}}; }

    std::string look() {
        OperationalCard card(properties());
        return GetParam().look(card);
    }

    bool change_until(int moment) { return cut_at(moment, properties(), GetParam().change); }

    void save() {
        for (const char *name : {"store", "counter"})
            std::filesystem::copy_file(directory_.file(name), directory_.file(name + std::string("-saved")));
    }
    void restore() {
        for (const char *name : {"store", "counter"})
            std::filesystem::copy_file(directory_.file(name + std::string("-saved")), directory_.file(name),
                                       std::filesystem::copy_options::overwrite_existing);
        std::filesystem::remove(directory_.file("store-journal"));
    }

    TemporaryDirectory directory_;
};

TEST_P(CardPowerCut, LeavesTheOldOrTheNewState) {
    {
        OperationalCard card(properties());
        GetParam().prepare(card);
    }
    const std::string before = look();
    save();
    ASSERT_TRUE(change_until(0));
    const std::string after = look();
    ASSERT_NE(before, after);
    int seen_before = 0;
    int seen_after = 0;
    for (int moment = 1;; moment += kMomentStep) {
        restore();
        const bool done = change_until(moment);
        const std::string now = look();
        ASSERT_TRUE(now == before || now == after) << "cut at operation " << moment << ": " << now;
        now == before ? ++seen_before : ++seen_after;
        if (done)
            break;
    }
    EXPECT_GE(seen_before, kMomentStep == 1 ? 2 : 1) << "too few moments: is the change really interrupted?";
    EXPECT_GE(seen_after, 1);
}

std::string scenario_name(const testing::TestParamInfo<Scenario> &scenario) {
    return scenario.param.name;
}
INSTANTIATE_TEST_SUITE_P(Changes, CardPowerCut, testing::ValuesIn(kScenarios), scenario_name);

// A refused image touches no file, so no cut can catch it half done. (The login before it does.)
TEST(CardPowerCutOfRefusal, LowerVersionLeavesTheStoreAlone) {
    const TemporaryDirectory directory;
    EXPECT_TRUE(done_in_child([&directory] {
        plan_mishap(Mishap::Die, 0);
        OperationalCard card(Properties{{"store", directory.file("store")}});
        load_small(card, fm_of_version(kSmall, 0x0200));
        card.login();
        const Bytes before = read_file(directory.file("store"));
        const int changes = changes_so_far();
        EXPECT_EQ(load_small(card, fm_of_version(kSmall, 0x0100)).status, K7_ST_IMAGE_OLDER);
        EXPECT_EQ(changes_so_far(), changes);
        EXPECT_EQ(read_file(directory.file("store")), before);
    }));
}

// From the moment on at which the new key is committed, the old one is in no file, also not in the journal that made
// the change safe. A journal is still needed when it begins with SQLite's magic.
TEST(CardPowerCutOfErase, OldKeyIsGoneWithTheCommit) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("store");
    const std::string journal = path + "-journal";
    const Properties properties{{"store", path}};
    {
        OperationalCard card(properties);
        put_vault(card);
    }
    const Bytes saved = read_file(path);
    const Bytes key = query_store(path, "SELECT key FROM smfs").at(0);
    const auto contains = [&key](const Bytes &bytes) {
        return std::search(bytes.begin(), bytes.end(), key.begin(), key.end()) != bytes.end();
    };
    ASSERT_TRUE(contains(saved));
    int committed = 0;
    bool done = false;
    for (int moment = 1; !done; moment += kMomentStep) {
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char *>(saved.data()), static_cast<std::streamsize>(saved.size()));
        std::filesystem::remove(journal);
        done = cut_at(moment, properties, [](OperationalCard &card) { card.host.mailbox(K7_BOOT_ERASE_SMFS); });
        const Bytes undo = std::filesystem::exists(journal) ? read_file(journal) : Bytes();
        const bool undo_needed = !undo.empty() && undo.front() == std::byte{0xd9};
        if (contains(read_file(path)) || (undo_needed && contains(undo)))
            continue; // not committed yet
        ++committed;
        ASSERT_FALSE(contains(undo)) << "cut at operation " << moment;
    }
    EXPECT_GE(committed, kMomentStep == 1 ? 4 : 1);
}

TEST(CardPowerCutAtBirth, NewStoreIsWholeOrMadeAgain) {
    const TemporaryDirectory directory;
    const Properties properties{{"store", directory.file("store")}};
    bool done = false;
    int moments = 0;
    for (int moment = 1; !done; moment += kMomentStep, ++moments) {
        std::filesystem::remove(directory.file("store"));
        std::filesystem::remove(directory.file("store-journal"));
        done = done_in_child([&] {
            plan_mishap(Mishap::Die, moment);
            const OperationalCard card(properties);
        });
        OperationalCard card(properties);
        ASSERT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK) << "cut at operation " << moment;
    }
    EXPECT_GE(moments, kMomentStep == 1 ? 6 : 1);
}

// ---- A store that cannot be written any more ------------------------------------------------------------------------

/// A card with the FM vault, whose store fails from now on.
void with_failing_store(void (*body)(OperationalCard &card)) {
    EXPECT_TRUE(done_in_child([body] {
        const TemporaryDirectory directory;
        plan_mishap(Mishap::Fail, 0);
        OperationalCard card(Properties{{"store", directory.file("store")}});
        card.load("vault");
        card.restart();
        card.login(); // which is committed, too
        plan_mishap(Mishap::Fail, 1);
        body(card);
    }));
}

TEST(CardStoreError, FailsTheCard) {
    with_failing_store([](OperationalCard &card) {
        const CommandReply reply = card.load_image(image_of("echo"), signer().certificate());
        EXPECT_EQ(reply.status, K7_ST_STORE_ERROR) << reply.text();
        EXPECT_TRUE(card.host.wait_state(K7_STATE_FAILED));
        EXPECT_EQ(card.host.reason(), static_cast<std::uint32_t>(K7_REASON_STORE));
        EXPECT_EQ(card.host.mailbox(K7_BOOT_IDENTIFY).status, K7_ST_OK);
        plan_mishap(Mishap::Fail, 0);
        card.restart();
        EXPECT_EQ(card.fm_ids(), std::vector{kVault});
    });
}

TEST(CardStoreError, OfAnFmAndOfTheBootLoader) {
    with_failing_store([](OperationalCard &card) {
        EXPECT_EQ(card.call(kVault, "put pin 0815").status, K7_ST_STORE_ERROR);
        EXPECT_TRUE(card.host.wait_state(K7_STATE_FAILED));
        plan_mishap(Mishap::Fail, 0);
        card.restart();
        plan_mishap(Mishap::Fail, 1);
        EXPECT_EQ(card.host.mailbox(K7_BOOT_ERASE_SMFS).status, K7_ST_STORE_ERROR);
        EXPECT_TRUE(card.host.wait_state(K7_STATE_FAILED));
        plan_mishap(Mishap::Fail, 0);
        card.restart();
        EXPECT_EQ(card.call(kVault, "put pin 0815").text(), "stored pin");
    });
}

} // namespace
} // namespace k7::test
