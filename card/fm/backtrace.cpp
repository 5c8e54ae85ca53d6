// SPDX-License-Identifier: GPL-2.0-or-later
//
// The frame of a function compiled with frame pointers, as gcc and clang lay it out: s0 points to the end of the frame,
// the return address is at s0 - 4 and the caller's s0 at s0 - 8. A function that calls nothing may save only the
// caller's s0, at s0 - 4, and keep its return address in ra.
#include "card/fm/backtrace.hpp"

#include "k7/fm_abi.h"

namespace k7::fm {
namespace {

constexpr std::size_t kRa = 1;
constexpr std::size_t kS0 = 8;
/// A prologue saves at most ra and s0 .. s11, with some other instructions mixed in.
constexpr std::uint32_t kPrologueMax = 24;

// Instructions that build and take down a frame, with the immediate masked out.
constexpr std::uint32_t kImmediateMask = 0x000fffff;
constexpr std::uint32_t kAddiSpSp = 0x00010113;
constexpr std::uint32_t kAddiS0Sp = 0x00010413;
constexpr std::uint32_t kLwS0Sp = 0x00012403;

constexpr bool is_jump(std::uint32_t word) {
    const std::uint32_t opcode = word & 0x7f;
    return opcode == 0x63 || opcode == 0x67 || opcode == 0x6f;
}

bool executable(const AddressSpace &memory, std::uint32_t address) {
    return memory.word(address, kExecute).has_value();
}

constexpr bool grows_stack(std::uint32_t word) {
    return (word & kImmediateMask) == kAddiSpSp && (word >> 31) != 0;
}

/// Whether the function at @p pc has s0 pointing to its own frame: looks back for what last built or took it down.
bool has_frame(const AddressSpace &memory, std::uint32_t pc) {
    const auto next = memory.word(pc, kExecute);
    if (!next)
        return false; // a wild jump: s0 and ra are the caller's
    bool found = !grows_stack(*next);
    for (std::uint32_t at = pc - 4; pc - at <= 4 * kPrologueMax; at -= 4) {
        const auto word = memory.word(at, kExecute);
        if (!word || is_jump(*word))
            break;
        if ((*word & kImmediateMask) == kAddiS0Sp)
            return true;
        if ((*word & kImmediateMask) == kLwS0Sp)
            return false;
        if (grows_stack(*word))
            found = false; // but a large frame grows twice, before and after s0 is set
    }
    return found;
}

/// The word @p below bytes under @p frame, if it lies in the stack. Nothing above the stack is ever mapped.
std::optional<std::uint32_t> frame_word(const AddressSpace &memory, std::uint32_t frame, std::uint32_t below) {
    constexpr std::uint32_t kStackEnd = K7_FM_STACK_TOP - K7_FM_STACK_SIZE;
    if (frame < kStackEnd + below)
        return std::nullopt;
    return memory.word(frame - below, kRead);
}

struct Frame {
    std::uint32_t return_address;
    std::uint32_t caller_s0; ///< 0 when it cannot be one
};

/// Frames only go up: that ends every walk.
Frame make_frame(std::uint32_t s0, std::uint32_t return_address, std::uint32_t caller_s0) {
    return {return_address, caller_s0 > s0 ? caller_s0 : 0};
}

std::optional<Frame> read_frame(const AddressSpace &memory, std::uint32_t s0) {
    const auto return_address = frame_word(memory, s0, 4);
    const auto caller_s0 = frame_word(memory, s0, 8);
    if (!return_address || !caller_s0 || !executable(memory, *return_address))
        return std::nullopt;
    return make_frame(s0, *return_address, *caller_s0);
}

/// The innermost function's caller, which may still be in ra.
std::optional<Frame> innermost_frame(const AddressSpace &memory, std::span<const std::uint32_t, 32> registers,
                                     std::uint32_t pc) {
    const std::uint32_t ra = registers[kRa];
    const std::uint32_t s0 = registers[kS0];
    const bool own_frame = has_frame(memory, pc);
    if (own_frame)
        if (const auto frame = read_frame(memory, s0))
            return frame;
    if (!executable(memory, ra))
        return std::nullopt;
    if (!own_frame)
        return Frame{ra, s0};
    const auto saved_s0 = frame_word(memory, s0, 4);
    if (!saved_s0 || *saved_s0 <= s0 || *saved_s0 > K7_FM_STACK_TOP)
        return std::nullopt;
    return Frame{ra, *saved_s0};
}

} // namespace

std::vector<std::uint32_t> walk_frames(const AddressSpace &memory, std::span<const std::uint32_t, 32> registers,
                                       std::uint32_t pc, std::size_t limit) {
    std::vector<std::uint32_t> trace;
    if (limit == 0)
        return trace;
    trace.push_back(pc);
    for (auto frame = innermost_frame(memory, registers, pc); frame && trace.size() < limit;
         frame = read_frame(memory, frame->caller_s0))
        trace.push_back(frame->return_address);
    return trace;
}

} // namespace k7::fm
