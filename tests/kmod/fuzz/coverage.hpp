// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which places of the kernel a system call of this thread has come through (Documentation/dev-tools/kcov.rst of the
// kernel). Without KCOV in the kernel there is no feedback, and the fuzzer goes by chance alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_set>

namespace k7fuzz {

class Coverage {
  public:
    Coverage();
    ~Coverage();
    Coverage(const Coverage &) = delete;
    Coverage &operator=(const Coverage &) = delete;

    [[nodiscard]] bool available() const { return area_ != nullptr; }
    [[nodiscard]] std::size_t places() const { return seen_.size(); }

    /// Forget what was recorded and begin to record.
    void begin();
    /// @return places that were never seen before
    std::size_t end();

  private:
    int fd_ = -1;
    std::uint64_t *area_ = nullptr; ///< of the kernel: word 0 counts the words that follow
    std::unordered_set<std::uint64_t> seen_;
};

} // namespace k7fuzz
