// SPDX-License-Identifier: GPL-2.0-or-later
//
// The memory that the fuzzer's pointers point to: good, read only, ending at a page that is not there, and bad.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <sys/mman.h>

namespace k7fuzz {

/// Pages with an unmapped one behind them. Not copied: addresses into it are handed out.
class Pages {
  public:
    Pages(std::size_t bytes, int protection)
        : bytes_(bytes), map_(static_cast<std::byte *>(::mmap(nullptr, bytes + kPage, PROT_READ | PROT_WRITE,
                                                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0))) {
        ::mprotect(map_, bytes_, protection);
        ::mprotect(map_ + bytes_, kPage, PROT_NONE);
    }
    ~Pages() { ::munmap(map_, bytes_ + kPage); }
    Pages(const Pages &) = delete;
    Pages &operator=(const Pages &) = delete;

    [[nodiscard]] std::span<std::byte> span() const { return {map_, bytes_}; }
    /// The last @p bytes before the unmapped page.
    [[nodiscard]] std::span<std::byte> last(std::size_t bytes) const { return span().last(std::min(bytes, bytes_)); }

  private:
    static constexpr std::size_t kPage = 4096;
    std::size_t bytes_;
    std::byte *map_;
};

inline std::uint64_t address_of(std::span<std::byte> bytes) {
    return reinterpret_cast<std::uintptr_t>(bytes.data());
}

} // namespace k7fuzz
