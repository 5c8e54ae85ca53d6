// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace k7::card {

/// Room on the host's disk that is kept for erasing: a file beside the store, named STORE-reserve. A full disk must not
/// keep anyone from destroying keys, and a transaction that only deletes still needs a journal.
class Reserve {
  public:
    /// @param store path of the store; empty: it is in memory and needs none. @param size bytes
    Reserve(const std::string &store, std::uint64_t size)
        : path_(store.empty() ? "" : store + "-reserve"), size_(size) {}

    /// Take the room, as far as there is any.
    void take() const noexcept;
    /// Give it back to the disk. @return whether there was any
    [[nodiscard]] bool give() const noexcept;

  private:
    std::string path_;
    std::uint64_t size_;
};

} // namespace k7::card
