// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/kmod/fuzz/coverage.hpp"

#include <atomic>

#include <fcntl.h>
#include <linux/kcov.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace k7fuzz {
namespace {

constexpr std::size_t kWords = 1 << 18;

} // namespace

Coverage::Coverage() : fd_(::open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC)) {
    if (fd_ < 0 || ::ioctl(fd_, KCOV_INIT_TRACE, kWords) != 0)
        return;
    void *area = ::mmap(nullptr, kWords * sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (area == MAP_FAILED || ::ioctl(fd_, KCOV_ENABLE, KCOV_TRACE_PC) != 0)
        return;
    area_ = static_cast<std::uint64_t *>(area);
}

Coverage::~Coverage() {
    if (area_ != nullptr)
        ::munmap(area_, kWords * sizeof(std::uint64_t));
    if (fd_ >= 0)
        ::close(fd_);
}

void Coverage::begin() {
    if (area_ != nullptr)
        std::atomic_ref(area_[0]).store(0);
}

std::size_t Coverage::end() {
    if (area_ == nullptr)
        return 0;
    const std::size_t before = seen_.size();
    const std::uint64_t count = std::atomic_ref(area_[0]).load();
    for (std::uint64_t i = 1; i <= count && i < kWords; i++)
        seen_.insert(area_[i]);
    return seen_.size() - before;
}

} // namespace k7fuzz
