// SPDX-License-Identifier: GPL-2.0-or-later
//
// The lines that FMs log: the last ones are kept, each with a number, in memory only. When there is no more room the
// oldest line goes of the FM that has most: one that talks all the time forgets its own words, not those of others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>

namespace k7::card {

class FmLog {
  public:
    static constexpr std::size_t kLineMax = 256; ///< bytes of an FM's text that are kept
    static constexpr std::size_t kLines = 1024;

    /// @param text from the FM: everything that is not printable ASCII becomes '?'
    void add(std::uint32_t fm_id, std::span<const std::byte> text);

    struct Page {
        std::string text;            ///< "FMID text\n" per line
        std::uint32_t next_line = 0; ///< number of the line after the last one in text
    };
    /// Lines from number @p first on, as many as fit into @p room bytes.
    [[nodiscard]] Page read(std::uint32_t first, std::size_t room) const;

  private:
    void drop_line();

    std::map<std::uint32_t, std::string> lines_;                ///< by number
    std::map<std::uint32_t, std::deque<std::uint32_t>> of_fms_; ///< numbers of the lines of each FM
    std::uint32_t next_line_ = 0;
};

} // namespace k7::card
