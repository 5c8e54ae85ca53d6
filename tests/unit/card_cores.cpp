// SPDX-License-Identifier: GPL-2.0-or-later
//
// What of an FM's memory is kept with its fault report, what never is, and what takes it away.
#include "tests/unit/store_query.hpp"

namespace k7::test {
namespace {

struct Core {
    k7_fault_core header{};
    Bytes memory;

    [[nodiscard]] std::vector<k7_fault_core_range> ranges() const {
        return {header.ranges, header.ranges + header.range_count};
    }
    [[nodiscard]] bool holds(std::uint32_t address) const { return bytes_at(address).data() != nullptr; }
    /// What is kept from @p address on.
    [[nodiscard]] std::span<const std::byte> bytes_at(std::uint32_t address) const {
        std::size_t offset = 0;
        for (const k7_fault_core_range &range : ranges()) {
            if (address - range.address < range.length)
                return std::span(memory).subspan(offset + (address - range.address),
                                                 range.length - (address - range.address));
            offset += range.length;
        }
        return {};
    }
};

bool contains(std::span<const std::byte> bytes, std::span<const std::byte> needle) {
    return !bytes.empty() && memmem(bytes.data(), bytes.size(), needle.data(), needle.size()) != nullptr;
}

constexpr std::uint32_t kSp = 2;
constexpr std::uint32_t kStackBase = K7_FM_STACK_TOP - K7_FM_STACK_SIZE;

class CardCores : public testing::Test {
  protected:
    [[nodiscard]] Properties properties() const { return {{"store", directory_.file("store")}}; }
    Bytes store_bytes() { return read_file(directory_.file("store")); }

    static k7_status core_status(CardHost &host, std::uint32_t sequence = 0) {
        return host.mailbox(K7_BOOT_FAULT_CORE, sequence).status;
    }
    static Core read_core(CardHost &host, std::uint32_t sequence = 0) {
        Bytes bytes;
        for (std::uint32_t piece = 0;; ++piece) {
            const auto reply = host.mailbox(K7_BOOT_FAULT_CORE, K7_FAULT_CORE_PIECE(sequence, piece));
            EXPECT_EQ(reply.status, K7_ST_OK) << text_of(reply.data);
            bytes.insert(bytes.end(), reply.data.begin(), reply.data.end());
            if (reply.data.size() < K7_MB_DATA_BYTES)
                break;
        }
        Core core{.header = struct_of<k7_fault_core>(bytes), .memory = {}};
        EXPECT_EQ(core.header.size, bytes.size());
        core.memory.assign(bytes.begin() + sizeof(core.header), bytes.end());
        return core;
    }
    /// A card that @p fm has halted with @p request.
    std::unique_ptr<OperationalCard> halted(const std::string &fm, std::uint32_t id, const std::string &request) {
        auto card = std::make_unique<OperationalCard>(properties());
        card->load(fm);
        card->restart();
        card->crash(id, request);
        return card;
    }
    /// The sealed core, read behind the back of a card that is off.
    Bytes sealed_core() { return query_store(directory_.file("store"), "SELECT sealed FROM fault_core").at(0); }
    void expect_no_piece_of(const Bytes &sealed) {
        const Bytes file = store_bytes();
        for (std::size_t at = 0; at + 32 <= sealed.size(); at += 32)
            ASSERT_FALSE(contains(file, std::span(sealed).subspan(at, 32))) << at;
    }

    TemporaryDirectory directory_;
};

TEST_F(CardCores, HoldsStackAndDataOfTheFaultedFm) {
    const auto card = halted("crashy", kCrashy, "crash");
    const k7_fault_report report = card->fault_report();
    const Core core = read_core(card->host);
    EXPECT_EQ(core.header.version, static_cast<std::uint32_t>(K7_FAULT_CORE_VERSION));
    EXPECT_EQ(core.header.sequence, report.sequence);
    EXPECT_LE(core.memory.size(), K7_FAULT_CORE_BYTES);
    ASSERT_TRUE(core.holds(report.regs[kSp])) << "the stack";
    // All callers but the innermost, who is in ra, have their return address on the stack.
    const auto stack = core.bytes_at(report.regs[kSp]);
    ASSERT_GE(report.backtrace_count, 4u);
    for (std::uint32_t level = 2; level < report.backtrace_count; ++level)
        EXPECT_TRUE(contains(stack, std::as_bytes(std::span(&report.backtrace[level], 1)))) << level;
    EXPECT_EQ(core_status(card->host, report.sequence), K7_ST_OK);
    EXPECT_EQ(core_status(card->host, report.sequence + 1), K7_ST_NOT_FOUND);
    EXPECT_TRUE(card->host.mailbox(K7_BOOT_FAULT_CORE, K7_FAULT_CORE_PIECE(0, 255)).data.empty()) << "beyond the end";
}

TEST_F(CardCores, NeverHoldsTheMessage) {
    const auto card = halted("faults", kFaults, "request-write");
    EXPECT_EQ(card->fault_report().address, K7_FM_REQUEST_BASE) << "else this test looks at something else";
    for (const k7_fault_core_range &range : read_core(card->host).ranges()) {
        const bool message = range.address + range.length > K7_FM_REQUEST_BASE && range.address < kStackBase;
        EXPECT_FALSE(message) << std::hex << range.address;
    }
}

TEST_F(CardCores, NeverHoldsKeysOrTheirHandles) {
    const auto card = halted("faults", kFaults, "with-key");
    const Core core = read_core(card->host);
    const Bytes mark = bytes_of("kram"); // little endian
    const auto found = std::search(core.memory.begin(), core.memory.end(), mark.begin(), mark.end());
    ASSERT_GE(core.memory.end() - found, 12) << "else this test looks at something else";
    std::array<std::uint32_t, 3> words{};
    std::memcpy(words.data(), &*found, sizeof(words));
    EXPECT_EQ(words[2], static_cast<std::uint32_t>(K7_FAULT_KEY_HANDLE));
    const std::uint32_t handle = ~words[1];
    EXPECT_GE(handle, static_cast<std::uint32_t>(K7_FM_SPACE)) << "a handle that may be an address";
    EXPECT_FALSE(contains(core.memory, std::as_bytes(std::span(&handle, 1))));
    const k7_fault_report report = card->fault_report();
    EXPECT_EQ(report.cause, static_cast<std::uint32_t>(K7_FAULT_STORE_ACCESS));
    EXPECT_EQ(report.address, static_cast<std::uint32_t>(K7_FAULT_KEY_HANDLE));
    EXPECT_FALSE(contains(std::as_bytes(std::span(&report, 1)), std::as_bytes(std::span(&handle, 1))));
    Bytes key;
    for (unsigned i = 0; i < 32; ++i)
        key.push_back(static_cast<std::byte>(7 * i + 3));
    for (std::size_t at = 0; at < key.size(); at += 8)
        EXPECT_FALSE(contains(core.memory, std::span(key).subspan(at, 8))) << at;
}

TEST_F(CardCores, FullOfStackWhenTheStackOverflows) {
    const auto card = halted("faults", kFaults, "stack-overflow");
    const k7_fault_report report = card->fault_report();
    ASSERT_EQ(report.cause, static_cast<std::uint32_t>(K7_FAULT_STACK_OVERFLOW));
    const Core core = read_core(card->host);
    EXPECT_TRUE(core.holds(kStackBase));
    EXPECT_EQ(core.memory.size(), K7_FAULT_CORE_BYTES);
}

TEST_F(CardCores, OutlivesPowerAndIsNeverInTheClear) {
    Core before;
    {
        const auto card = halted("crashy", kCrashy, "crash");
        before = read_core(card->host);
    }
    const auto stack = before.bytes_at(K7_FM_STACK_TOP - 256).first(224);
    ASSERT_TRUE(std::ranges::any_of(stack, [](std::byte byte) { return byte != std::byte{0}; }));
    EXPECT_FALSE(contains(store_bytes(), stack));
    OperationalCard card(properties());
    EXPECT_EQ(read_core(card.host).memory, before.memory);
}

TEST_F(CardCores, TheLastFourAreKept) {
    OperationalCard card(properties());
    card.load("crashy");
    for (std::uint32_t sequence = 1; sequence <= 6; ++sequence) {
        card.restart();
        card.crash(kCrashy, "crash");
        EXPECT_EQ(read_core(card.host).header.sequence, sequence);
    }
    EXPECT_EQ(core_status(card.host, 2), K7_ST_NOT_FOUND);
    EXPECT_EQ(read_core(card.host, 3).header.sequence, 3u);
    EXPECT_EQ(card.fault_report(1).sequence, 1u) << "its report still is";
}

TEST_F(CardCores, GoWithTheFmsWithOneFmAndWithTheSmfs) {
    const auto erase_fms = [](OperationalCard &card) { return card.host.mailbox(K7_BOOT_ERASE_FMS).status; };
    const auto erase_smfs = [](OperationalCard &card) { return card.host.mailbox(K7_BOOT_ERASE_SMFS).status; };
    const auto delete_fm = [](OperationalCard &card) {
        card.restart();
        return card.remove(kCrashy).status;
    };
    for (const std::function<k7_status(OperationalCard &)> &erase :
         {std::function<k7_status(OperationalCard &)>(erase_fms), {erase_smfs}, {delete_fm}}) {
        halted("crashy", kCrashy, "crash");
        const Bytes sealed = sealed_core();
        ASSERT_TRUE(contains(store_bytes(), std::span(sealed).first(32))) << "else the search below finds nothing";
        {
            OperationalCard card(properties());
            ASSERT_EQ(erase(card), K7_ST_OK);
            EXPECT_EQ(core_status(card.host), K7_ST_NOT_FOUND);
            EXPECT_EQ(card.fault_report().fm_id, kCrashy) << "the report stays";
        }
        expect_no_piece_of(sealed);
        OperationalCard card(properties());
        EXPECT_EQ(core_status(card.host), K7_ST_NOT_FOUND);
    }
}

TEST_F(CardCores, OfAnotherKeyOrRottenIsNotThere) {
    halted("crashy", kCrashy, "crash");
    query_store(directory_.file("store"), "UPDATE fault_core SET sequence = 77");
    OperationalCard card(properties());
    EXPECT_EQ(core_status(card.host, 77), K7_ST_NOT_FOUND) << "moved to another report";
    EXPECT_EQ(card.host.card_state().state, static_cast<std::uint32_t>(K7_STATE_OPERATIONAL));
}

} // namespace
} // namespace k7::test
