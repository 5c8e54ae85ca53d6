// SPDX-License-Identifier: GPL-2.0-or-later
//
// How often each instruction of an FM has run, for coverage and profile. Kept in a text file: a line "fm ID" for each
// FM, then "ADDRESS COUNT" for each of its instructions that ran; ID and ADDRESS are hexadecimal, COUNT is decimal.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "card/file_descriptor.hpp"
#include "card/fm/engine.hpp"

namespace k7::card {

class Profile {
  public:
    class Counts {
      public:
        explicit Counts(fm::Range code) : code_(code), counts_(code.length / 4) {}
        void add(std::uint32_t pc) {
            if (pc - code_.address < code_.length)
                ++counts_[(pc - code_.address) / 4];
        }
        [[nodiscard]] bool is_of(fm::Range code) const {
            return code.address == code_.address && code.length == code_.length;
        }
        void write(std::string &text) const;

      private:
        fm::Range code_;
        std::vector<std::uint64_t> counts_; ///< by instruction
    };

    /// @param path made anew, mode 0600. @throws Error BAD_FIELD
    explicit Profile(const std::string &path);

    /// The counts of an FM, which go on when it is started again; an FM with other code begins anew. Valid until then.
    Counts &of(std::uint32_t fm_id, fm::Range code);
    /// Write all counts to the file. What cannot be written is lost: a profile is no reason for a card to fail.
    void save() const;

  private:
    const FileDescriptor file_;
    std::map<std::uint32_t, Counts> fms_;
};

} // namespace k7::card
