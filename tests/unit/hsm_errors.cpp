// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whatever a driver or card answers, the person gets one line with the cause and the remedy.
#include <cerrno>

#include "hsm_support.hpp"
#include "k7/fault_report.h"
#include "k7/status.h"

namespace hsm::test {
namespace {

struct FakeCard {
    FakeTransport *transport;
    Card card;
};

FakeCard fake_card() {
    auto transport = std::make_unique<FakeTransport>();
    FakeTransport *const observer = transport.get();
    return {observer, Card(std::move(transport))};
}

k7_fault_report crashy_report(k7_fault_phase phase) {
    k7_fault_report report{};
    report.version = K7_FAULT_REPORT_VERSION;
    report.sequence = 1;
    report.cause = K7_FAULT_STORE_ACCESS;
    report.phase = phase;
    report.fm_id = 0xa002;
    report.pc = 0x12070;
    std::strcpy(report.symbol, "write_slot");
    std::strcpy(report.fm_name, "crashy");
    return report;
}

void halt(FakeTransport &transport, k7_fault_phase phase) {
    transport.state = K7_STATE_HALTED | (K7_REASON_FM_FAULT << 8);
    transport.on_query = [phase](k7_ioc_query &query) {
        ASSERT_EQ(query.query, K7_QUERY_FAULT_REPORT);
        const k7_fault_report report = crashy_report(phase);
        answer(query.data_addr, query.data_len, bytes_of(report));
    };
}

struct ErrnoCase {
    int value;
    ErrorKind kind;
    const char *part;
};

TEST(HsmErrors, EveryErrnoHasItsKindAndSaysWhatToDo) {
    constexpr ErrnoCase kCases[] = {
        {ENODEV, ErrorKind::not_operational, "gone"},
        {ETIMEDOUT, ErrorKind::not_operational, "did not answer"},
        {EAGAIN, ErrorKind::not_operational, "try again"},
        {EPERM, ErrorKind::permission, "as root"},
        {EBADF, ErrorKind::permission, "may only be read"},
        {EBUSY, ErrorKind::refused, "wait"},
        {EIO, ErrorKind::failed, "protocol"},
        {EMSGSIZE, ErrorKind::usage, "64 KiB"},
        {ENOTTY, ErrorKind::failed, "matching versions"},
        {EOPNOTSUPP, ErrorKind::failed, "matching versions"},
        {ENOMEM, ErrorKind::failed, "Cannot allocate"},
        {ECANCELED, ErrorKind::failed, "was reset"},
    };
    for (const ErrnoCase &test : kCases) {
        FakeCard fake = fake_card();
        fake.transport->request_error = test.value;
        const Error error = error_of([&] { (void)fake.card.fms(); });
        EXPECT_EQ(error.kind(), test.kind) << error.what();
        EXPECT_EQ(error.os_error(), test.value);
        EXPECT_EQ(error.object(), "/dev/k7pf0");
        EXPECT_TRUE(contains(error.what(), test.part)) << error.what();
    }
}

TEST(HsmErrors, AHaltedCardNamesTheFmAndTheRemedy) {
    FakeCard fake = fake_card();
    halt(*fake.transport, K7_FAULT_PHASE_CALL);
    for (const int value : {EHOSTDOWN, ECANCELED}) {
        fake.transport->request_error = value;
        const Error error = error_of([&] { (void)fake.card.call_fm({0xa002}, {}); });
        EXPECT_EQ(error.kind(), ErrorKind::not_operational);
        EXPECT_TRUE(contains(error.message(), "HALTED: FM crashy (a002) store access fault at 0x00000000"))
            << error.what();
        EXPECT_TRUE(contains(error.message(), "in write_slot+0x0")) << error.what();
        EXPECT_TRUE(contains(error.hint(), "k7reset /dev/k7pf0")) << error.what();
        EXPECT_TRUE(contains(error.hint(), "fmrecover --fm /dev/k7pf0")) << error.what();
    }
}

TEST(HsmErrors, AStartUpFaultIsNotAdvisedToRestart) {
    FakeCard fake = fake_card();
    halt(*fake.transport, K7_FAULT_PHASE_STARTUP);
    const Error error = error_of([&] { fake.card.require_firmware("delete FM a002"); });
    EXPECT_TRUE(contains(error.message(), "cannot delete FM a002")) << error.what();
    EXPECT_TRUE(contains(error.hint(), "halt at every restart")) << error.what();
    EXPECT_FALSE(contains(error.hint(), "k7reset")) << error.what();
    EXPECT_TRUE(contains(error.hint(), "fmrecover --fm /dev/k7pf0")) << error.what();
}

TEST(HsmErrors, AHaltedCardWhoseReportCannotBeReadStillSaysHalted) {
    FakeCard fake = fake_card();
    fake.transport->state = K7_STATE_HALTED | (K7_REASON_FM_FAULT << 8);
    fake.transport->query_error = ETIMEDOUT;
    EXPECT_EQ(fake.card.trouble(), "HALTED: FM fault");
    fake.transport->state = 0xffffffff;
    EXPECT_EQ(fake.card.trouble(), "GONE");
}

TEST(HsmErrors, TheCardsOwnWordsAreKeptButCleaned) {
    FakeCard fake = fake_card();
    fake.transport->on_request = [](k7_ioc_request &request) {
        request.card_status = K7_ST_STORE_FULL;
        answer(request.out_addr, request.out_len, as_bytes("no\nroom\x1b[31m"));
    };
    const Error error = error_of([&] { (void)fake.card.fms(); });
    EXPECT_EQ(error.card_status(), K7_ST_STORE_FULL);
    EXPECT_TRUE(contains(error.what(), "no?room?[31m")) << error.what();
    EXPECT_TRUE(contains(error.hint(), "ctfm delete")) << error.what();
}

TEST(HsmErrors, CardStatusDecidesTheKind) {
    const std::pair<std::uint32_t, ErrorKind> kCases[] = {{K7_ST_FM_NOT_FOUND, ErrorKind::not_found},
                                                          {K7_ST_BUSY, ErrorKind::refused},
                                                          {K7_ST_DENIED, ErrorKind::permission},
                                                          {K7_ST_IMAGE_SIGNATURE, ErrorKind::failed},
                                                          {0x7777, ErrorKind::failed}};
    for (const auto &[status, kind] : kCases) {
        FakeCard fake = fake_card();
        fake.transport->on_request = [status = status](k7_ioc_request &request) {
            request.card_status = status;
            request.out_len = 0;
        };
        const Error error = error_of([&] { fake.card.delete_fm({0xa001}); });
        EXPECT_EQ(error.kind(), kind) << error.what();
        EXPECT_EQ(error.card_status(), status);
    }
}

/// Replies of each length up to a full one, and one that claims to be longer than the buffer.
TEST(HsmHostileCard, RepliesOfAnyLengthAreErrorsOrWhole) {
    FakeCard fake = fake_card();
    const Bytes bytes(4096, std::byte{0xff});
    for (std::uint32_t length = 0; length <= 700; ++length) {
        fake.transport->on_query = [&](k7_ioc_query &query) {
            answer(query.data_addr, query.data_len, ByteView(bytes).first(length));
        };
        if (length < sizeof(k7_identity)) {
            EXPECT_EQ(error_of([&] { (void)fake.card.identity(); }).kind(), ErrorKind::failed);
        } else {
            EXPECT_EQ(fake.card.identity().model, std::string(16, '?'));
        }
        if (length >= sizeof(k7_fault_report)) {
            EXPECT_EQ(fake.card.fault_report()->backtrace.size(), K7_FAULT_BACKTRACE_MAX);
        }
    }
    fake.transport->on_query = [](k7_ioc_query &query) { query.data_len = 0xffffffff; };
    EXPECT_EQ(error_of([&] { (void)fake.card.status(); }).os_error(), EIO);
    fake.transport->on_request = [](k7_ioc_request &request) { request.out_len = 0xffffffff; };
    EXPECT_EQ(error_of([&] { (void)fake.card.fms(); }).os_error(), EIO);
}

TEST(HsmHostileCard, ListsThatCountMoreThanTheyHoldAreRefused) {
    FakeCard fake = fake_card();
    for (const std::uint32_t count : {1u, 33u, 0x7fffffffu, 0xffffffffu}) {
        fake.transport->on_request = [count](k7_ioc_request &request) {
            const k7_fm_list list{count, 0};
            answer(request.out_addr, request.out_len, bytes_of(list));
        };
        EXPECT_TRUE(contains(error_of([&] { (void)fake.card.fms(); }).what(), "names"));
        EXPECT_TRUE(contains(error_of([&] { (void)fake.card.certificates(); }).what(), "names"));
    }
    fake.transport->on_request = [](k7_ioc_request &request) { request.out_len = 3; };
    EXPECT_EQ(error_of([&] { (void)fake.card.random(4); }).kind(), ErrorKind::failed);
}

TEST(HsmHostileCard, TextIsCutAtItsFieldAndPrintable) {
    FakeCard fake = fake_card();
    const DriverInfo info = fake.card.info();
    EXPECT_EQ(info.esn, std::string(16, 'A'));
    EXPECT_EQ(info.pci_address, "0000:02:03.1");
}

TEST(HsmErrors, FmIds) {
    EXPECT_EQ(parse_fm_id("a001").value, 0xa001u);
    EXPECT_EQ(parse_fm_id("0xAFFF").value, 0xafffu);
    for (const char *text : {"", "0x", "9fff", "b000", "a0010", "a00g", "-a001", " a001", "40961"})
        EXPECT_EQ(error_of([&] { (void)parse_fm_id(text); }).kind(), ErrorKind::usage) << text;
}

TEST(HsmErrors, SelectorsThatNameNoCard) {
    EXPECT_EQ(error_of([] { Card::open("/dev/null"); }).kind(), ErrorKind::not_found);
    EXPECT_EQ(error_of([] { Card::open("/dev"); }).kind(), ErrorKind::not_found);
    EXPECT_EQ(error_of([] { Card::open("/dev/k7pf99"); }).kind(), ErrorKind::not_found);
    EXPECT_EQ(error_of([] { Card::open("nonsense"); }).kind(), ErrorKind::usage);
    EXPECT_EQ(error_of([] { Card::open("sim:,esn"); }).kind(), ErrorKind::usage);
    EXPECT_EQ(error_of([] { Card::open("sim:,esn=short"); }).kind(), ErrorKind::failed);
    EXPECT_EQ(error_of([] { Card::open("sim:/no/such/directory/store"); }).kind(), ErrorKind::failed);
}

} // namespace
} // namespace hsm::test
