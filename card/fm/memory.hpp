// SPDX-License-Identifier: GPL-2.0-or-later
//
// The memory that one FM sees: K7_FM_SPACE bytes with permissions per page.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "k7/fm_abi.h"

namespace k7::fm {

/// Zero-filled anonymous pages, committed by the host kernel when they are first touched, kept out of core dumps.
class Mapping {
  public:
    /// @throws std::bad_alloc when the host has no address space left.
    explicit Mapping(std::size_t size);
    ~Mapping();
    Mapping(const Mapping &) = delete;
    Mapping &operator=(const Mapping &) = delete;

    [[nodiscard]] std::byte *data() const { return data_; }
    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    std::byte *data_;
    std::size_t size_;
};

/// What a page permits, as a bit set. A page that may be written but was not yet carries kWritable without kWrite: the
/// first store takes the slow way, which sets kWrite and kUsed. So a store needs one test, and wiping knows its pages.
enum Permission : std::uint8_t {
    kRead = 1,
    kWrite = 2, ///< may be written, and was
    kExecute = 4,
    kWritable = 8, ///< may be written
    kUsed = 16,    ///< holds bytes that must be wiped
};

/// One FM's address space. Not thread-safe. Destroying it wipes every page that ever held something.
class AddressSpace {
  public:
    static constexpr std::uint32_t kPageShift = 12;
    static constexpr std::uint32_t kPages = K7_FM_SPACE >> kPageShift;

    AddressSpace();
    ~AddressSpace();
    AddressSpace(const AddressSpace &) = delete;
    AddressSpace &operator=(const AddressSpace &) = delete;

    /// Give the pages that [address, address + length) touches @p permissions. The range lies inside the space.
    void map(std::uint32_t address, std::uint32_t length, std::uint8_t permissions);
    /// Copy @p bytes to @p address whatever the permissions are. The range lies inside the space.
    void fill(std::uint32_t address, std::span<const std::byte> bytes);

    /// Request and reply of a call, see FmEngine::map_message. @throws std::length_error beyond K7_FM_MESSAGE_MAX
    void map_message(std::span<const std::byte> request);
    void unmap_message();

    /// Unmap the message and zero every page that ever held something.
    void wipe();

    /// True when the page of @p address waited for its first store: kWrite is now set.
    bool make_writable(std::uint32_t address);

    [[nodiscard]] std::optional<std::span<const std::byte>> readable(std::uint32_t address, std::uint32_t length) const;
    [[nodiscard]] std::optional<std::span<std::byte>> writable(std::uint32_t address, std::uint32_t length);

    /// The little-endian word at @p address (a multiple of 4) if its page permits one of @p permissions.
    [[nodiscard]] std::optional<std::uint32_t> word(std::uint32_t address, std::uint8_t permissions) const;

    /// For the interpreter: the bytes of the space and the permissions of its pages.
    [[nodiscard]] std::byte *bytes() const { return memory_.data(); }
    [[nodiscard]] const std::uint8_t *permissions() const { return permissions_.data(); }

  private:
    [[nodiscard]] bool permits(std::uint32_t address, std::uint32_t length, std::uint8_t permissions) const;
    void wipe_used(std::uint32_t first_page, std::uint32_t pages);

    Mapping memory_;
    std::array<std::uint8_t, kPages> permissions_{};
    std::uint32_t request_size_ = 0;
    bool message_mapped_ = false;
};

} // namespace k7::fm
