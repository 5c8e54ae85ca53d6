// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fm/memory.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <stdexcept>

#include <sys/mman.h>

namespace k7::fm {

static_assert(std::endian::native == std::endian::little, "FM memory is little endian and accessed in place");
static_assert(K7_FM_PAGE == 1u << AddressSpace::kPageShift);

namespace {

constexpr std::uint32_t page_of(std::uint32_t address) {
    return address >> AddressSpace::kPageShift;
}

/// Pages that [address, address + length) touches; length is not 0 and the range does not wrap.
constexpr std::uint32_t pages_in(std::uint32_t address, std::uint32_t length) {
    return page_of(address + length - 1) - page_of(address) + 1;
}

} // namespace

Mapping::Mapping(std::size_t size) : size_(size) {
    void *const pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED)
        throw std::bad_alloc();
    data_ = static_cast<std::byte *>(pages);
    // Only advice: huge pages would commit 2 MiB for one touched byte, and FM memory may hold secrets.
    madvise(pages, size, MADV_NOHUGEPAGE);
    madvise(pages, size, MADV_DONTDUMP);
}

Mapping::~Mapping() {
    munmap(data_, size_);
}

AddressSpace::AddressSpace() : memory_(K7_FM_SPACE) {
    map(K7_FM_HEAP_BASE, K7_FM_HEAP_SIZE, kRead | kWritable);
    map(K7_FM_STACK_TOP - K7_FM_STACK_SIZE, K7_FM_STACK_SIZE, kRead | kWritable);
}

AddressSpace::~AddressSpace() {
    wipe();
}

void AddressSpace::wipe() {
    unmap_message();
    wipe_used(0, kPages);
}

void AddressSpace::map(std::uint32_t address, std::uint32_t length, std::uint8_t permissions) {
    if (length != 0)
        std::fill_n(permissions_.begin() + page_of(address), pages_in(address, length), permissions);
}

void AddressSpace::fill(std::uint32_t address, std::span<const std::byte> bytes) {
    if (bytes.empty())
        return;
    const auto length = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(memory_.data() + address, bytes.data(), length);
    const auto first = permissions_.begin() + page_of(address);
    std::for_each_n(first, pages_in(address, length), [](std::uint8_t &page) { page |= kUsed; });
}

void AddressSpace::map_message(std::span<const std::byte> request) {
    if (request.size() > K7_FM_MESSAGE_MAX)
        throw std::length_error("FM request longer than K7_FM_MESSAGE_MAX");
    unmap_message();
    request_size_ = static_cast<std::uint32_t>(request.size());
    message_mapped_ = true;
    map(K7_FM_REQUEST_BASE, request_size_, kRead);
    if (request_size_ != 0)
        std::memcpy(memory_.data() + K7_FM_REQUEST_BASE, request.data(), request_size_);
    map(K7_FM_REPLY_BASE, K7_FM_MESSAGE_MAX, kRead | kWritable);
}

void AddressSpace::unmap_message() {
    if (!message_mapped_)
        return;
    // Unmapped message pages are all zero, so that mapping them again clears nothing.
    explicit_bzero(memory_.data() + K7_FM_REQUEST_BASE, request_size_);
    map(K7_FM_REQUEST_BASE, request_size_, 0);
    wipe_used(page_of(K7_FM_REPLY_BASE), pages_in(K7_FM_REPLY_BASE, K7_FM_MESSAGE_MAX));
    map(K7_FM_REPLY_BASE, K7_FM_MESSAGE_MAX, 0);
    message_mapped_ = false;
}

bool AddressSpace::make_writable(std::uint32_t address) {
    if (address >= K7_FM_SPACE || (permissions_[page_of(address)] & (kWritable | kWrite)) != kWritable)
        return false;
    permissions_[page_of(address)] |= kWrite | kUsed;
    return true;
}

bool AddressSpace::permits(std::uint32_t address, std::uint32_t length, std::uint8_t permissions) const {
    if (address >= K7_FM_SPACE || length > K7_FM_SPACE - address)
        return false;
    const auto first = permissions_.begin() + page_of(address);
    return std::all_of(first, first + pages_in(address, length),
                       [permissions](std::uint8_t page) { return (page & permissions) != 0; });
}

std::optional<std::span<const std::byte>> AddressSpace::readable(std::uint32_t address, std::uint32_t length) const {
    if (length == 0)
        return std::span<const std::byte>{};
    if (!permits(address, length, kRead))
        return std::nullopt;
    return std::span<const std::byte>(memory_.data() + address, length);
}

std::optional<std::span<std::byte>> AddressSpace::writable(std::uint32_t address, std::uint32_t length) {
    if (length == 0)
        return std::span<std::byte>{};
    if (!permits(address, length, kWritable))
        return std::nullopt;
    const auto first = permissions_.begin() + page_of(address);
    std::for_each_n(first, pages_in(address, length), [](std::uint8_t &page) { page |= kWrite | kUsed; });
    return std::span(memory_.data() + address, length);
}

std::optional<std::uint32_t> AddressSpace::word(std::uint32_t address, std::uint8_t permissions) const {
    if (address % sizeof(std::uint32_t) != 0 || !permits(address, sizeof(std::uint32_t), permissions))
        return std::nullopt;
    std::uint32_t value;
    std::memcpy(&value, memory_.data() + address, sizeof value);
    return value;
}

void AddressSpace::wipe_used(std::uint32_t first_page, std::uint32_t pages) {
    for (std::uint32_t page = first_page; page < first_page + pages; ++page) {
        if ((permissions_[page] & kUsed) == 0)
            continue;
        explicit_bzero(memory_.data() + (std::size_t{page} << kPageShift), K7_FM_PAGE);
        permissions_[page] &= static_cast<std::uint8_t>(~kUsed);
    }
}

} // namespace k7::fm
