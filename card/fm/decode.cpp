// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fm/decode.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>

namespace k7::fm {
namespace {

enum class Format : std::uint8_t { R, I, Shift, Unary, S, B, U, UPlusPc, J, Exact };

/// Bits of an instruction word that tell instructions of one format apart.
constexpr std::uint32_t mask_of(Format format) {
    switch (format) {
    case Format::R:
    case Format::Shift:
        return 0xfe00707f;
    case Format::Unary:
        return 0xfff0707f;
    case Format::I:
    case Format::S:
    case Format::B:
        return 0x0000707f;
    case Format::U:
    case Format::UPlusPc:
    case Format::J:
        return 0x0000007f;
    case Format::Exact:
        break;
    }
    return 0xffffffff;
}

struct Encoding {
    Kind kind;
    Format format;
    std::uint32_t match;
};

constexpr std::size_t kSingleKinds = 0
#define K7_ALU(name, match, format, value) +1
#define K7_LOAD(name, match, type) +1
#define K7_STORE(name, match, type) +1
#define K7_BRANCH(name, match, condition) +1
#define K7_SPECIAL(name, match, format) +1
#define K7_PSEUDO(name) +1
#include "card/fm/rv32im.def"
    ;

constexpr Encoding kEncodings[] = {
#define K7_ALU(name, match, format, value) {Kind::name, Format::format, match},
#define K7_LOAD(name, match, type) {Kind::name, Format::I, match},
#define K7_STORE(name, match, type) {Kind::name, Format::S, match},
#define K7_BRANCH(name, match, condition) {Kind::name, Format::B, match},
#define K7_SPECIAL(name, match, format) {Kind::name, Format::format, match},
#define K7_PSEUDO(name)
#include "card/fm/rv32im.def"
};

/// Bits high .. low of @p word at the place @p to.
constexpr std::uint32_t bits(std::uint32_t word, unsigned high, unsigned low, unsigned to) {
    return ((word >> low) & ((2u << (high - low)) - 1)) << to;
}

constexpr std::uint32_t sign_extend(std::uint32_t value, unsigned width) {
    const std::uint32_t sign = 1u << (width - 1);
    return (value ^ sign) - sign;
}

constexpr std::uint32_t immediate(Format format, std::uint32_t word, std::uint32_t pc) {
    switch (format) {
    case Format::I:
        return sign_extend(bits(word, 31, 20, 0), 12);
    case Format::Shift:
        return bits(word, 24, 20, 0);
    case Format::S:
        return sign_extend(bits(word, 31, 25, 5) | bits(word, 11, 7, 0), 12);
    case Format::B:
        return sign_extend(bits(word, 31, 31, 12) | bits(word, 7, 7, 11) | bits(word, 30, 25, 5) | bits(word, 11, 8, 1),
                           13);
    case Format::J:
        return sign_extend(
            bits(word, 31, 31, 20) | bits(word, 19, 12, 12) | bits(word, 20, 20, 11) | bits(word, 30, 21, 1), 21);
    case Format::U:
        return word & 0xfffff000;
    case Format::UPlusPc:
        return (word & 0xfffff000) + pc;
    case Format::R:
    case Format::Unary:
    case Format::Exact:
        break;
    }
    return 0;
}

constexpr std::size_t index_of(Kind kind) {
    return static_cast<std::size_t>(kind);
}

/// What fusions.def says, for look-ups.
struct Fusions {
    struct Fusion {
        Kind fused, first, last;
    };
    static constexpr Fusion kList[] = {
#define K7_FUSED(first, last) {Kind::first##_##last, Kind::first, Kind::last},
#include "card/fm/fusions.def"
    };

    /// The op that does a kind and then a single kind; NotExecutable where there is none.
    std::array<std::array<Kind, kSingleKinds>, index_of(Kind::Count)> longer{};
    std::array<Kind, index_of(Kind::Count)> first{};
    std::array<std::uint8_t, index_of(Kind::Count)> length{};

    constexpr Fusions() {
        for (std::size_t kind = 0; kind < first.size(); ++kind) {
            first[kind] = static_cast<Kind>(kind);
            length[kind] = 1;
        }
        for (const Fusion &fusion : kList) {
            longer[index_of(fusion.first)][index_of(fusion.last)] = fusion.fused;
            first[index_of(fusion.fused)] = first[index_of(fusion.first)];
            length[index_of(fusion.fused)] = static_cast<std::uint8_t>(length[index_of(fusion.first)] + 1);
        }
    }
};
constexpr Fusions kFusions;
static_assert(std::ranges::max(kFusions.length) <= kFusedMax);

constexpr bool writes_register(Format format) {
    return format != Format::S && format != Format::B && format != Format::Exact;
}

constexpr bool is_jump(Kind kind) {
    return kind == Kind::Jal || (kind >= Kind::Beq && kind <= Kind::Bgeu);
}

/// Does what follows an op of this kind run only when something jumps there?
constexpr bool ends_run(Kind kind) {
    return kind == Kind::Jal || kind == Kind::Jalr || kind == Kind::Ebreak || kind == Kind::Illegal;
}

constexpr std::uint32_t end_of(const Segment &segment) {
    return (segment.address + segment.memory_size + K7_FM_PAGE - 1) & ~(K7_FM_PAGE - 1);
}

std::uint32_t first_executable(std::span<const Segment> segments) {
    return std::ranges::find_if(segments, &Segment::execute)->address;
}

std::uint32_t op_count(std::span<const Segment> segments) {
    std::uint32_t end = 0;
    for (const Segment &segment : segments)
        if (segment.execute)
            end = end_of(segment);
    return (end - first_executable(segments)) / 4;
}

} // namespace

Op decode(std::uint32_t word, std::uint32_t pc) {
    if ((word & 3) != 3) // a compressed instruction, or the zeros after the code
        return {.kind = Kind::Illegal};
    for (const Encoding &encoding : kEncodings) {
        if ((word & mask_of(encoding.format)) != encoding.match)
            continue;
        const auto rd = static_cast<std::uint8_t>(bits(word, 11, 7, 0));
        return {encoding.kind, rd == 0 || !writes_register(encoding.format) ? kSink : rd,
                static_cast<std::uint8_t>(bits(word, 19, 15, 0)), static_cast<std::uint8_t>(bits(word, 24, 20, 0)),
                immediate(encoding.format, word, pc)};
    }
    return {.kind = Kind::Illegal};
}

Kind first_of(Kind kind) {
    return kFusions.first[index_of(kind)];
}

// Room for every op, the one behind them, and as many far targets as there can be. What is not used costs no memory.
Code::Code(std::span<const Segment> segments, const AddressSpace &memory)
    : base_(first_executable(segments)), size_(op_count(segments)), mapping_((2 * std::size_t{size_} + 1) * sizeof(Op)),
      ops_(reinterpret_cast<Op *>(mapping_.data())) {
    for (const Segment &segment : segments) {
        if (!segment.execute)
            continue;
        decode_segment(segment, memory);
        fuse(op_at(segment.address), op_at(end_of(segment)));
    }
}

void Code::decode_segment(const Segment &segment, const AddressSpace &memory) {
    for (std::uint32_t pc = segment.address; pc != end_of(segment); pc += 4) {
        Op op = decode(*memory.word(pc, kExecute), pc);
        if (is_jump(op.kind))
            op.imm = distance(pc, pc + op.imm);
        std::construct_at(op_at(pc), op);
        longest_run_ = std::max(longest_run_, ++run_);
        if (ends_run(op.kind))
            run_ = 0;
    }
}

/// Let each op do as many of the instructions that follow it as there is a fused op for. Those keep ops of their own,
/// so that they can be jumped to. Going upwards, what follows is not fused yet; behind the last op is one for which
/// there is no fused op.
void Code::fuse(Op *first, const Op *end) {
    for (Op *op = first; op != end; ++op)
        for (const Op *next = op + 1;; ++next) {
            const Kind longer = kFusions.longer[index_of(op->kind)][index_of(next->kind)];
            if (longer == Kind::NotExecutable)
                break;
            op->kind = longer;
        }
}

/// Distance in bytes from the op of @p from to the op of @p target. A target that is no code gets an op of its own
/// behind the code, so that jumps need no test.
std::uint32_t Code::distance(std::uint32_t from, std::uint32_t target) {
    const std::uint32_t index = (from - base_) / 4;
    std::uint32_t target_index = std::rotr(target - base_, 2);
    if (target_index >= size_) {
        target_index = size_ + 1 + far_targets_++;
        std::construct_at(&ops_[target_index], Op{.kind = Kind::FarTarget, .imm = target});
    }
    return (target_index - index) * std::uint32_t{sizeof(Op)};
}

} // namespace k7::fm
