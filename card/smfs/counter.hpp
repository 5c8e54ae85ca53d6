// SPDX-License-Identifier: GPL-2.0-or-later
//
// A monotonic counter in a file of its own, outside of the store: what makes an old copy of the store noticeable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "card/file_descriptor.hpp"

namespace k7::card {

/// The file has two slots, written in turn, so that a power cut leaves at least the older one. Not thread-safe.
class CounterFile {
  public:
    /// @param path made when missing, with mode 0600. @param esn the card that it counts for
    /// @throws Error BAD_FIELD when it is another card's, or none at all; StoreError
    CounterFile(std::string path, std::string_view esn);

    /// @return nothing in a new file
    [[nodiscard]] std::optional<std::uint64_t> value() const { return value_; }
    [[nodiscard]] const std::string &path() const { return path_; }
    /// On the disk when it returns. @throws StoreError
    void set(std::uint64_t value);

  private:
    struct Slot;
    [[nodiscard]] Slot make_slot(std::uint64_t value) const;
    [[nodiscard]] std::optional<std::uint64_t> read_slot(unsigned index) const;

    const std::string path_;
    const std::string esn_;
    const FileDescriptor file_;
    std::optional<std::uint64_t> value_;
};

} // namespace k7::card
