// SPDX-License-Identifier: Apache-2.0
/// @file hsm/bytes.hpp
/// Bytes that may be secret: wiped before their memory is given back.
#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <string_view>
#include <vector>

#include "hsm/export.hpp"

namespace hsm {

/// Overwrite @p size bytes at @p data in a way that the compiler does not remove. Thread-safe.
HSM_EXPORT void wipe(void *data, std::size_t size) noexcept;

/// An allocator that wipes what it frees, also when a vector grows and leaves its old memory behind.
template <typename T>
struct WipingAllocator {
    using value_type = T;

    WipingAllocator() = default;
    template <typename U>
    WipingAllocator(const WipingAllocator<U> & /*other*/) noexcept {}

    [[nodiscard]] T *allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
    void deallocate(T *data, std::size_t count) noexcept {
        wipe(data, count * sizeof(T));
        std::allocator<T>().deallocate(data, count);
    }
    template <typename U>
    bool operator==(const WipingAllocator<U> & /*other*/) const noexcept {
        return true;
    }
};

/// Payloads of requests and replies. Like std::vector<std::byte>, but wiped.
using SecureBytes = std::vector<std::byte, WipingAllocator<std::byte>>;
/// Bytes that are no secret: images, certificates.
using Bytes = std::vector<std::byte>;
/// A view of bytes that somebody else keeps alive.
using ByteView = std::span<const std::byte>;

/// The bytes of @p text; valid as long as @p text is.
inline ByteView as_bytes(std::string_view text) noexcept {
    return std::as_bytes(std::span(text));
}

/// @p bytes as text; valid as long as @p bytes are.
inline std::string_view as_text(ByteView bytes) noexcept {
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

} // namespace hsm
