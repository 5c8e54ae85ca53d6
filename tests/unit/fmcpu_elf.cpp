// SPDX-License-Identifier: GPL-2.0-or-later
//
// The ELF loader's rules: each one broken alone, and files that are cut or spoiled anywhere.
#include <functional>
#include <random>

#include <gtest/gtest.h>

#include "tests/unit/fmcpu_assembler.hpp"
#include "tests/unit/fmcpu_machine.hpp"

namespace k7::fm::test {
namespace {

using namespace rv;

ElfBuilder good() {
    return ElfBuilder::with_code({li(a0, 1), ret});
}

std::string refusal(const Bytes &elf) {
    try {
        check_elf(elf);
    } catch (const ElfError &error) {
        return error.what();
    }
    return "accepted";
}

TEST(Elf, GoodFilesAreAccepted) {
    EXPECT_EQ(refusal(good().build()), "accepted");
    ElfBuilder builder = good();
    builder.parts.push_back({0x00400000, {}, PF_R | PF_W, 0x1000});      // only bss
    builder.parts.push_back({0x00500000, {}, PF_R | PF_W, 0});           // empty: ignored
    builder.parts.push_back({0x123, Bytes(8), PF_R, 0, PT_NOTE});        // not loaded: ignored
    builder.parts.push_back({0x00600000, to_bytes({ret}), PF_R | PF_X}); // a second code segment
    EXPECT_EQ(refusal(builder.build()), "accepted");
}

struct Refusal {
    const char *name;
    void (*spoil)(ElfBuilder &);
    const char *expected; ///< part of the message
};

void PrintTo(const Refusal &refused, std::ostream *out) {
    *out << refused.name;
}

class ElfRule : public testing::TestWithParam<Refusal> {};

TEST_P(ElfRule, NamesRuleAndValue) {
    ElfBuilder builder = good();
    GetParam().spoil(builder);
    const Bytes elf = builder.build();
    EXPECT_NE(refusal(elf).find(GetParam().expected), std::string::npos) << refusal(elf);
    EXPECT_THROW((void)header_bytes(elf), ElfError);
    Services services;
    const std::atomic<bool> kill{false};
    EXPECT_THROW((void)make_rv32im_engine(elf, services, kill), ElfError);
}

const Refusal kIdentityRefusals[] = {
    {"magic", [](ElfBuilder &b) { b.header.e_ident[1] = 'e'; }, "no ELF file"},
    {"x86-64", [](ElfBuilder &b) { b.header.e_ident[EI_CLASS] = ELFCLASS64, b.header.e_machine = EM_X86_64; },
     "wrong architecture x86-64; FMs are RISC-V: build with riscv64-unknown-elf-gcc -march=rv32im"},
    {"ARM", [](ElfBuilder &b) { b.header.e_machine = EM_ARM; }, "wrong architecture ARM"},
    {"unknown machine", [](ElfBuilder &b) { b.header.e_machine = 9999; }, "wrong architecture machine 9999"},
    {"rv64", [](ElfBuilder &b) { b.header.e_ident[EI_CLASS] = ELFCLASS64; }, "64-bit RISC-V; build with -march=rv32im"},
    {"big endian", [](ElfBuilder &b) { b.header.e_ident[EI_DATA] = ELFDATA2MSB; }, "big-endian"},
    {"version", [](ElfBuilder &b) { b.header.e_version = 2; }, "unknown ELF version 2"},
    {"identity version", [](ElfBuilder &b) { b.header.e_ident[EI_VERSION] = 0; }, "unknown ELF version"},
    {"object file", [](ElfBuilder &b) { b.header.e_type = ET_REL; }, "ELF type 1 is no executable"},
    {"PIE", [](ElfBuilder &b) { b.header.e_type = ET_DYN; }, "no PIE"},
    {"compressed", [](ElfBuilder &b) { b.header.e_flags = EF_RISCV_RVC; },
     "compressed instructions (e_flags 0x1): build with -march=rv32im"},
    {"hard float", [](ElfBuilder &b) { b.header.e_flags = EF_RISCV_FLOAT_ABI_DOUBLE; }, "-mabi=ilp32"},
    {"single float", [](ElfBuilder &b) { b.header.e_flags = EF_RISCV_FLOAT_ABI_SINGLE; }, "floating-point ABI"},
    {"rv32e", [](ElfBuilder &b) { b.header.e_flags = EF_RISCV_RVE; }, "RV32E"},
    {"unknown flag", [](ElfBuilder &b) { b.header.e_flags = 0x8000; }, "unknown e_flags 0x8000"},
};
INSTANTIATE_TEST_SUITE_P(Identity, ElfRule, testing::ValuesIn(kIdentityRefusals));

const Refusal kLayoutRefusals[] = {
    {"header size", [](ElfBuilder &b) { b.header.e_phentsize = 56; }, "program headers of 56 bytes"},
    {"too many headers", [](ElfBuilder &b) { b.header.e_phnum = 65; }, "65 program headers"},
    {"header table outside", [](ElfBuilder &b) { b.header.e_phoff = 0xfffffff0; }, "program header table"},
    {"headers cut", [](ElfBuilder &b) { b.header.e_phnum = 64; }, "beyond the end of the file"},
    {"no segment", [](ElfBuilder &b) { b.parts.clear(); }, "entry point 0x11000 is not in executable memory"},
    {"misaligned segment", [](ElfBuilder &b) { b.parts[1].address += 4; }, "segment at 0x11004 is not page-aligned"},
    {"below the window", [](ElfBuilder &b) { b.parts[0].address = 0xf000; }, "outside the image window"},
    {"page 0", [](ElfBuilder &b) { b.parts[2].address = 0; }, "segment at 0x0 (0x2000 bytes) lies outside"},
    {"above the window", [](ElfBuilder &b) { b.parts[2].address = K7_FM_IMAGE_END; }, "outside the image window"},
    {"reaching out of the window", [](ElfBuilder &b) { b.parts[2].address = K7_FM_IMAGE_END - K7_FM_PAGE; },
     "outside the image window 0x10000 to 0x800000"},
    {"wrapping around", [](ElfBuilder &b) { b.parts[2].memory_size = 0xffffffff; }, "outside the image window"},
    {"on the stack", [](ElfBuilder &b) { b.parts[2].address = K7_FM_STACK_TOP - K7_FM_STACK_SIZE; }, "outside"},
    {"larger in the file", [](ElfBuilder &b) { b.parts[2].memory_size = 8; }, "more bytes in the file (0x10)"},
    {"writable code", [](ElfBuilder &b) { b.parts[1].flags = PF_R | PF_W | PF_X; }, "writable and executable"},
    {"executable data", [](ElfBuilder &b) { b.parts[2].flags = PF_W | PF_X; }, "writable and executable"},
    {"same address", [](ElfBuilder &b) { b.parts[2].address = kCode; }, "segments overlap at 0x11000"},
    {"overlap", [](ElfBuilder &b) { b.parts[2].address = kCode - K7_FM_PAGE; }, "segments overlap"},
    {"overlap in the same page",
     [](ElfBuilder &b) {
         b.parts.push_back({kData + K7_FM_PAGE, Bytes(1), PF_R});
     },
     "segments overlap at 0x201000"},
    {"quota", [](ElfBuilder &b) { b.parts[2].memory_size = K7_FM_MEMORY_MAX; }, "at most 2097152 are allowed"},
    {"interpreter",
     [](ElfBuilder &b) {
         b.parts.push_back({0, Bytes(8), PF_R, 0, PT_INTERP});
     },
     "link with -static"},
    {"TLS",
     [](ElfBuilder &b) {
         b.parts.push_back({0, Bytes(8), PF_R, 0, PT_TLS});
     },
     "thread-local storage"},
    {"file too large",
     [](ElfBuilder &b) {
         b.parts.push_back({0, Bytes(K7_FM_IMAGE_MAX), 0, 0, PT_NOTE});
     },
     "an image has at most 4194304"},
};
INSTANTIATE_TEST_SUITE_P(Layout, ElfRule, testing::ValuesIn(kLayoutRefusals));

const Refusal kEntryRefusals[] = {
    {"entry misaligned", [](ElfBuilder &b) { b.header.e_entry = kCode + 2; }, "0x11002 is not a multiple of 4"},
    {"entry in data", [](ElfBuilder &b) { b.header.e_entry = kData; }, "0x200000 is not in executable memory"},
    {"entry after the code", [](ElfBuilder &b) { b.header.e_entry = kCode + 8; }, "not in executable memory"},
    {"entry nowhere", [](ElfBuilder &b) { b.header.e_entry = 0xfffffffc; }, "not in executable memory"},
    {"no header", [](ElfBuilder &b) { b.parts.erase(b.parts.begin()); },
     "no FM header at 0x10000: use DEFINE_FM_HEADER"},
    {"short header", [](ElfBuilder &b) { b.parts[0].content.resize(71); }, "no FM header at 0x10000"},
    {"writable header", [](ElfBuilder &b) { b.parts[0].flags = PF_R | PF_W; }, "the FM header at 0x10000 is writable"},
    {"unreadable header", [](ElfBuilder &b) { b.parts[0].flags = 0; }, "is not readable"},
};
INSTANTIATE_TEST_SUITE_P(Entry, ElfRule, testing::ValuesIn(kEntryRefusals));

TEST(Elf, EmptyAndForeignFilesAreNamed) {
    EXPECT_NE(refusal({}).find("no ELF file"), std::string::npos);
    EXPECT_NE(refusal(Bytes(100)).find("no ELF file"), std::string::npos);
    Bytes only_identity = good().build();
    only_identity.resize(EI_NIDENT);
    EXPECT_NE(refusal(only_identity).find("the ELF header is truncated"), std::string::npos);
}

TEST(Elf, EveryTruncationIsRefusedOrHarmless) {
    const Bytes elf = good().build();
    for (std::size_t size = 0; size < elf.size(); ++size)
        EXPECT_NE(refusal(Bytes(elf.begin(), elf.begin() + static_cast<std::ptrdiff_t>(size))), "accepted") << size;
}

/// Files with random bytes in their headers either throw ElfError or give an engine that runs.
TEST(Elf, SpoiledHeadersNeverHarmTheHost) {
    ElfBuilder builder = good();
    builder.functions = {{"start", kCode, 8}};
    const Bytes original = builder.build();
    std::mt19937 random(20240607);
    Services services;
    const std::atomic<bool> kill{false};
    for (int round = 0; round < 20000; ++round) {
        Bytes elf = original;
        for (int change = 0; change < 1 + round % 3; ++change) {
            const bool in_tables = random() % 3 == 0;
            const std::size_t size = in_tables ? elf.size() : sizeof(Elf32_Ehdr) + 3 * sizeof(Elf32_Phdr);
            elf[random() % size] = static_cast<std::byte>(random() % 4 == 0 ? 0xff : random());
        }
        (void)find_symbol(elf, kCode + 4);
        try {
            const auto engine = make_rv32im_engine(elf, services, kill);
            (void)engine->call(engine->entry(), {}, 100);
        } catch (const ElfError &) {
        }
    }
}

TEST(Header, IsWhatTheFmSeesAtTheImageBase) {
    const auto header = header_bytes(good().build());
    for (std::size_t i = 0; i < header.size(); ++i)
        EXPECT_EQ(header[i], static_cast<std::byte>(i + 1));
}

TEST(Header, BeyondTheFilesBytesIsZero) {
    ElfBuilder builder = good();
    builder.parts[0].content.resize(10);
    builder.parts[0].memory_size = 100;
    const auto header = header_bytes(builder.build());
    EXPECT_EQ(header[9], std::byte{10});
    EXPECT_EQ(header[10], std::byte{0});
    EXPECT_EQ(header[71], std::byte{0});
}

std::string symbol_text(const ElfBuilder &builder, std::uint32_t address) {
    const auto symbol = find_symbol(builder.build(), address);
    return symbol ? symbol->name + "+" + std::to_string(symbol->offset) : "none";
}

TEST(Symbols, TheFunctionThatHoldsTheAddress) {
    ElfBuilder builder = good();
    builder.functions = {{"second", 0x11020, 0x10}, {"first", 0x11000, 0x20}, {"assembly", 0x11040, 0}};
    EXPECT_EQ(symbol_text(builder, 0x11000), "first+0");
    EXPECT_EQ(symbol_text(builder, 0x1101f), "first+31");
    EXPECT_EQ(symbol_text(builder, 0x11020), "second+0");
    EXPECT_EQ(symbol_text(builder, 0x11030), "none");
    EXPECT_EQ(symbol_text(builder, 0x10fff), "none");
    EXPECT_EQ(symbol_text(builder, 0x12000), "assembly+4032");
    EXPECT_EQ(symbol_text(good(), 0x11000), "none");
}

TEST(Symbols, NamesCannotPlayWithTheTerminal) {
    ElfBuilder builder = good();
    builder.functions = {{"a\x1b[2Jb\nc d\xff", kCode, 4}, {std::string(1000, 'x'), kCode + 4, 4}, {"", kCode + 8, 4}};
    EXPECT_EQ(symbol_text(builder, kCode), "a?[2Jb?c?d?+0");
    EXPECT_EQ(symbol_text(builder, kCode + 4), std::string(255, 'x') + "+0");
    EXPECT_EQ(symbol_text(builder, kCode + 8), "none");
}

TEST(Symbols, SpoiledTablesGiveNone) {
    const auto spoiled = [](const std::function<void(Elf32_Ehdr &, Elf32_Shdr *)> &spoil) {
        ElfBuilder builder = good();
        builder.functions = {{"start", kCode, 8}};
        Bytes elf = builder.build();
        Elf32_Ehdr header;
        std::memcpy(&header, elf.data(), sizeof header);
        Elf32_Shdr sections[3];
        const std::size_t table = header.e_shoff;
        std::memcpy(sections, elf.data() + table, sizeof sections);
        spoil(header, sections);
        std::memcpy(elf.data(), &header, sizeof header);
        std::memcpy(elf.data() + table, sections, sizeof sections);
        return find_symbol(elf, kCode).has_value();
    };
    EXPECT_TRUE(spoiled([](Elf32_Ehdr &, Elf32_Shdr *) {}));
    EXPECT_FALSE(spoiled([](Elf32_Ehdr &header, Elf32_Shdr *) { header.e_shoff = 0xfffffff0; }));
    EXPECT_FALSE(spoiled([](Elf32_Ehdr &header, Elf32_Shdr *) { header.e_shentsize = 1; }));
    EXPECT_FALSE(spoiled([](Elf32_Ehdr &header, Elf32_Shdr *) { header.e_shnum = 0; }));
    EXPECT_TRUE(spoiled([](Elf32_Ehdr &header, Elf32_Shdr *) { header.e_shnum = 0xffff; }));
    EXPECT_FALSE(spoiled([](Elf32_Ehdr &, Elf32_Shdr *sections) { sections[1].sh_offset = 0xffffffff; }));
    EXPECT_TRUE(spoiled([](Elf32_Ehdr &, Elf32_Shdr *sections) { sections[1].sh_size = 0xffffffff; }));
    EXPECT_FALSE(spoiled([](Elf32_Ehdr &, Elf32_Shdr *sections) { sections[1].sh_link = 0xffffffff; }));
    EXPECT_FALSE(spoiled([](Elf32_Ehdr &, Elf32_Shdr *sections) { sections[1].sh_link = 1; }));
    EXPECT_FALSE(spoiled([](Elf32_Ehdr &, Elf32_Shdr *sections) { sections[2].sh_offset = 0xfffffff0; }));
    EXPECT_FALSE(spoiled([](Elf32_Ehdr &, Elf32_Shdr *sections) { sections[2].sh_size = 1; }));
}

} // namespace
} // namespace k7::fm::test
