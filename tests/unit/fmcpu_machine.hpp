// SPDX-License-Identifier: GPL-2.0-or-later
//
// An FM made in memory, and a machine to run it, for tests of the FM CPU.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <elf.h>

#include "card/fm/engine.hpp"
#include "k7/fault_report.h"
#include "k7/fm_abi.h"

namespace k7::fm::test {

using Bytes = std::vector<std::byte>;
using Words = std::vector<std::uint32_t>;

inline Bytes to_bytes(const Words &words) {
    Bytes bytes(words.size() * 4);
    if (!words.empty())
        std::memcpy(bytes.data(), words.data(), bytes.size());
    return bytes;
}

// Where the parts of a test FM lie.
inline constexpr std::uint32_t kHeader = K7_FM_IMAGE_BASE; // read only, one page
inline constexpr std::uint32_t kCode = 0x00011000;
inline constexpr std::uint32_t kData = 0x00200000; // read and write, two pages
inline constexpr std::uint32_t kDataSize = 2 * K7_FM_PAGE;

/// An ELF file with one PT_LOAD per segment and, when there are symbols, a symbol table. Every field can be spoiled.
struct ElfBuilder {
    struct Part {
        std::uint32_t address;
        Bytes content;
        std::uint32_t flags;
        std::uint32_t memory_size = 0; ///< 0: as long as the content
        std::uint32_t type = PT_LOAD;
    };
    struct Function {
        std::string name;
        std::uint32_t address;
        std::uint32_t size;
    };

    Elf32_Ehdr header{};
    std::vector<Part> parts;
    std::vector<Function> functions;

    ElfBuilder() {
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS32;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = ET_EXEC;
        header.e_machine = EM_RISCV;
        header.e_version = EV_CURRENT;
        header.e_entry = kCode;
        header.e_phoff = sizeof(Elf32_Ehdr);
        header.e_ehsize = sizeof(Elf32_Ehdr);
        header.e_phentsize = sizeof(Elf32_Phdr);
        header.e_shentsize = sizeof(Elf32_Shdr);
    }

    /// Header page, @p code at kCode, and writable data.
    static ElfBuilder with_code(const Words &code) {
        ElfBuilder builder;
        Bytes fm_header(sizeof(k7_fm_header));
        for (std::size_t i = 0; i < fm_header.size(); ++i)
            fm_header[i] = static_cast<std::byte>(i + 1);
        builder.parts.push_back({kHeader, fm_header, PF_R});
        builder.parts.push_back({kCode, to_bytes(code), PF_R | PF_X});
        builder.parts.push_back({kData, Bytes(16, std::byte{0x5a}), PF_R | PF_W, kDataSize});
        return builder;
    }

    [[nodiscard]] Bytes build() const {
        Elf32_Ehdr final_header = header;
        if (final_header.e_phnum == 0)
            final_header.e_phnum = static_cast<Elf32_Half>(parts.size());
        Bytes file(sizeof(Elf32_Ehdr) + parts.size() * sizeof(Elf32_Phdr));
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const Part &part = parts[i];
            Elf32_Phdr program{};
            program.p_type = part.type;
            program.p_offset = static_cast<Elf32_Off>(file.size());
            program.p_vaddr = part.address;
            program.p_filesz = static_cast<Elf32_Word>(part.content.size());
            program.p_memsz = part.memory_size != 0 ? part.memory_size : program.p_filesz;
            program.p_flags = part.flags;
            put(file, sizeof(Elf32_Ehdr) + i * sizeof(Elf32_Phdr), program);
            file.insert(file.end(), part.content.begin(), part.content.end());
        }
        if (!functions.empty())
            add_symbols(file, final_header);
        put(file, 0, final_header);
        return file;
    }

    template <typename T>
    static void put(Bytes &file, std::size_t offset, const T &value) {
        if (file.size() < offset + sizeof value)
            file.resize(offset + sizeof value);
        std::memcpy(file.data() + offset, &value, sizeof value);
    }

  private:
    void add_symbols(Bytes &file, Elf32_Ehdr &final_header) const {
        std::string names(1, '\0');
        const std::size_t table = file.size();
        for (std::size_t i = 0; i < functions.size(); ++i) {
            Elf32_Sym symbol{};
            symbol.st_name = static_cast<Elf32_Word>(names.size());
            symbol.st_value = functions[i].address;
            symbol.st_size = functions[i].size;
            symbol.st_info = ELF32_ST_INFO(STB_GLOBAL, STT_FUNC);
            symbol.st_shndx = 1;
            put(file, table + i * sizeof symbol, symbol);
            names += functions[i].name + '\0';
        }
        const std::size_t strings = file.size();
        for (const char c : names)
            file.push_back(static_cast<std::byte>(c));
        const std::size_t sections = file.size();
        put(file, sections, section(SHT_NULL, 0, 0, 0));
        put(file, sections + sizeof(Elf32_Shdr), section(SHT_SYMTAB, table, strings - table, 2));
        put(file, sections + 2 * sizeof(Elf32_Shdr), section(SHT_STRTAB, strings, names.size(), 0));
        final_header.e_shoff = static_cast<Elf32_Off>(sections);
        final_header.e_shnum = 3;
    }

    static Elf32_Shdr section(std::uint32_t type, std::size_t offset, std::size_t size, std::uint32_t link) {
        Elf32_Shdr header{};
        header.sh_type = type;
        header.sh_offset = static_cast<Elf32_Off>(offset);
        header.sh_size = static_cast<Elf32_Word>(size);
        header.sh_link = link;
        return header;
    }
};

/// Serves every ecall with a function that the test gives.
struct Services final : ServiceHandler {
    using Function = std::function<ServiceResult(FmEngine &, std::uint32_t, const std::array<std::uint32_t, 6> &)>;
    Function function = [](FmEngine &, std::uint32_t, const std::array<std::uint32_t, 6> &) {
        return ServiceResult{0, K7_FAULT_BAD_SERVICE};
    };
    ServiceResult service(FmEngine &engine, std::uint32_t number,
                          const std::array<std::uint32_t, 6> &arguments) override {
        return function(engine, number, arguments);
    }
};

/// One engine and what it needs.
struct Machine {
    static constexpr std::uint64_t kBudget = 100'000'000;

    Services services;
    std::atomic<bool> kill{false};
    std::unique_ptr<FmEngine> engine;

    explicit Machine(const Words &code) : Machine(ElfBuilder::with_code(code)) {}
    explicit Machine(const ElfBuilder &builder) : engine(make_rv32im_engine(builder.build(), services, kill)) {}

    Outcome call(const Words &arguments = {}, std::uint64_t budget = kBudget, std::uint32_t address = kCode) {
        return engine->call(address, arguments, budget);
    }
};

} // namespace k7::fm::test
