// SPDX-License-Identifier: Apache-2.0
/// @file hsm/symbols.hpp
/// From an address in an FM to function, file and line.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hsm/bytes.hpp"
#include "hsm/error.hpp"
#include "hsm/export.hpp"

namespace hsm {

/// One function at an address. Empty texts and line 0: not known.
struct SourceFrame {
    std::string function;
    std::string file;
    int line = 0;
};

/// "function at file.c:12", or what is known of it; empty when nothing is.
HSM_EXPORT std::string to_string(const SourceFrame &frame);

/// Where the code of a source line begins.
struct SourceStatement {
    std::uint32_t address = 0;
    std::string file;
    int line = 0;
};

/// A function that has code of its own, [begin, end).
struct SourceFunction {
    std::string name;
    std::string file;
    int line = 0;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
};

/// Symbols of one FM. Not for several threads at once.
class HSM_EXPORT SymbolTable {
  public:
    /// @param elf an ELF file, with or without debug information; copied
    /// @throws Error (failed) when it is none
    explicit SymbolTable(ByteView elf);
    ~SymbolTable();
    SymbolTable(SymbolTable &&) noexcept;
    SymbolTable &operator=(SymbolTable &&) noexcept;

    /// Functions at @p pc, innermost first: inlined ones, then the one that they are inlined in. Empty: unknown.
    [[nodiscard]] std::vector<SourceFrame> frames(std::uint32_t pc) const;
    /// All statements and functions of the debug information whose code is in the file; empty without it.
    [[nodiscard]] std::vector<SourceStatement> statements() const;
    [[nodiscard]] std::vector<SourceFunction> functions() const;

  private:
    struct HSM_HIDDEN Implementation;
    std::unique_ptr<Implementation> implementation_;
};

} // namespace hsm
