// SPDX-License-Identifier: GPL-2.0-or-later
//
// The FM's memory as the services of cryptography see it: looked at, or refused.
#pragma once

#include <algorithm>
#include <cstring>

#include "card/fm/engine.hpp"
#include "card/fm_host/crypto_support.hpp"
#include "card/smfs/name.hpp"
#include "card/smfs/smfs.hpp"

namespace k7::card {

/// @throws FmRefusal BAD_POINTER
inline std::span<std::byte> writable_at(fm::FmEngine &engine, std::uint32_t address, std::uint32_t length) {
    const auto memory = engine.writable(address, length);
    if (!memory)
        refuse_crypto(K7_FM_E_BAD_POINTER);
    return *memory;
}

/// @throws FmRefusal BAD_POINTER, BAD_LENGTH beyond K7_FM_DATA_MAX
inline ByteView data_at(const fm::FmEngine &engine, std::uint32_t address, std::uint32_t length) {
    const auto memory = engine.readable(address, length);
    if (!memory)
        refuse_crypto(K7_FM_E_BAD_POINTER);
    if (length > K7_FM_DATA_MAX)
        refuse_crypto(K7_FM_E_BAD_LENGTH);
    return *memory;
}

/// A copy of a structure.
template <class T>
T object_at(const fm::FmEngine &engine, std::uint32_t address) {
    T object;
    std::memcpy(&object, data_at(engine, address, sizeof(T)).data(), sizeof(T));
    return object;
}

/// Copy a result to where the FM wants it. @return its length. @throws FmRefusal BAD_LENGTH when there is no room
inline std::uint32_t give(ByteView result, std::span<std::byte> room) {
    if (result.size() > room.size())
        refuse_crypto(K7_FM_E_BAD_LENGTH);
    std::ranges::copy(result, room.begin());
    return static_cast<std::uint32_t>(result.size());
}

/// A terminated path. Byte by byte, because it may end just before memory that the FM may not read.
/// @throws SmfsError PARAMETER, NAME_TOO_LONG
SmfsPath path_at(fm::FmEngine &engine, std::uint32_t address);

} // namespace k7::card
