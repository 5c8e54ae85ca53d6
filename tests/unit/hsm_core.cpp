// SPDX-License-Identifier: GPL-2.0-or-later
//
// Cores from cards that do as they must and from those that do not, and the file that is made of them.
#include <csignal>

#include <elf.h>

#include "k7/fault_report.h"
#include "k7/status.h"
#include "tests/unit/hsm_support.hpp"

namespace hsm::test {
namespace {

/// A card whose core consists of @p bytes.
Card card_with_core(const Bytes &bytes) {
    auto transport = std::make_unique<FakeTransport>();
    transport->on_query = [bytes](k7_ioc_query &query) {
        ASSERT_EQ(query.query, K7_QUERY_FAULT_CORE);
        EXPECT_EQ(K7_FAULT_CORE_SEQUENCE_GET(query.arg), 7u);
        const std::size_t begin = std::min<std::size_t>(bytes.size(), K7_FAULT_CORE_PIECE_GET(query.arg) * 4096u);
        const std::size_t size = std::min<std::size_t>(bytes.size() - begin, 4096);
        answer(query.data_addr, query.data_len, ByteView(bytes).subspan(begin, size));
    };
    return Card(std::move(transport));
}

/// @param length of each of @p count ranges, which are 0x10000 apart
Bytes core_bytes(std::uint32_t count, std::uint32_t length, std::size_t memory) {
    k7_fault_core header{};
    header.version = K7_FAULT_CORE_VERSION;
    header.sequence = 7;
    header.range_count = count;
    for (std::uint32_t index = 0; index < std::min(count, std::uint32_t{K7_FAULT_CORE_RANGES}); ++index)
        header.ranges[index] = {0x10000 * (index + 1), length};
    header.size = static_cast<std::uint32_t>(sizeof header + memory);
    const ByteView view = bytes_of(header);
    Bytes bytes(view.begin(), view.end());
    for (std::size_t index = 0; index < memory; ++index)
        bytes.push_back(static_cast<std::byte>(index / 4096 + 1));
    return bytes;
}

TEST(HsmCore, ComesInPieces) {
    const auto core = card_with_core(core_bytes(16, 4096, 65536)).fault_core(7);
    ASSERT_TRUE(core);
    EXPECT_EQ(core->sequence, 7u);
    ASSERT_EQ(core->memory.size(), 16u);
    EXPECT_EQ(core->memory[15].address, 0x100000u);
    EXPECT_EQ(core->memory[15].bytes, SecureBytes(4096, std::byte{16}));
}

TEST(HsmCore, LiesOfTheCardAreErrors) {
    for (const Bytes &bytes : {Bytes(), Bytes(100), core_bytes(1, 4097, 4096), core_bytes(2, 0x80000000, 4096),
                               core_bytes(0xffffffff, 4096, 4096)}) {
        const Card card = card_with_core(bytes);
        EXPECT_TRUE(contains(error_of([&] { (void)card.fault_core(7); }).what(), "core")) << bytes.size();
    }
    EXPECT_TRUE(card_with_core(core_bytes(1, 4096, std::size_t{1} << 20)).fault_core(7)) << "one that never ends";
}

TEST(HsmCore, NoneIsNoError) {
    auto transport = std::make_unique<FakeTransport>();
    transport->on_query = [](k7_ioc_query &query) { query.card_status = K7_ST_NOT_FOUND; };
    FakeTransport &fake = *transport;
    const Card card(std::move(transport));
    EXPECT_FALSE(card.fault_core(7));
    fake.query_error = EPERM;
    EXPECT_EQ(error_of([&] { (void)card.fault_core(7); }).kind(), ErrorKind::permission);
}

TEST(HsmCore, FileHasRegistersSignalAndMemory) {
    FaultReport report;
    report.cause = K7_FAULT_STORE_MISALIGNED;
    report.pc = 0x12345678;
    for (std::uint32_t index = 0; index < 32; ++index)
        report.regs[index] = index * 0x01010101;
    const auto core = card_with_core(core_bytes(2, 4096, 8192)).fault_core(7);
    const SecureBytes file = core_file(report, core.value());
    const auto at = [&]<typename T>(T &value, std::size_t offset) {
        ASSERT_LE(offset + sizeof value, file.size());
        std::memcpy(&value, file.data() + offset, sizeof value);
    };
    Elf32_Ehdr header{};
    at(header, 0);
    EXPECT_EQ(header.e_type, ET_CORE);
    EXPECT_EQ(header.e_machine, EM_RISCV);
    ASSERT_EQ(header.e_phnum, 3);
    Elf32_Phdr notes{};
    at(notes, header.e_phoff);
    EXPECT_EQ(notes.p_type, static_cast<Elf32_Word>(PT_NOTE));
    std::uint16_t signal = 0;
    constexpr std::size_t kStatus = sizeof(Elf32_Nhdr) + 8;
    at(signal, notes.p_offset + kStatus + 12);
    EXPECT_EQ(signal, SIGBUS);
    std::uint32_t registers[32] = {};
    at(registers, notes.p_offset + kStatus + 72);
    EXPECT_EQ(registers[0], 0x12345678u);
    EXPECT_EQ(registers[31], 0x1f1f1f1fu);
    Elf32_Phdr second{};
    at(second, header.e_phoff + 2 * sizeof second);
    EXPECT_EQ(second.p_vaddr, 0x20000u);
    EXPECT_EQ(second.p_filesz, 4096u);
    std::byte last{};
    at(last, second.p_offset + 4095);
    EXPECT_EQ(last, std::byte{2});
    EXPECT_EQ(file.size(), second.p_offset + 4096u);
}

} // namespace
} // namespace hsm::test
