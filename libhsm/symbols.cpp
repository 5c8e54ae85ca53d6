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
    [[nodiscard]] bool has_code_at(Dwarf_Addr address) const;
    template <typename Function>
    void for_each_unit(Function function) const;
    void add_statements(Dwarf_Die &unit, std::vector<SourceStatement> &statements) const;
    void add_function(Dwarf_Die &die, std::vector<SourceFunction> &functions) const;
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

/// Debug information also tells of code that the linker left out, at addresses where none is.
bool SymbolTable::Implementation::has_code_at(Dwarf_Addr address) const {
    std::size_t count = 0;
    if (elf_getphdrnum(elf.get(), &count) != 0)
        return false;
    for (std::size_t index = 0; index < count; ++index) {
        GElf_Phdr header{};
        if (gelf_getphdr(elf.get(), static_cast<int>(index), &header) == nullptr)
            return false;
        if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0 && address >= header.p_vaddr &&
            address - header.p_vaddr < header.p_memsz)
            return true;
    }
    return false;
}

template <typename Function>
void SymbolTable::Implementation::for_each_unit(Function function) const {
    Dwarf_CU *next = nullptr;
    std::uint8_t type = 0;
    Dwarf_Die unit;
    while (dwarf && dwarf_get_units(dwarf.get(), next, &next, nullptr, &type, &unit, nullptr) == 0)
        function(unit);
}

void SymbolTable::Implementation::add_statements(Dwarf_Die &unit, std::vector<SourceStatement> &statements) const {
    Dwarf_Lines *lines = nullptr;
    std::size_t count = 0;
    if (dwarf_getsrclines(&unit, &lines, &count) != 0)
        return;
    for (std::size_t index = 0; index < count; ++index) {
        Dwarf_Line *const line = dwarf_onesrcline(lines, index);
        Dwarf_Addr address = 0;
        SourceStatement statement;
        bool begins = false;
        bool ends_sequence = true;
        dwarf_linebeginstatement(line, &begins);
        dwarf_lineendsequence(line, &ends_sequence);
        if (!begins || ends_sequence || dwarf_lineaddr(line, &address) != 0 || !has_code_at(address))
            continue;
        dwarf_lineno(line, &statement.line);
        statement.address = static_cast<std::uint32_t>(address);
        statement.file = text_of(dwarf_linesrc(line, nullptr, nullptr));
        if (statement.line > 0)
            statements.push_back(std::move(statement));
    }
}

void SymbolTable::Implementation::add_function(Dwarf_Die &die, std::vector<SourceFunction> &functions) const {
    Dwarf_Addr begin = 0;
    Dwarf_Addr end = 0;
    if (dwarf_lowpc(&die, &begin) != 0 || dwarf_highpc(&die, &end) != 0 || begin >= end || !has_code_at(begin))
        return;
    SourceFunction function{.name = name_of(&die),
                            .file = text_of(dwarf_decl_file(&die)),
                            .begin = static_cast<std::uint32_t>(begin),
                            .end = static_cast<std::uint32_t>(end)};
    dwarf_decl_line(&die, &function.line);
    functions.push_back(std::move(function));
}

std::vector<SourceStatement> SymbolTable::statements() const {
    std::vector<SourceStatement> statements;
    implementation_->for_each_unit([&](Dwarf_Die &unit) { implementation_->add_statements(unit, statements); });
    return statements;
}

std::vector<SourceFunction> SymbolTable::functions() const {
    struct Collection {
        const Implementation &implementation;
        std::vector<SourceFunction> functions;
    } collection{*implementation_, {}};
    const auto add = [](Dwarf_Die *die, void *argument) -> int {
        auto *const to = static_cast<Collection *>(argument);
        to->implementation.add_function(*die, to->functions);
        return DWARF_CB_OK;
    };
    implementation_->for_each_unit([&](Dwarf_Die &unit) { dwarf_getfuncs(&unit, add, &collection, 0); });
    return std::move(collection.functions);
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
