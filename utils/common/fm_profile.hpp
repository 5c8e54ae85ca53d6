// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the instruction counts of an FM say about its source.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "hsm/symbols.hpp"
#include "hsm/types.hpp"

namespace k7::tool {

/// How often the instruction at an address has run.
using InstructionCounts = std::map<std::uint32_t, std::uint64_t>;

/// From the file that a card with the property `profile` writes (docs/card-interface.md). @throws hsm::Error
InstructionCounts read_counts(const std::string &path, hsm::FmId fm_id);

struct FunctionProfile {
    hsm::SourceFunction function;
    std::uint64_t calls = 0;        ///< its first instruction has run so often
    std::uint64_t instructions = 0; ///< of its own, inlined functions included
};

/// All functions of @p symbols and what else has run, those with most instructions first.
std::vector<FunctionProfile> function_profiles(const hsm::SymbolTable &symbols, const InstructionCounts &counts);

/// How often the lines of each file have run; 0: there is code, which has not.
using LineCounts = std::map<std::string, std::map<int, std::uint64_t>>;
LineCounts line_counts(const hsm::SymbolTable &symbols, const InstructionCounts &counts);

/// A tracefile of lcov, for genhtml and its like.
std::string lcov_text(const std::vector<FunctionProfile> &functions, const LineCounts &lines);

} // namespace k7::tool
