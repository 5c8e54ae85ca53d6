// SPDX-License-Identifier: GPL-2.0-or-later
//
// Commands to a device through io_uring, in a ring with large entries both ways.
#pragma once

#include <functional>
#include <vector>

#include <liburing.h>

#include "tests/bench/guest/operation.hpp"

namespace k7bench {

class UringQueue : public Queue {
  public:
    /// @param fill   writes the command area of @p sqe for the entry @p slot (0 .. depth - 1); the rest is set already
    /// @param check  throws when the completion is no success
    using Fill = std::function<void(io_uring_sqe &sqe, unsigned slot)>;
    using Check = std::function<void(const io_uring_cqe &cqe)>;

    UringQueue(int fd, std::uint32_t command, unsigned depth, Fill fill, Check check);
    ~UringQueue() override;

    void submit(unsigned count) override;
    unsigned collect(unsigned at_least) override;

  private:
    void take(io_uring_cqe *cqe);

    int fd_;
    std::uint32_t command_;
    Fill fill_;
    Check check_;
    std::vector<unsigned> free_;
    io_uring ring_{};
};

} // namespace k7bench
