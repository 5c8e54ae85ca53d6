// SPDX-License-Identifier: GPL-2.0-or-later
//
// Memory for a payload on its way. A card spends most of its life idle and a machine may have many of them, so the
// pages come with the first use and go again when the firmware is idle. That also wipes them.
#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <sys/mman.h>

namespace k7::card {

class BounceBuffer {
  public:
    /// @param size bytes, a multiple of the page size
    explicit BounceBuffer(std::size_t size) : size_(size) {
        void *const pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED)
            throw std::bad_alloc();
        pages_ = static_cast<std::byte *>(pages);
    }
    ~BounceBuffer() { munmap(pages_, size_); }
    BounceBuffer(const BounceBuffer &) = delete;
    BounceBuffer &operator=(const BounceBuffer &) = delete;

    /// All of it, for use.
    [[nodiscard]] std::span<std::byte> bytes() {
        used_ = true;
        return {pages_, size_};
    }
    /// The content is not needed any more; nobody may hold what bytes() gave.
    void give_back() {
        if (used_)
            madvise(pages_, size_, MADV_DONTNEED);
        used_ = false;
    }

  private:
    std::byte *pages_ = nullptr;
    std::size_t size_;
    bool used_ = false;
};

} // namespace k7::card
