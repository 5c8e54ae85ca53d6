// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reading an FM's ELF file. The bytes come from whoever holds a signing key: nothing in them is trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "card/fm/engine.hpp"

namespace k7::fm {

/// A PT_LOAD segment that passed every rule.
struct Segment {
    std::uint32_t address = 0;          ///< first byte, page-aligned
    std::uint32_t memory_size = 0;      ///< bytes in memory, not 0
    std::span<const std::byte> content; ///< first bytes; the rest is zero. Points into the file
    bool read = false;
    bool write = false;
    bool execute = false;
};

/// What loading an FM needs from its ELF file; refers to the file's bytes.
struct ElfFile {
    std::uint32_t entry = 0;
    std::vector<Segment> segments; ///< ascending, without overlap
};

/// @throws ElfError when @p elf breaks a rule of include/k7/fm_abi.h.
[[nodiscard]] ElfFile parse_elf(std::span<const std::byte> elf);

} // namespace k7::fm
