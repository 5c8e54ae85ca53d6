// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fm/elf.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <string>

#include <elf.h>

#include "k7/fm_abi.h"

namespace k7::fm {
namespace {

constexpr std::uint32_t kProgramHeadersMax = 64;

using Bytes = std::span<const std::byte>;

std::string hex(std::uint32_t value) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "0x%x", value);
    return text.data();
}

[[noreturn]] void refuse(const std::string &why) {
    throw ElfError("not an acceptable FM: " + why);
}

void require(bool rule, const std::string &why) {
    if (!rule)
        refuse(why);
}

/// @return [offset, offset + size) of @p file. @throws ElfError naming @p what when the file is shorter.
Bytes slice(Bytes file, std::uint32_t offset, std::uint32_t size, const char *what) {
    if (offset > file.size() || size > file.size() - offset)
        refuse(std::string(what) + " (" + std::to_string(size) + " bytes at offset " + std::to_string(offset) +
               ") lies beyond the end of the file (" + std::to_string(file.size()) + " bytes): the file is truncated");
    return file.subspan(offset, size);
}

template <typename T>
T read(Bytes bytes) {
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

std::string machine_name(std::uint16_t machine) {
    struct Name {
        std::uint16_t machine;
        const char *name;
    };
    static constexpr Name kNames[] = {{EM_386, "x86 (32-bit)"}, {EM_X86_64, "x86-64"}, {EM_ARM, "ARM"},
                                      {EM_AARCH64, "AArch64"},  {EM_PPC, "PowerPC"},   {EM_PPC64, "PowerPC 64"},
                                      {EM_MIPS, "MIPS"},        {EM_S390, "S/390"},    {EM_RISCV, "RISC-V"}};
    for (const Name &name : kNames)
        if (name.machine == machine)
            return name.name;
    return "machine " + std::to_string(machine);
}

/// Everything that says for which CPU the file is. e_type and e_machine have the same place in all ELF classes.
Elf32_Ehdr check_identity(Bytes file) {
    require(file.size() >= EI_NIDENT && std::memcmp(file.data(), ELFMAG, SELFMAG) == 0,
            "no ELF file (it does not start with \\x7f ELF)");
    require(file.size() >= sizeof(Elf32_Ehdr),
            "the ELF header is truncated: the file has only " + std::to_string(file.size()) + " bytes");
    const auto header = read<Elf32_Ehdr>(file);
    require(header.e_ident[EI_DATA] == ELFDATA2LSB, "big-endian ELF file; FMs are little endian");
    const bool is_32_bit = header.e_ident[EI_CLASS] == ELFCLASS32;
    require(header.e_machine == EM_RISCV, "wrong architecture " + machine_name(header.e_machine) +
                                              "; FMs are RISC-V: build with riscv64-unknown-elf-gcc -march=rv32im");
    require(is_32_bit, "wrong architecture: 64-bit RISC-V; build with -march=rv32im -mabi=ilp32");
    require(header.e_ident[EI_VERSION] == EV_CURRENT && header.e_version == EV_CURRENT,
            "unknown ELF version " + std::to_string(header.e_version));
    require(header.e_type == ET_EXEC, "ELF type " + std::to_string(header.e_type) +
                                          " is no executable (2); link with the SDK's linker script, static, no PIE");
    return header;
}

void check_flags(std::uint32_t flags) {
    require((flags & EF_RISCV_RVC) == 0,
            "compressed instructions (e_flags " + hex(flags) + "): build with -march=rv32im, not rv32imc");
    require((flags & EF_RISCV_FLOAT_ABI) == EF_RISCV_FLOAT_ABI_SOFT,
            "floating-point ABI (e_flags " + hex(flags) + "): build with -mabi=ilp32");
    require((flags & EF_RISCV_RVE) == 0, "RV32E (e_flags " + hex(flags) + "): build with -march=rv32im -mabi=ilp32");
    require(flags == 0, "unknown e_flags " + hex(flags));
}

Segment check_segment(Bytes file, const Elf32_Phdr &header) {
    const std::string name = "segment at " + hex(header.p_vaddr);
    require(header.p_vaddr % K7_FM_PAGE == 0, name + " is not page-aligned (4096)");
    require(header.p_vaddr >= K7_FM_IMAGE_BASE && header.p_vaddr < K7_FM_IMAGE_END &&
                header.p_memsz <= K7_FM_IMAGE_END - header.p_vaddr,
            name + " (" + hex(header.p_memsz) + " bytes) lies outside the image window " + hex(K7_FM_IMAGE_BASE) +
                " to " + hex(K7_FM_IMAGE_END) + ": link with the SDK's linker script");
    require(header.p_filesz <= header.p_memsz, name + " has more bytes in the file (" + hex(header.p_filesz) +
                                                   ") than in memory (" + hex(header.p_memsz) + ")");
    require((header.p_flags & (PF_W | PF_X)) != (PF_W | PF_X), name + " is writable and executable");
    return {header.p_vaddr,
            header.p_memsz,
            slice(file, header.p_offset, header.p_filesz, name.c_str()),
            (header.p_flags & PF_R) != 0,
            (header.p_flags & PF_W) != 0,
            (header.p_flags & PF_X) != 0};
}

std::vector<Segment> read_segments(Bytes file, const Elf32_Ehdr &header) {
    require(header.e_phentsize == sizeof(Elf32_Phdr),
            "program headers of " + std::to_string(header.e_phentsize) + " bytes, 32 expected");
    require(header.e_phnum <= kProgramHeadersMax, std::to_string(header.e_phnum) + " program headers, at most " +
                                                      std::to_string(kProgramHeadersMax) + " are allowed");
    const std::uint32_t table_size = header.e_phnum * static_cast<std::uint32_t>(sizeof(Elf32_Phdr));
    const Bytes table = slice(file, header.e_phoff, table_size, "the program header table");
    std::vector<Segment> segments;
    for (std::size_t offset = 0; offset < table.size(); offset += sizeof(Elf32_Phdr)) {
        const auto segment = read<Elf32_Phdr>(table.subspan(offset));
        require(segment.p_type != PT_INTERP, "dynamically linked; link with -static");
        require(segment.p_type != PT_TLS, "thread-local storage; FMs have one thread and no TLS");
        if (segment.p_type == PT_LOAD && segment.p_memsz != 0)
            segments.push_back(check_segment(file, segment));
    }
    return segments;
}

/// Rules between segments; puts them in ascending order.
void check_layout(std::vector<Segment> &segments) {
    std::ranges::sort(segments, {}, &Segment::address);
    std::uint32_t free_from = 0;
    std::uint64_t total = 0;
    for (const Segment &segment : segments) {
        require(segment.address >= free_from, "segments overlap at " + hex(segment.address));
        free_from = (segment.address + segment.memory_size + K7_FM_PAGE - 1) & ~(K7_FM_PAGE - 1);
        total += segment.memory_size;
    }
    require(total <= K7_FM_MEMORY_MAX, "its segments need " + std::to_string(total) + " bytes of memory, at most " +
                                           std::to_string(K7_FM_MEMORY_MAX) + " are allowed");
}

const Segment *segment_of(const std::vector<Segment> &segments, std::uint32_t address) {
    for (const Segment &segment : segments)
        if (address >= segment.address && address - segment.address < segment.memory_size)
            return &segment;
    return nullptr;
}

void check_entry(const ElfFile &elf) {
    require(elf.entry % 4 == 0, "entry point " + hex(elf.entry) + " is not a multiple of 4");
    const Segment *const segment = segment_of(elf.segments, elf.entry);
    require(segment != nullptr && segment->execute, "entry point " + hex(elf.entry) + " is not in executable memory");
}

const Segment &check_header_place(const ElfFile &elf) {
    const Segment *const segment = segment_of(elf.segments, K7_FM_IMAGE_BASE);
    const std::string hint = ": use DEFINE_FM_HEADER and the SDK's linker script";
    require(segment != nullptr && segment->memory_size >= sizeof(k7_fm_header),
            "no FM header at " + hex(K7_FM_IMAGE_BASE) + hint);
    require(segment->read, "the FM header at " + hex(K7_FM_IMAGE_BASE) + " is not readable" + hint);
    require(!segment->write, "the FM header at " + hex(K7_FM_IMAGE_BASE) + " is writable" + hint);
    return *segment;
}

} // namespace

ElfFile parse_elf(Bytes file) {
    require(file.size() <= K7_FM_IMAGE_MAX,
            std::to_string(file.size()) + " bytes, an image has at most " + std::to_string(K7_FM_IMAGE_MAX));
    const Elf32_Ehdr header = check_identity(file);
    check_flags(header.e_flags);
    ElfFile elf{header.e_entry, read_segments(file, header)};
    check_layout(elf.segments);
    check_entry(elf);
    check_header_place(elf);
    return elf;
}

void check_elf(Bytes elf) {
    (void)parse_elf(elf);
}

std::array<std::byte, 72> header_bytes(Bytes elf) {
    static_assert(sizeof(k7_fm_header) == 72);
    const ElfFile file = parse_elf(elf);
    const Bytes content = check_header_place(file).content;
    std::array<std::byte, 72> header{};
    std::copy_n(content.begin(), std::min(content.size(), header.size()), header.begin());
    return header;
}

} // namespace k7::fm
