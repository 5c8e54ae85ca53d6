// SPDX-License-Identifier: GPL-2.0-or-later
//
// The whole card through libhsm, in this process: the same calls as over the driver.
#include <atomic>
#include <chrono>
#include <thread>

#include "hsm/symbols.hpp"
#include "hsm_support.hpp"
#include "k7/fault_report.h"
#include "k7/status.h"

namespace hsm::test {
namespace {

using std::chrono::milliseconds;

Card open_card() {
    Card card = Card::open(std::string("sim:,esn=0123-4567-89AB") + kProvisioned);
    card.login(as_bytes(kPassword));
    return card;
}

FmInfo load(Card &card, const std::string &name) {
    const Bytes image = signed_fm(name);
    card.login(as_bytes(kPassword));
    return card.load_fm({image, certificate_der(signer().certificate_pem), {}});
}

void load_and_restart(Card &card, const std::string &name) {
    load(card, name);
    ASSERT_EQ(card.reset(ResetKind::firmware).state, CardState::operational);
}

std::string call(Card &card, std::uint32_t id, const std::string &request) {
    return std::string(as_text(card.call_fm({id}, as_bytes(request)).payload));
}

TEST(HsmCard, SaysWhoItIs) {
    const Card card = open_card();
    EXPECT_EQ(card.identity().esn, "0123-4567-89AB");
    EXPECT_EQ(card.info().esn, "0123-4567-89AB");
    EXPECT_TRUE(card.identity().has_fm);
    EXPECT_EQ(card.status().state, CardState::operational);
    EXPECT_EQ(card.trouble(), "");
    EXPECT_EQ(card.fault_report(), std::nullopt);
    EXPECT_TRUE(card.fms().empty());
    EXPECT_TRUE(card.certificates().empty());
}

TEST(HsmCard, RandomBytesDiffer) {
    const Card card = open_card();
    EXPECT_NE(card.random(32), card.random(32));
    EXPECT_EQ(card.random(65536).size(), 65536u);
    EXPECT_EQ(error_of([&] { (void)card.random(0); }).kind(), ErrorKind::usage);
}

TEST(HsmCard, LowerVersionsAreRefusedWithTheRemedy) {
    Card card = open_card();
    load(card, "crashy-fixed");
    const Error error = error_of([&] { load(card, "crashy"); });
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_EQ(error.card_status(), K7_ST_IMAGE_OLDER);
    EXPECT_TRUE(contains(error.message(), "version 1.02, the image has version 1.00")) << error.what();
    EXPECT_TRUE(contains(error.hint(), "--allow-downgrade")) << error.what();
    EXPECT_EQ(card.fms().at(0).version, 0x0102);
    const Bytes image = signed_fm("crashy");
    EXPECT_EQ(card.load_fm({image, {}, "Test signer", true}).version, 0x0100);
}

/// The log of a card that answers each FM_LOG with @p page and the number of the next line that @p next gives.
std::vector<FmLogLine> log_of(const std::string &page, const std::function<std::uint32_t(std::uint32_t)> &next) {
    auto transport = std::make_unique<FakeTransport>();
    transport->on_request = [&](k7_ioc_request &request) {
        EXPECT_EQ(request.opcode, static_cast<std::uint32_t>(K7_CMD_FM_LOG));
        answer(request.out_addr, request.out_len, as_bytes(page));
        request.result = next(request.arg[0]);
    };
    return Card(std::move(transport)).fm_log();
}

TEST(HsmCard, LogsAreReadPageByPageAndHaveAnEnd) {
    Card card = open_card();
    EXPECT_TRUE(card.fm_log().empty());
    load_and_restart(card, "startup-error");
    ASSERT_EQ(card.fm_log().size(), 1u);
    EXPECT_EQ(card.fm_log()[0].id.value, 0xa0f2u);
    EXPECT_EQ(card.fm_log()[0].text, "start-up gives up with 7");
    const auto endless = log_of("a000 again\n", [](std::uint32_t first) { return first + 1; });
    EXPECT_LE(endless.size(), 1000u) << "a card that never ends";
    EXPECT_EQ(log_of("a000 once\n", [](std::uint32_t) { return 5; }).size(), 1u) << "a card that does not move on";
    const auto odd = log_of("a000 \033[31mred\n\nno line\na001\na002 \na003 no end", [](std::uint32_t) { return 0; });
    EXPECT_TRUE(odd.empty()) << "a first page without a next line is no page";
    const auto lines = log_of("a000 \033[31mred\n\nno line\na001\na002 \na003 no end",
                              [](std::uint32_t first) { return first == 0 ? 6 : 0; });
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[0].text, "?[31mred");
    EXPECT_EQ(lines[1].text, "");
    EXPECT_EQ(lines[2].text, "no end");
}

/// Lengths of the FM_LOAD_DATA with which an image of @p size bytes goes to a driver with this limit.
std::vector<std::uint32_t> data_commands(std::uint32_t bulk_max, std::size_t size) {
    auto transport = std::make_unique<FakeTransport>();
    std::vector<std::uint32_t> lengths;
    std::size_t sent = 0;
    transport->bulk_max = bulk_max;
    transport->on_request = [&](k7_ioc_request &request) {
        if (request.opcode != K7_CMD_FM_LOAD_DATA)
            return;
        EXPECT_EQ(request.arg[0], sent);
        lengths.push_back(request.in_len);
        sent += request.in_len;
    };
    Card card(std::move(transport));
    const Bytes image(size);
    std::size_t progress = 0;
    (void)card.load_fm({image, {}, "release"}, [&](std::size_t done, std::size_t) { progress = done; });
    EXPECT_EQ(sent, size);
    EXPECT_EQ(progress, size);
    return lengths;
}

TEST(HsmCard, AnImageGoesInLargePiecesWhenTheDriverTakesThem) {
    using Lengths = std::vector<std::uint32_t>;
    EXPECT_EQ(data_commands(0x3ff000, 5000), Lengths({5000}));
    EXPECT_EQ(data_commands(0x3ff000, 0x250000), Lengths({0x100000, 0x100000, 0x50000}));
    EXPECT_EQ(data_commands(0x20000, 0x30000), Lengths({0x20000, 0x10000}));
    EXPECT_EQ(data_commands(0, 0x18000), Lengths({0x10000, 0x8000}));
}

TEST(HsmCard, AnFmRunsAfterTheRestart) {
    Card card = open_card();
    std::size_t last = 0;
    const Bytes image = signed_fm("echo");
    const FmInfo fm = card.load_fm({image, certificate_der(signer().certificate_pem), "release"},
                                   [&](std::size_t done, std::size_t total) {
                                       EXPECT_GT(done, last);
                                       EXPECT_EQ(total, image.size());
                                       last = done;
                                   });
    EXPECT_EQ(last, image.size());
    EXPECT_EQ(fm.status, FmStatus::loaded);
    EXPECT_EQ(fm.certificate, "release");
    EXPECT_EQ(fm.fingerprint, parse_fm_image(image).fingerprint);
    EXPECT_EQ(error_of([&] { (void)card.call_fm(fm.id, {}); }).card_status(), K7_ST_FM_NOT_STARTED);
    ASSERT_EQ(card.reset(ResetKind::firmware).state, CardState::operational);
    ASSERT_EQ(card.fms().size(), 1u);
    EXPECT_EQ(card.fms().front().status, FmStatus::enabled);
    EXPECT_EQ(call(card, fm.id.value, "hello"), "hello");
    EXPECT_EQ(card.certificates().front().label, "release");
    // The stored certificate is enough the next time.
    card.login(as_bytes(kPassword));
    EXPECT_NO_THROW((void)card.load_fm({image, {}, "release"}));
    card.delete_fm(fm.id);
    EXPECT_TRUE(card.fms().empty());
    EXPECT_EQ(error_of([&] { card.delete_fm(fm.id); }).kind(), ErrorKind::not_found);
}

TEST(HsmCard, TheCardItselfRefusesBadImages) {
    Card card = open_card();
    const Bytes der = certificate_der(signer().certificate_pem);
    const Bytes good = signed_fm("echo");
    Bytes tampered = good;
    tampered[tampered.size() / 2] ^= std::byte{1};
    const SigningIdentity other = make_signing_identity(KeyType::ec_p256, "Somebody else", 1);
    struct Case {
        Bytes image;
        Bytes certificate;
        std::uint32_t status;
    };
    const Case cases[] = {
        {fm_elf("echo"), der, K7_ST_IMAGE_FORMAT},
        {{good.begin(), good.end() - 9}, der, K7_ST_IMAGE_FORMAT},
        {tampered, der, K7_ST_IMAGE_SIGNATURE},
        {good, certificate_der(other.certificate_pem), K7_ST_IMAGE_CERTIFICATE},
    };
    for (const Case &test : cases) {
        const Error error = error_of([&] { (void)card.load_fm({test.image, test.certificate, {}}); });
        EXPECT_EQ(error.card_status(), test.status) << error.what();
        EXPECT_EQ(error.kind(), ErrorKind::failed);
        EXPECT_TRUE(card.fms().empty());
        EXPECT_TRUE(card.certificates().empty());
    }
    EXPECT_EQ(error_of([&] { (void)card.load_fm({good, {}, "unknown"}); }).kind(), ErrorKind::not_found);
    EXPECT_EQ(error_of([&] { (void)card.load_fm({good, der, std::string(32, 'x')}); }).kind(), ErrorKind::usage);
}

TEST(HsmCard, AFaultHaltsAndOnlyTheBootLoaderHelps) {
    Card card = open_card();
    load_and_restart(card, "crashy");
    (void)card.wait_event(milliseconds(0));
    const Error error = error_of([&] { (void)call(card, 0xa002, "crash"); });
    EXPECT_EQ(error.kind(), ErrorKind::not_operational);
    EXPECT_TRUE(contains(error.what(), "FM crashy (a002) store access fault at 0x00000000")) << error.what();
    const Event event = card.wait_event(milliseconds(60000));
    EXPECT_NE(event.flags & K7_EVENT_NEW_FAULT, 0u);
    EXPECT_EQ(event.state, CardState::halted);
    EXPECT_EQ(event.reason, Reason::fm_fault);
    EXPECT_EQ(error_of([&] { (void)card.fms(); }).kind(), ErrorKind::not_operational);
    const FaultReport report = card.fault_report().value();
    EXPECT_EQ(report.cause, static_cast<std::uint32_t>(K7_FAULT_STORE_ACCESS));
    EXPECT_EQ(report.backtrace.front(), report.pc);
    const SymbolTable symbols(fm_elf("crashy"));
    ASSERT_FALSE(symbols.frames(report.pc).empty());
    EXPECT_EQ(symbols.frames(report.pc).front().function, "write_slot");
    EXPECT_GT(symbols.frames(report.pc).front().line, 0);
    EXPECT_EQ(card.reset(ResetKind::firmware).state, CardState::operational);
    EXPECT_EQ(card.trouble(), "");
}

TEST(HsmCard, FmEraseLeavesTheSmfsAndSmfsEraseLeavesTheFms) {
    Card card = open_card();
    load_and_restart(card, "vault");
    EXPECT_EQ(card.call_fm({0xa001}, as_bytes("put secret swordfish")).status, 0u);
    const CardStatus before = card.status();
    EXPECT_GT(before.smfs_files, 0u);
    card.erase_fms();
    EXPECT_EQ(card.status().state, CardState::boot);
    EXPECT_EQ(error_of([&] { (void)card.fms(); }).kind(), ErrorKind::not_operational);
    const CardStatus after = card.reset(ResetKind::firmware);
    EXPECT_EQ(after.state, CardState::operational);
    EXPECT_EQ(after.fm_count, 0u);
    EXPECT_EQ(after.smfs_files, before.smfs_files);
    EXPECT_EQ(after.smfs_generation, before.smfs_generation);
    load_and_restart(card, "vault");
    EXPECT_EQ(call(card, 0xa001, "get secret"), "swordfish");
    card.erase_smfs();
    const CardStatus erased = card.reset(ResetKind::firmware);
    EXPECT_EQ(erased.fm_count, 1u);
    EXPECT_EQ(erased.smfs_files, 0u);
    EXPECT_GT(erased.smfs_generation, before.smfs_generation);
    EXPECT_NE(card.call_fm({0xa001}, as_bytes("get secret")).status, 0u);
}

TEST(HsmCard, AStartUpFaultHaltsEveryRestartUntilTheFmsAreErased) {
    Card card = open_card();
    load(card, "crashy-startup");
    for (int round = 0; round < 2; ++round) {
        const CardStatus status = card.reset(ResetKind::firmware);
        EXPECT_EQ(status.state, CardState::halted);
        EXPECT_EQ(status.reason, Reason::fm_fault);
    }
    EXPECT_EQ(error_of([&] { card.delete_fm({0xa002}); }).kind(), ErrorKind::not_operational);
    const auto start = std::chrono::steady_clock::now();
    card.erase_fms();
    EXPECT_EQ(card.reset(ResetKind::firmware).state, CardState::operational);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
    EXPECT_TRUE(card.fms().empty());
}

TEST(HsmCard, EveryResetKindAndMode) {
    Card card = open_card();
    for (const ResetKind kind : {ResetKind::firmware, ResetKind::card, ResetKind::function, ResetKind::bus}) {
        const std::uint32_t generation = card.status().generation;
        EXPECT_EQ(card.reset(kind).state, CardState::operational) << static_cast<int>(kind);
        EXPECT_GT(card.status().generation, generation);
        EXPECT_TRUE(card.fms().empty()) << "the ring works again";
    }
    for (const ResetKind kind : {ResetKind::firmware, ResetKind::card}) {
        EXPECT_EQ(card.reset(kind, BootMode::maintenance).state, CardState::maintenance);
        EXPECT_EQ(card.reset(kind, BootMode::boot_loader).state, CardState::boot);
        EXPECT_EQ(error_of([&] { (void)card.fms(); }).kind(), ErrorKind::not_operational);
    }
    EXPECT_EQ(card.reset(ResetKind::firmware).state, CardState::operational);
    EXPECT_EQ(error_of([&] { (void)card.reset(ResetKind::bus, BootMode::maintenance); }).os_error(), EINVAL);
}

TEST(HsmCard, AHungCardIsATimeoutAndAResetHelps) {
    Card card = Card::open("sim:,fault=hang");
    const auto start = std::chrono::steady_clock::now();
    const Error error = error_of([&] { (void)card.call_fm({0xa001}, {}, milliseconds(300)); });
    EXPECT_EQ(error.kind(), ErrorKind::not_operational) << error.what();
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(HsmCard, SeveralThreadsShareACard) {
    Card card = open_card();
    load_and_restart(card, "echo");
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    for (int number = 0; number < 4; ++number)
        threads.emplace_back([&, number] {
            for (int round = 0; round < 50; ++round)
                good +=
                    call(card, 0xa000, std::to_string(number * 1000 + round)) == std::to_string(number * 1000 + round);
        });
    for (std::thread &thread : threads)
        thread.join();
    EXPECT_EQ(good, 200);
}

TEST(HsmCard, PayloadLimits) {
    Card card = open_card();
    load_and_restart(card, "echo");
    const std::string most(65536, 'x');
    EXPECT_EQ(call(card, 0xa000, most), most);
    EXPECT_EQ(error_of([&] { (void)call(card, 0xa000, most + "y"); }).kind(), ErrorKind::usage);
}

TEST(HsmCard, InitLoginAndPolicies) {
    Card card = Card::open("sim:");
    EXPECT_EQ(card.status().state, CardState::pre_init);
    EXPECT_FALSE(card.status().initialised);
    const Error not_initialised = error_of([&] { (void)card.fms(); });
    EXPECT_EQ(not_initialised.kind(), ErrorKind::not_operational);
    EXPECT_TRUE(contains(not_initialised.what(), "hsm init")) << not_initialised.what();
    card.initialise("mine", as_bytes("a password"));
    EXPECT_EQ(card.identity().label, "mine");
    EXPECT_EQ(card.status().state, CardState::operational);
    EXPECT_EQ(error_of([&] { card.set_policy(50, 1); }).kind(), ErrorKind::permission);
    const Error wrong = error_of([&] { card.login(as_bytes("no password")); });
    EXPECT_EQ(wrong.card_status(), K7_ST_BAD_PASSWORD);
    EXPECT_TRUE(contains(wrong.what(), "2 attempts are left")) << wrong.what();
    EXPECT_EQ(card.status().login_attempts, 2u);
    card.login(as_bytes("a password"));
    card.set_policy(50, 1);
    EXPECT_TRUE(card.status().fms_allowed);
    EXPECT_EQ(card.policies().front().value, 1u);
    EXPECT_TRUE(card.policies().front().destructive);
    card.change_password(as_bytes("a new password"));
    card.logout();
    EXPECT_EQ(error_of([&] { card.delete_fm({0xa000}); }).card_status(), K7_ST_LOGIN_REQUIRED);
    card.login(as_bytes("a new password"));
    card.zeroize();
    EXPECT_EQ(card.status().state, CardState::pre_init);
    EXPECT_TRUE(card.status().fms_allowed) << "policies stay";
    card.factory_reset();
    EXPECT_FALSE(card.status().fms_allowed);
    EXPECT_TRUE(card.status().fms_were_allowed);
    card.decommission();
    EXPECT_TRUE(card.status().decommissioned);
}

TEST(HsmCard, PasswordsAndLabelsThatCannotBe) {
    Card card = Card::open("sim:");
    EXPECT_EQ(error_of([&] { card.initialise("", as_bytes("a password")); }).kind(), ErrorKind::usage);
    EXPECT_EQ(error_of([&] { card.initialise(std::string(32, 'x'), as_bytes("a password")); }).kind(),
              ErrorKind::usage);
    EXPECT_EQ(error_of([&] { card.initialise("mine", as_bytes("short")); }).kind(), ErrorKind::usage);
    EXPECT_EQ(error_of([&] { card.login({}); }).kind(), ErrorKind::usage);
    EXPECT_EQ(error_of([&] { card.login(as_bytes("a password")); }).card_status(), K7_ST_NOT_INITIALISED);
}

TEST(HsmCard, TheStoreOutlivesTheCard) {
    const TemporaryDirectory directory;
    const std::string selector = "sim:" + directory.file("store") + kProvisioned;
    std::string esn;
    {
        Card card = Card::open(selector);
        esn = card.identity().esn;
        load(card, "echo");
    }
    const Card card = Card::open(selector);
    EXPECT_EQ(card.identity().esn, esn);
    EXPECT_EQ(card.fms().at(0).status, FmStatus::enabled);
    EXPECT_EQ(error_of([&] { (void)Card::open(selector + ",esn=FFFF-FFFF-FFFF"); }).kind(), ErrorKind::failed);
}

} // namespace
} // namespace hsm::test
