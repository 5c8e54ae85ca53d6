// SPDX-License-Identifier: Apache-2.0
//
// The card's rules for an FM's ELF file, checked where the developer sits. libelf reads; nothing in the file is
// trusted.
#include "libhsm/fm_elf.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include <endian.h>
#include <gelf.h>
#include <libelf.h>

#include "hsm/error.hpp"
#include "libhsm/decode.hpp"
#include "libhsm/text.hpp"

namespace hsm {
namespace {

struct EndElf {
    void operator()(Elf *elf) const noexcept { elf_end(elf); }
};
using ElfPointer = std::unique_ptr<Elf, EndElf>;

constexpr std::uint32_t kProgramHeadersMax = 64;
constexpr const char *kBuildHint = "build it with the FM SDK (-march=rv32im -mabi=ilp32, the SDK's linker script)";

void require(bool rule, const std::string &why, const std::string &hint = kBuildHint) {
    if (!rule)
        throw Error(ErrorKind::failed, "not an acceptable FM: " + why, hint);
}

std::string machine_name(unsigned machine) {
    struct Name {
        unsigned machine;
        const char *name;
    };
    static constexpr Name kNames[] = {{EM_386, "x86"},         {EM_X86_64, "x86-64"}, {EM_ARM, "ARM"},
                                      {EM_AARCH64, "AArch64"}, {EM_PPC, "PowerPC"},   {EM_PPC64, "PowerPC 64"}};
    const auto *const found = std::ranges::find(kNames, machine, &Name::machine);
    return found != std::end(kNames) ? found->name : "ELF machine " + std::to_string(machine);
}

void check_machine(const GElf_Ehdr &header) {
    require(header.e_machine == EM_RISCV, "built for " + machine_name(header.e_machine) + ", FMs are 32-bit RISC-V");
    require(header.e_ident[EI_CLASS] == ELFCLASS32, "built for 64-bit RISC-V, FMs are 32-bit");
    require(header.e_ident[EI_DATA] == ELFDATA2LSB, "built big-endian, FMs are little-endian");
    require(header.e_type == ET_EXEC, "it is no executable (an object file, or position independent): link it");
    require((header.e_flags & EF_RISCV_RVC) == 0, "it has compressed instructions");
    require((header.e_flags & EF_RISCV_FLOAT_ABI) == 0, "it uses floating point registers");
    require(header.e_flags == 0, format("unknown ELF flags 0x%x", static_cast<unsigned>(header.e_flags)));
}

void check_segment(const GElf_Phdr &segment, std::size_t file_size) {
    const std::string name = format("segment at 0x%llx", static_cast<unsigned long long>(segment.p_vaddr));
    require(segment.p_offset <= file_size && segment.p_filesz <= file_size - segment.p_offset,
            name + " lies beyond the end of the file: it is cut short", "build it again");
    require(segment.p_filesz <= segment.p_memsz, name + " has more bytes in the file than in memory");
    require(segment.p_vaddr % K7_FM_PAGE == 0, name + " does not begin on a page");
    require(segment.p_vaddr >= K7_FM_IMAGE_BASE && segment.p_vaddr < K7_FM_IMAGE_END &&
                segment.p_memsz <= K7_FM_IMAGE_END - segment.p_vaddr,
            name + format(" is outside 0x%x to 0x%x", K7_FM_IMAGE_BASE, K7_FM_IMAGE_END));
    require((segment.p_flags & (PF_W | PF_X)) != (PF_W | PF_X), name + " is writable and executable");
}

std::vector<GElf_Phdr> read_segments(Elf *elf, std::size_t file_size) {
    std::size_t count = 0;
    require(elf_getphdrnum(elf, &count) == 0 && count <= kProgramHeadersMax, "its program headers cannot be read");
    std::vector<GElf_Phdr> segments;
    for (std::size_t index = 0; index < count; ++index) {
        GElf_Phdr segment{};
        require(gelf_getphdr(elf, static_cast<int>(index), &segment) != nullptr, "its program headers are cut short");
        require(segment.p_type != PT_INTERP && segment.p_type != PT_DYNAMIC, "it is dynamically linked");
        require(segment.p_type != PT_TLS, "it has thread-local storage");
        if (segment.p_type != PT_LOAD || segment.p_memsz == 0)
            continue;
        check_segment(segment, file_size);
        segments.push_back(segment);
    }
    std::ranges::sort(segments, {}, &GElf_Phdr::p_vaddr);
    return segments;
}

void check_layout(const std::vector<GElf_Phdr> &segments, std::uint64_t entry) {
    std::uint64_t total = 0;
    std::uint64_t free_from = 0;
    bool entry_found = false;
    for (const GElf_Phdr &segment : segments) {
        require(segment.p_vaddr >= free_from, "its segments share a page");
        free_from = (segment.p_vaddr + segment.p_memsz + K7_FM_PAGE - 1) & ~std::uint64_t{K7_FM_PAGE - 1};
        total += segment.p_memsz;
        const bool holds_entry = entry >= segment.p_vaddr && entry - segment.p_vaddr < segment.p_memsz;
        entry_found = entry_found || (holds_entry && (segment.p_flags & PF_X) != 0);
    }
    require(total <= K7_FM_MEMORY_MAX, "it needs " + std::to_string(total) + " bytes of memory, a card gives at most " +
                                           std::to_string(K7_FM_MEMORY_MAX));
    require(entry_found && entry % 4 == 0, "its entry point is not in executable memory");
}

k7_fm_header header_in(ByteView file, const std::vector<GElf_Phdr> &segments) {
    const auto found = std::ranges::find(segments, GElf_Addr{K7_FM_IMAGE_BASE}, &GElf_Phdr::p_vaddr);
    k7_fm_header header{};
    const bool there = found != segments.end() && found->p_filesz >= sizeof header;
    if (there)
        std::memcpy(&header, file.data() + found->p_offset, sizeof header);
    require(there && le32toh(header.magic) == K7_FM_HEADER_MAGIC, "it has no FM header",
            "use DEFINE_FM_HEADER once, and the SDK's linker script");
    require((found->p_flags & (PF_R | PF_W)) == PF_R, "its FM header is not in read-only memory");
    return header;
}

void check_header(const k7_fm_header &header) {
    const std::uint32_t id = le32toh(header.fm_id);
    require(le32toh(header.header_version) == K7_FM_HEADER_VERSION,
            "FM header version " + std::to_string(le32toh(header.header_version)) + " is not known");
    require(id >= K7_FM_ID_MIN && id <= K7_FM_ID_MAX, format("FM ID %x is out of range", id),
            format("give it an ID from %x to %x in DEFINE_FM_HEADER", K7_FM_ID_MIN, K7_FM_ID_MAX));
    require(header.reserved0 == 0 && header.reserved1 == 0, "reserved fields of its FM header are not 0");
}

/// ASCII, then only zeros.
void check_text(std::string_view text, const char *what) {
    const std::size_t length = std::min(text.find('\0'), text.size());
    require(std::ranges::all_of(text.substr(0, length), [](char c) { return c >= 0x20 && c <= 0x7e; }) &&
                text.find_first_not_of('\0', length) == std::string_view::npos,
            std::string("the ") + what + " in its FM header is no ASCII text", "correct DEFINE_FM_HEADER");
}

} // namespace

k7_fm_header read_fm_header(ByteView file) {
    require(file.size() > SELFMAG && std::memcmp(file.data(), ELFMAG, SELFMAG) == 0, "it is no ELF file");
    require(file.size() <= K7_FM_IMAGE_MAX,
            "it has " + std::to_string(file.size()) + " bytes, a card takes at most " + std::to_string(K7_FM_IMAGE_MAX),
            "strip it, or make it smaller");
    elf_version(EV_CURRENT);
    Bytes copy(file.begin(), file.end()); // libelf wants memory that it may write
    const ElfPointer elf(elf_memory(reinterpret_cast<char *>(copy.data()), copy.size()));
    GElf_Ehdr ehdr{};
    require(elf && gelf_getehdr(elf.get(), &ehdr) != nullptr, "its ELF header is cut short", "build it again");
    check_machine(ehdr);
    const std::vector<GElf_Phdr> segments = read_segments(elf.get(), file.size());
    const k7_fm_header header = header_in(file, segments);
    check_layout(segments, ehdr.e_entry);
    check_header(header);
    check_text({header.manufacturer, sizeof header.manufacturer}, "manufacturer");
    check_text({header.product, sizeof header.product}, "product");
    return header;
}

FmHeader header_for_people(const k7_fm_header &header) {
    return {{le32toh(header.fm_id)},
            le16toh(header.fm_version),
            le32toh(header.serial),
            printable({header.manufacturer, sizeof header.manufacturer}),
            printable({header.product, sizeof header.product})};
}

} // namespace hsm
