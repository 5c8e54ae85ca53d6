// SPDX-License-Identifier: Apache-2.0
#include "hsm/symbols.hpp"

#include <cstdlib>

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>

#include "libhsm/decode.hpp"

namespace hsm {
namespace {

struct FreeMemory {
    // libdw allocates with malloc. NOLINTNEXTLINE(cppcoreguidelines-no-malloc)
    void operator()(void *memory) const noexcept { std::free(memory); }
};
struct EndElf {
    void operator()(Elf *elf) const noexcept { elf_end(elf); }
};
struct EndDwarf {
    void operator()(Dwarf *dwarf) const noexcept { dwarf_end(dwarf); }
};

std::string text_of(const char *text) {
    return text != nullptr ? printable(text) : std::string();
}

std::string name_of(Dwarf_Die *die) {
    Dwarf_Attribute attribute;
    return text_of(dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute)));
}

Dwarf_Word number(Dwarf_Die *die, unsigned name) {
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    dwarf_formudata(dwarf_attr(die, name, &attribute), &value);
    return value;
}

/// The compilation unit that holds @p pc. Not through .debug_aranges, which some compilers leave out.
bool find_unit(Dwarf *dwarf, Dwarf_Addr pc, Dwarf_Die &unit) {
    Dwarf_CU *next = nullptr;
    std::uint8_t type = 0;
    while (dwarf_get_units(dwarf, next, &next, nullptr, &type, &unit, nullptr) == 0)
        if (dwarf_haspc(&unit, pc) == 1)
            return true;
    return false;
}

/// Where the scope @p inlined was called from.
void set_call_site(Dwarf_Die &unit, Dwarf_Die *inlined, SourceFrame &frame) {
    Dwarf_Files *files = nullptr;
    std::size_t count = 0;
    frame.line = static_cast<int>(number(inlined, DW_AT_call_line));
    const Dwarf_Word file = number(inlined, DW_AT_call_file);
    if (dwarf_getsrcfiles(&unit, &files, &count) == 0 && file < count)
        frame.file = text_of(dwarf_filesrc(files, file, nullptr, nullptr));
}

} // namespace

struct SymbolTable::Implementation {
    Bytes bytes; // libelf reads from it
    std::unique_ptr<Elf, EndElf> elf;
    std::unique_ptr<Dwarf, EndDwarf> dwarf;

    [[nodiscard]] std::vector<SourceFrame> from_debug_information(Dwarf_Addr pc) const;
    [[nodiscard]] SourceFrame from_symbols(std::uint32_t pc) const;
    bool search_section(Elf_Scn *section, std::uint32_t pc, SourceFrame &frame) const;
};

std::vector<SourceFrame> SymbolTable::Implementation::from_debug_information(Dwarf_Addr pc) const {
    Dwarf_Die unit;
    if (!dwarf || !find_unit(dwarf.get(), pc, unit))
        return {};
    SourceFrame frame;
    if (Dwarf_Line *const line = dwarf_getsrc_die(&unit, pc)) {
        dwarf_lineno(line, &frame.line);
        frame.file = text_of(dwarf_linesrc(line, nullptr, nullptr));
    }
    Dwarf_Die *scopes = nullptr;
    const int count = dwarf_getscopes(&unit, pc, &scopes);
    const std::unique_ptr<Dwarf_Die, FreeMemory> owner(count > 0 ? scopes : nullptr);
    std::vector<SourceFrame> frames;
    for (int index = 0; index < count; ++index) {
        Dwarf_Die *const scope = &scopes[index];
        const int tag = dwarf_tag(scope);
        if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine)
            continue;
        frame.function = name_of(scope);
        frames.push_back(frame);
        if (tag == DW_TAG_subprogram)
            break;
        set_call_site(unit, scope, frame);
    }
    return frames;
}

bool SymbolTable::Implementation::search_section(Elf_Scn *section, std::uint32_t pc, SourceFrame &frame) const {
    GElf_Shdr header{};
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_SYMTAB || header.sh_entsize == 0)
        return false;
    Elf_Data *const data = elf_getdata(section, nullptr);
    for (std::size_t index = 0; data != nullptr && index < header.sh_size / header.sh_entsize; ++index) {
        GElf_Sym symbol{};
        if (gelf_getsym(data, static_cast<int>(index), &symbol) == nullptr)
            return false;
        if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || pc < symbol.st_value || pc - symbol.st_value >= symbol.st_size)
            continue;
        frame.function = text_of(elf_strptr(elf.get(), header.sh_link, symbol.st_name));
        return true;
    }
    return false;
}

SourceFrame SymbolTable::Implementation::from_symbols(std::uint32_t pc) const {
    SourceFrame frame;
    Elf_Scn *section = nullptr;
    while ((section = elf_nextscn(elf.get(), section)) != nullptr)
        if (search_section(section, pc, frame))
            break;
    return frame;
}

std::string to_string(const SourceFrame &frame) {
    std::string text = frame.function;
    if (!frame.file.empty())
        text += (text.empty() ? "" : " at ") + frame.file + ":" + std::to_string(frame.line);
    return text;
}

SymbolTable::SymbolTable(ByteView elf) : implementation_(std::make_unique<Implementation>()) {
    elf_version(EV_CURRENT);
    auto &bytes = implementation_->bytes;
    bytes.assign(elf.begin(), elf.end());
    implementation_->elf.reset(elf_memory(reinterpret_cast<char *>(bytes.data()), bytes.size()));
    if (elf_kind(implementation_->elf.get()) != ELF_K_ELF)
        throw Error(ErrorKind::failed, "no symbols: this is no ELF file");
    implementation_->dwarf.reset(dwarf_begin_elf(implementation_->elf.get(), DWARF_C_READ, nullptr));
}

SymbolTable::~SymbolTable() = default;
SymbolTable::SymbolTable(SymbolTable &&) noexcept = default;
SymbolTable &SymbolTable::operator=(SymbolTable &&) noexcept = default;

std::vector<SourceFrame> SymbolTable::frames(std::uint32_t pc) const {
    std::vector<SourceFrame> frames = implementation_->from_debug_information(pc);
    if (!frames.empty())
        return frames;
    SourceFrame frame = implementation_->from_symbols(pc);
    if (!frame.function.empty())
        frames.push_back(std::move(frame));
    return frames;
}

} // namespace hsm
