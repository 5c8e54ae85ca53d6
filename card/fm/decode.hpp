// SPDX-License-Identifier: GPL-2.0-or-later
//
// FM code, decoded once when the FM is loaded. Code pages are never writable, so it never changes.
#pragma once

#include <cstdint>
#include <span>

#include "card/fm/elf.hpp"
#include "card/fm/memory.hpp"

namespace k7::fm {

/// What an op does: the lines of rv32im.def, then those of fusions.def.
enum class Kind : std::uint8_t {
#define K7_ALU(name, match, format, value) name,
#define K7_LOAD(name, match, type) name,
#define K7_STORE(name, match, type) name,
#define K7_BRANCH(name, match, condition) name,
#define K7_SPECIAL(name, match, format) name,
#define K7_PSEUDO(name) name,
#include "card/fm/rv32im.def"
#define K7_FUSED(first, last) first##_##last,
#include "card/fm/fusions.def"
    Count
};

/// The first of the instructions that @p kind does, or the only one.
[[nodiscard]] Kind first_of(Kind kind);

/// Most instructions that one op does.
inline constexpr std::uint32_t kFusedMax = 4;

/// One decoded instruction, or several that follow each other: then the fields are those of the first.
struct Op {
    Kind kind = Kind::NotExecutable;
    std::uint8_t rd = 0; ///< kSink instead of x0, so that x0 stays 0 without a test
    std::uint8_t rs1 = 0;
    std::uint8_t rs2 = 0;
    std::uint32_t imm = 0; ///< sign-extended; for Jal and branches the distance to the target op in bytes
};
static_assert(sizeof(Op) == 8, "the interpreter's cache footprint is planned for 8 bytes");

/// Register that takes what is written to x0.
inline constexpr std::uint8_t kSink = 32;

/// Decode one instruction word. Branches and Jal get their distance in bytes of FM memory. @p pc is its address.
[[nodiscard]] Op decode(std::uint32_t word, std::uint32_t pc);

/// The ops of all executable segments in the order of their addresses: the op of address a is
/// ops()[(a - base()) / 4]. Gaps are NotExecutable, and so is one op behind the last.
class Code {
  public:
    /// @param segments of a checked ELF file with at least one executable one; @p memory holds their content.
    Code(std::span<const Segment> segments, const AddressSpace &memory);

    [[nodiscard]] std::uint32_t base() const { return base_; }
    /// Number of ops; an address is code if its index is below.
    [[nodiscard]] std::uint32_t size() const { return size_; }
    /// Most ops that can run one after the other without a jump.
    [[nodiscard]] std::uint32_t longest_run() const { return longest_run_; }
    [[nodiscard]] Op *ops() const { return ops_; }
    [[nodiscard]] std::uint32_t address_of(const Op *op) const {
        return base_ + static_cast<std::uint32_t>(op - ops_) * 4;
    }

  private:
    void decode_segment(const Segment &segment, const AddressSpace &memory);
    [[nodiscard]] std::uint32_t distance(std::uint32_t from, std::uint32_t target);

    [[nodiscard]] Op *op_at(std::uint32_t address) const { return &ops_[(address - base_) / 4]; }
    static void fuse(Op *first, const Op *end);

    std::uint32_t base_;
    std::uint32_t size_;
    std::uint32_t run_ = 0; ///< ops since the last that ends a run
    std::uint32_t longest_run_ = 0;
    std::uint32_t far_targets_ = 0;
    Mapping mapping_;
    Op *ops_;
};

} // namespace k7::fm
