// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the fuzzer knows of the driver's structures: where which kind of field is. A field that is not named here is
// filled like a number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace k7fuzz {

enum class Kind {
    Size,     ///< of the structure itself
    Number,   ///< anything
    Opcode,   ///< of a firmware command
    Choice,   ///< a small number: kinds, targets, modes
    Flags,    ///< mostly 0
    Reserved, ///< mostly 0
    Timeout,  ///< milliseconds; short, so that nothing takes long
    Input,    ///< address that is read
    Output,   ///< address that is written
    Array,    ///< address of an array of structures that are filled as well
    Count,    ///< elements of an array
    Length,   ///< bytes at an address
};

struct Field {
    std::size_t offset;
    std::size_t bytes; ///< 4 or 8
    Kind kind;
};

/// A structure, and what its array, if it has one, consists of.
struct Layout {
    std::size_t bytes;
    std::span<const Field> fields;
    const Layout *element;
};

/// One ioctl.
struct Ioctl {
    std::string_view name;
    unsigned long number;
    const Layout *layout;
    unsigned weight; ///< how often it is chosen
    bool restarts;   ///< stops or restarts the card: slow, so rare
};

[[nodiscard]] std::span<const Ioctl> ioctls();

} // namespace k7fuzz
