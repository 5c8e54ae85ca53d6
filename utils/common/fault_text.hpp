// SPDX-License-Identifier: GPL-2.0-or-later
//
// A fault report for a person: with function, source file and line where the FM's debug information is at hand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hsm/symbols.hpp"
#include "hsm/types.hpp"
#include "utils/common/tool.hpp"

namespace k7::tool {

/// Symbols that belong to one report, or the reason why there are none.
class FaultSymbols {
  public:
    /// From the copy that `ctfm load` kept.
    static FaultSymbols from_cache(const hsm::FaultReport &report);
    /// From an ELF file or image that the person names. @throws hsm::Error when an image is of another FM
    static FaultSymbols from_file(const hsm::FaultReport &report, const std::string &path);

    /// A remark for the person; empty when all is well.
    [[nodiscard]] const std::string &note() const noexcept { return note_; }
    /// Functions at a code address, innermost first; empty when unknown.
    [[nodiscard]] std::vector<hsm::SourceFrame> frames(std::uint32_t address) const;

  private:
    std::optional<hsm::SymbolTable> table_;
    std::string note_;
};

std::string fault_text(const hsm::FaultReport &report, const FaultSymbols &symbols);
Json fault_json(const hsm::FaultReport &report, const FaultSymbols &symbols);

} // namespace k7::tool
