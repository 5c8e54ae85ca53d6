// SPDX-License-Identifier: GPL-2.0-or-later
//
// The symbol table of an FM, for the fault report. It is a help, not a need: whatever looks wrong is left out.
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include <elf.h>

#include "card/fm/engine.hpp"

namespace k7::fm {
namespace {

constexpr std::size_t kNameMax = 255;

using Bytes = std::span<const std::byte>;

/// Record @p index of a table of T, or nothing beyond its end.
template <typename T>
std::optional<T> record(Bytes table, std::uint64_t index) {
    if (index >= table.size() / sizeof(T))
        return std::nullopt;
    T value;
    std::memcpy(&value, table.data() + index * sizeof(T), sizeof value);
    return value;
}

/// The part of [offset, offset + size) that @p file has.
Bytes clamp(Bytes file, std::uint64_t offset, std::uint64_t size) {
    if (offset > file.size())
        return {};
    return file.subspan(offset, std::min<std::uint64_t>(size, file.size() - offset));
}

/// The terminated text at @p offset; what a terminal might obey becomes '?'.
std::string name_at(Bytes strings, std::uint32_t offset) {
    std::string name;
    for (const std::byte byte : clamp(strings, offset, kNameMax)) {
        const char c = static_cast<char>(byte);
        if (c == '\0')
            break;
        name.push_back(c > ' ' && c <= '~' ? c : '?');
    }
    return name;
}

struct Sections {
    Bytes symbols;
    Bytes strings;
};

/// The first .symtab and its string table; empty when there is none.
Sections symbol_sections(Bytes file) {
    const auto header = record<Elf32_Ehdr>(file, 0);
    if (!header || header->e_shentsize != sizeof(Elf32_Shdr))
        return {};
    const Bytes table = clamp(file, header->e_shoff, std::uint64_t{header->e_shnum} * sizeof(Elf32_Shdr));
    for (std::uint32_t i = 0; const auto section = record<Elf32_Shdr>(table, i); ++i) {
        if (section->sh_type != SHT_SYMTAB)
            continue;
        const auto strings = record<Elf32_Shdr>(table, section->sh_link);
        if (strings && strings->sh_type == SHT_STRTAB)
            return {clamp(file, section->sh_offset, section->sh_size),
                    clamp(file, strings->sh_offset, strings->sh_size)};
    }
    return {};
}

bool is_function(const Elf32_Sym &symbol) {
    return ELF32_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF;
}

/// A function without a size (written in assembly) reaches to the next one.
bool reaches(const Elf32_Sym &symbol, std::uint32_t address) {
    return symbol.st_size == 0 || address - symbol.st_value < symbol.st_size;
}

} // namespace

std::optional<Symbol> find_symbol(Bytes elf, std::uint32_t address) {
    const Sections sections = symbol_sections(elf);
    std::optional<Elf32_Sym> best;
    for (std::uint32_t i = 0; const auto symbol = record<Elf32_Sym>(sections.symbols, i); ++i)
        if (is_function(*symbol) && symbol->st_value <= address && (!best || symbol->st_value > best->st_value))
            best = symbol;
    if (!best || !reaches(*best, address))
        return std::nullopt;
    std::string name = name_at(sections.strings, best->st_name);
    if (name.empty())
        return std::nullopt;
    return Symbol{std::move(name), address - best->st_value};
}

} // namespace k7::fm
