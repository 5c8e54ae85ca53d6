// SPDX-License-Identifier: GPL-2.0-or-later
//
// What each kind of op does to registers and memory, made from rv32im.def and fusions.def, for the interpreter's loop.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "card/fm/decode.hpp"
#include "card/fm/memory.hpp"

namespace k7::fm {

/// What an op works on.
struct Core {
    std::uint32_t *x;
    std::byte *memory;
    const std::uint8_t *permissions;
};

constexpr std::int32_t to_signed(std::uint32_t value) {
    return static_cast<std::int32_t>(value);
}
constexpr std::uint32_t to_unsigned(std::int32_t value) {
    return static_cast<std::uint32_t>(value);
}

constexpr std::uint32_t high_half(std::int64_t product) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(product) >> 32);
}

constexpr std::uint32_t divide(std::int32_t dividend, std::int32_t divisor) {
    if (divisor == 0)
        return UINT32_MAX;
    if (divisor == -1) // INT32_MIN / -1 overflows and gives INT32_MIN
        return 0u - to_unsigned(dividend);
    return to_unsigned(dividend / divisor);
}

constexpr std::uint32_t remainder(std::int32_t dividend, std::int32_t divisor) {
    if (divisor == 0)
        return to_unsigned(dividend);
    return divisor == -1 ? 0 : to_unsigned(dividend % divisor);
}

/// All ones in each byte of @p value that is not 0.
constexpr std::uint32_t fill_bytes(std::uint32_t value) {
    constexpr std::uint32_t kLow = 0x7f7f7f7f;
    const std::uint32_t top = (((value & kLow) + kLow) | value) & ~kLow; // the highest bit of those bytes
    return (top << 1) - (top >> 7);
}

/// Whether a T may be accessed at @p address. Rotating the alignment bits to the top makes one comparison refuse
/// both misaligned addresses and those beyond the space; an aligned T never crosses a page.
template <typename T>
inline bool permits(const std::uint8_t *permissions, std::uint32_t address, Permission wanted) {
    constexpr int kAlignmentBits = std::countr_zero(sizeof(T));
    return std::rotr(address, kAlignmentBits) < K7_FM_SPACE / sizeof(T) &&
           (permissions[address >> AddressSpace::kPageShift] & wanted) != 0;
}

/// Does(kind)::step() does what an op of that kind does but for jumping. @return false, and nothing is done, when
/// memory refuses the access; op is then the instruction that it refuses. taken() says whether the op, when it is done,
/// jumps by its distance. Fused ops leave op at the last instruction that they did.
template <Kind>
struct Does;

// NOLINTBEGIN(bugprone-macro-parentheses)
#define S1 core.x[op->rs1]
#define S2 core.x[op->rs2]
#define IMM op->imm
#define K7_STEP(...)                                                                                                   \
    [[gnu::always_inline]] static bool step([[maybe_unused]] const Op *&op, [[maybe_unused]] const Core &core) {       \
        __VA_ARGS__                                                                                                    \
        return true;                                                                                                   \
    }
#define K7_TAKEN(condition)                                                                                            \
    [[gnu::always_inline]] static bool taken([[maybe_unused]] const Op *op, [[maybe_unused]] const Core &core) {       \
        return condition;                                                                                              \
    }

#define K7_ALU(name, match, format, value)                                                                             \
    template <>                                                                                                        \
    struct Does<Kind::name> {                                                                                          \
        K7_STEP(core.x[op->rd] = value;)                                                                               \
        K7_TAKEN(false)                                                                                                \
    };
#define K7_LOAD(name, match, type)                                                                                     \
    template <>                                                                                                        \
    struct Does<Kind::name> {                                                                                          \
        K7_STEP(const std::uint32_t address = S1 + IMM;                                                                \
                if (!permits<type>(core.permissions, address, kRead)) [[unlikely]] return false; type value;           \
                std::memcpy(&value, core.memory + address, sizeof value);                                              \
                core.x[op->rd] = static_cast<std::uint32_t>(value);)                                                   \
        K7_TAKEN(false)                                                                                                \
    };
#define K7_STORE(name, match, type)                                                                                    \
    template <>                                                                                                        \
    struct Does<Kind::name> {                                                                                          \
        K7_STEP(const std::uint32_t address = S1 + IMM;                                                                \
                if (!permits<type>(core.permissions, address, kWrite)) [[unlikely]] return false;                      \
                const auto value = static_cast<type>(S2); std::memcpy(core.memory + address, &value, sizeof value);)   \
        K7_TAKEN(false)                                                                                                \
    };
#define K7_BRANCH(name, match, condition)                                                                              \
    template <>                                                                                                        \
    struct Does<Kind::name> {                                                                                          \
        K7_STEP()                                                                                                      \
        K7_TAKEN(condition)                                                                                            \
    };
#define K7_SPECIAL(name, match, format)
#define K7_PSEUDO(name)
#include "card/fm/rv32im.def"

#define K7_FUSED(first, last)                                                                                          \
    template <>                                                                                                        \
    struct Does<Kind::first##_##last> {                                                                                \
        K7_STEP(if (!Does<Kind::first>::step(op, core)) [[unlikely]] return false; ++op;                               \
                if (!Does<Kind::last>::step(op, core)) [[unlikely]] return false;)                                     \
        K7_TAKEN(Does<Kind::last>::taken(op, core))                                                                    \
    };
#include "card/fm/fusions.def"

#undef S1
#undef S2
#undef IMM
#undef K7_STEP
#undef K7_TAKEN
// NOLINTEND(bugprone-macro-parentheses)

} // namespace k7::fm
