// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/guest/uring.hpp"

#include <numeric>

#include "tests/bench/guest/measure.hpp"

namespace k7bench {
namespace {

/// liburing returns negative errors.
int checked_uring(int result, const char *what) {
    if (result < 0)
        throw std::system_error(-result, std::generic_category(), what);
    return result;
}

} // namespace

UringQueue::UringQueue(int fd, std::uint32_t command, unsigned depth, Fill fill, Check check)
    : fd_(fd), command_(command), fill_(std::move(fill)), check_(std::move(check)), free_(depth) {
    std::iota(free_.begin(), free_.end(), 0u);
    checked_uring(io_uring_queue_init(depth, &ring_, IORING_SETUP_SQE128 | IORING_SETUP_CQE32), "io_uring_setup");
}

UringQueue::~UringQueue() {
    io_uring_queue_exit(&ring_);
}

void UringQueue::submit(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        io_uring_sqe *sqe = io_uring_get_sqe(&ring_);
        if (sqe == nullptr || free_.empty())
            throw std::logic_error("more submitted than the queue has room for");
        io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd_, nullptr, 0, 0);
        sqe->cmd_op = command_;
        sqe->user_data = free_.back();
        fill_(*sqe, free_.back());
        free_.pop_back();
    }
    checked_uring(io_uring_submit(&ring_), "io_uring_submit");
}

void UringQueue::take(io_uring_cqe *cqe) {
    check_(*cqe);
    free_.push_back(static_cast<unsigned>(cqe->user_data));
    io_uring_cqe_seen(&ring_, cqe);
}

unsigned UringQueue::collect(unsigned at_least) {
    io_uring_cqe *cqe = nullptr;
    checked_uring(io_uring_wait_cqe_nr(&ring_, &cqe, at_least), "io_uring_wait_cqe_nr");
    unsigned taken = 0;
    while (io_uring_peek_cqe(&ring_, &cqe) == 0 && cqe != nullptr) {
        take(cqe);
        ++taken;
    }
    return taken;
}

} // namespace k7bench
