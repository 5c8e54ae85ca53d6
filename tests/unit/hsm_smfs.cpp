// SPDX-License-Identifier: GPL-2.0-or-later
//
// What an administrator learns of the SMFS: libhsm's calls and what `smfs info` and `smfs check` print, on a card in
// this process, well and damaged, and with replies that no honest card gives.
#include "hsm_support.hpp"
#include "utils/common/smfs_text.hpp"

namespace hsm::test {
namespace {

constexpr FmId kVault{0xa001};

class HsmSmfs : public testing::Test {
  protected:
    [[nodiscard]] std::string selector() const {
        return "sim:" + directory_.file("store") + ",counter=" + directory_.file("counter") +
               ",root-key=" + directory_.file("key") + kProvisioned;
    }
    void put(const std::string &request) {
        Card card = Card::open(selector());
        EXPECT_EQ(card.call_fm(kVault, as_bytes(request)).status, 0u);
    }
    /// A store with a secret in it, and the same store later.
    void make_old_copy() {
        {
            Card card = Card::open(selector());
            const Bytes image = signed_fm("vault");
            const Bytes certificate = certificate_der(signer().certificate_pem);
            card.login(as_bytes(kPassword));
            card.load_fm({image, certificate, ""});
        }
        put("put pin 0815");
        std::filesystem::copy_file(directory_.file("store"), directory_.file("old"));
        put("put pin 4711");
    }
    void put_back_old_copy() {
        std::filesystem::copy_file(directory_.file("old"), directory_.file("store"),
                                   std::filesystem::copy_options::overwrite_existing);
    }

    template <typename Command>
    static std::pair<int, std::string> printed(Command &&command, const Card &card) {
        const k7::tool::Tool tool("hsm", "test");
        testing::internal::CaptureStdout();
        const int code = command(tool, card);
        return {code, testing::internal::GetCapturedStdout()};
    }

    TemporaryDirectory directory_;
};

TEST_F(HsmSmfs, InfoOfACardThatIsWell) {
    make_old_copy();
    const Card card = Card::open(selector());
    const SmfsInfo info = card.smfs_info();
    EXPECT_TRUE(info.active && info.has_root_key && info.has_counter && !info.damaged);
    EXPECT_EQ(info.files, 1u);
    EXPECT_GT(info.counter, 2u);
    EXPECT_EQ(info.quota, info.capacity / 4);
    const auto [code, text] = printed(k7::tool::smfs_info, card);
    EXPECT_EQ(code, 0);
    EXPECT_TRUE(contains(text, "SMFS:            Activated\n")) << text;
    EXPECT_TRUE(contains(text, "Root key:        outside of the store\n")) << text;
}

TEST_F(HsmSmfs, CheckOfACardThatIsWell) {
    make_old_copy();
    const Card card = Card::open(selector());
    const auto [code, text] = printed(k7::tool::smfs_check, card);
    EXPECT_EQ(code, 0);
    EXPECT_EQ(text, "The SMFS is well, all seals are good. Files: 1, directories: 0, blocks: 2\n");
}

TEST_F(HsmSmfs, OldCopyIsReportedWithItsRemedy) {
    make_old_copy();
    put_back_old_copy();
    Card card = Card::open(selector());
    EXPECT_TRUE(card.smfs_info().damaged);
    const auto [code, text] = printed(k7::tool::smfs_check, card);
    EXPECT_EQ(code, k7::tool::kExitFailed);
    EXPECT_TRUE(contains(text, "an old copy of the store was put back")) << text;
    EXPECT_TRUE(contains(text, "  remedy: put back the newest copy of the store")) << text;
    card.erase_smfs();
    card.reset(ResetKind::firmware);
    EXPECT_EQ(card.check_smfs().found, 0u);
}

TEST_F(HsmSmfs, KeyInASelectorIsRefusedAndNotRepeated) {
    const std::string key(64, 'c');
    const Error error = error_of([&] { Card::open("sim:" + directory_.file("store") + ",root-key-hex=" + key); });
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_FALSE(contains(error.what(), key)) << error.what();
}

TEST(HsmSmfsReplies, FindingsAreDecodedAndLiesRefused) {
    auto transport = std::make_unique<FakeTransport>();
    k7_smfs_check head{};
    head.found = 5;
    head.listed = 2;
    const k7_smfs_finding findings[] = {
        {.kind = K7_SMFS_FINDING_FILE, .fm_id = 0xa001, .file = 7, .block = 3, .reserved = 0},
        {.kind = K7_SMFS_FINDING_STRAY, .fm_id = 0, .file = 0, .block = 0, .reserved = 0}};
    transport->on_request = [&](k7_ioc_request &request) {
        Bytes reply(sizeof head + sizeof findings);
        std::memcpy(reply.data(), &head, sizeof head);
        std::memcpy(reply.data() + sizeof head, findings, sizeof findings);
        answer(request.out_addr, request.out_len, reply);
    };
    const Card card(std::move(transport));
    const SmfsCheck check = card.check_smfs();
    ASSERT_EQ(check.findings.size(), 2u);
    EXPECT_EQ(to_string(check.findings[0]),
              "file 7 of FM a001: changed, missing or of an older time, first in block 3");
    EXPECT_EQ(check.found, 5u);
    head.listed = 3;
    EXPECT_TRUE(contains(error_of([&] { (void)card.check_smfs(); }).what(), "lists 3 findings but holds 2"));
}

} // namespace
} // namespace hsm::test
