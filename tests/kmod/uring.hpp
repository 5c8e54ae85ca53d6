// SPDX-License-Identifier: GPL-2.0-or-later
//
// io_uring by its system calls, as much as the tests need: one ring, one thread.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <linux/io_uring.h>
#include <optional>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <unistd.h>

#include "linux/k7hsm.h"

namespace k7test {

struct UringAnswer {
    std::uint64_t user_data = 0;
    std::int32_t result = 0;
    std::uint32_t card_status = 0;
    std::uint32_t value = 0;
};

class Uring {
  public:
    explicit Uring(unsigned entries, unsigned flags = IORING_SETUP_SQE128 | IORING_SETUP_CQE32)
        : wide_entries_((flags & IORING_SETUP_SQE128) != 0), wide_completions_((flags & IORING_SETUP_CQE32) != 0) {
        parameters_.flags = flags;
        fd_ = static_cast<int>(::syscall(SYS_io_uring_setup, entries, &parameters_));
        if (fd_ < 0)
            return;
        const std::size_t sq_bytes = parameters_.sq_off.array + parameters_.sq_entries * sizeof(std::uint32_t);
        const std::size_t cq_bytes = parameters_.cq_off.cqes + parameters_.cq_entries * cqe_bytes();
        ring_bytes_ = sq_bytes > cq_bytes ? sq_bytes : cq_bytes;
        ring_ = map(ring_bytes_, IORING_OFF_SQ_RING);
        entries_bytes_ = parameters_.sq_entries * sqe_bytes();
        entries_ = map(entries_bytes_, IORING_OFF_SQES);
    }
    Uring(const Uring &) = delete;
    Uring &operator=(const Uring &) = delete;
    ~Uring() {
        if (fd_ < 0)
            return;
        ::munmap(ring_, ring_bytes_);
        ::munmap(entries_, entries_bytes_);
        ::close(fd_);
    }

    [[nodiscard]] bool good() const { return fd_ >= 0; }

    /// Puts a command in the queue; enter() sends what is there.
    void queue(int file, const k7_submission &submission, std::uint64_t user_data,
               std::uint32_t number = K7_URING_CMD_REQUEST, std::uint8_t flags = 0) {
        std::atomic_ref<std::uint32_t> tail(*word(parameters_.sq_off.tail));
        const std::uint32_t index = tail & *word(parameters_.sq_off.ring_mask);
        std::byte *raw = entries_ + index * sqe_bytes();
        std::memset(raw, 0, sqe_bytes());
        io_uring_sqe entry{};
        entry.opcode = IORING_OP_URING_CMD;
        entry.flags = flags;
        entry.fd = file;
        entry.off = number; // cmd_op
        entry.user_data = user_data;
        std::memcpy(raw, &entry, kCommandOffset);
        std::memcpy(raw + kCommandOffset, &submission, wide_entries_ ? sizeof(submission) : 16);
        word(parameters_.sq_off.array)[index] = index;
        tail.store(tail + 1, std::memory_order_release);
        queued_++;
    }

    /// @return how many were submitted, or a negative errno
    int enter(unsigned wait = 0) {
        const long result = ::syscall(SYS_io_uring_enter, fd_, queued_, wait, IORING_ENTER_GETEVENTS, nullptr, 0);
        if (result >= 0)
            queued_ -= static_cast<unsigned>(result);
        return result >= 0 ? static_cast<int>(result) : -errno;
    }

    std::optional<UringAnswer> take() {
        std::atomic_ref<std::uint32_t> head(*word(parameters_.cq_off.head)), tail(*word(parameters_.cq_off.tail));
        if (head == tail.load(std::memory_order_acquire))
            return std::nullopt;
        const std::uint32_t index = head & *word(parameters_.cq_off.ring_mask);
        const std::byte *raw = ring_ + parameters_.cq_off.cqes + index * cqe_bytes();
        io_uring_cqe entry{};
        std::memcpy(&entry, raw, sizeof(entry));
        UringAnswer answer{entry.user_data, entry.res, 0, 0};
        if (wide_completions_) {
            std::memcpy(&answer.card_status, raw + sizeof(entry), 4);
            std::memcpy(&answer.value, raw + sizeof(entry) + 4, 4);
        }
        head.store(head + 1, std::memory_order_release);
        return answer;
    }

    /// Sends one and waits for its answer.
    UringAnswer run(int file, const k7_submission &submission, std::uint32_t number = K7_URING_CMD_REQUEST) {
        queue(file, submission, 0, number);
        if (const int result = enter(1); result < 0)
            return {0, result, 0, 0};
        return take().value_or(UringAnswer{0, -ENODATA, 0, 0});
    }

  private:
    static constexpr std::size_t kCommandOffset = 48; // of the command area in an SQE

    [[nodiscard]] std::size_t sqe_bytes() const { return wide_entries_ ? 128 : 64; }
    [[nodiscard]] std::size_t cqe_bytes() const { return wide_completions_ ? 32 : 16; }
    [[nodiscard]] std::uint32_t *word(std::uint32_t offset) const {
        return reinterpret_cast<std::uint32_t *>(ring_ + offset);
    }
    [[nodiscard]] std::byte *map(std::size_t bytes, off_t offset) const {
        return static_cast<std::byte *>(
            ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, offset));
    }

    bool wide_entries_;
    bool wide_completions_;
    io_uring_params parameters_{};
    int fd_ = -1;
    std::byte *ring_ = nullptr;
    std::byte *entries_ = nullptr;
    std::size_t ring_bytes_ = 0;
    std::size_t entries_bytes_ = 0;
    unsigned queued_ = 0;
};

} // namespace k7test
