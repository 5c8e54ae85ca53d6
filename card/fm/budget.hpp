// SPDX-License-Identifier: GPL-2.0-or-later
//
// Counting instructions without counting each one.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "card/fm/decode.hpp"

namespace k7::fm {

/// The instruction budget of one call: exact, but the interpreter pays for it only at taken jumps.
///
/// The interpreter holds a limit: the place at which its grant would end if it ran straight on. A jump moves op and
/// limit by the same distance, less the one op it took; so (limit - op) is always what is left of the grant. When op
/// passes limit it asks for the next grant. Between two jumps it can overrun the grant by the longest straight run, so
/// that much is held back; once only that is left, a BudgetEnd op is put exactly where the budget runs out.
class Budget {
  public:
    /// @param kill is looked at for every grant: at least every 2^20 instructions.
    Budget(const Code &code, std::uint64_t instructions, const std::atomic<bool> &kill)
        : code_(code), kill_(kill), instructions_(instructions), reserve_(instructions) {}
    ~Budget() { remove_end(); }
    Budget(const Budget &) = delete;
    Budget &operator=(const Budget &) = delete;

    static std::intptr_t place(const Op *op) { return reinterpret_cast<std::intptr_t>(op); }

    /// The next grant when @p op runs next and @p limit was the old limit. @return the new limit
    [[nodiscard]] std::intptr_t refill(const Op *op, std::intptr_t limit) {
        remove_end();
        const std::uint64_t left = remaining(op, limit);
        if (left <= code_.longest_run()) {
            reserve_ = left;
            put_end(op, left);
            return place(op);
        }
        const std::uint64_t grant = left - code_.longest_run() < kGrant ? left - code_.longest_run() : kGrant;
        reserve_ = left - grant;
        return place(op) + static_cast<std::intptr_t>(grant * sizeof(Op));
    }

    [[nodiscard]] bool killed() const { return kill_.load(std::memory_order_relaxed); }

    /// Instructions executed before @p op.
    [[nodiscard]] std::uint64_t used(const Op *op, std::intptr_t limit) const {
        return instructions_ - remaining(op, limit);
    }

  private:
    static constexpr std::uint64_t kGrant = 1u << 18;
    static_assert(kGrant + K7_FM_MEMORY_MAX / 4 < 1u << 20, "the kill flag is polled every 2^20 instructions");

    [[nodiscard]] std::uint64_t remaining(const Op *op, std::intptr_t limit) const {
        constexpr std::intptr_t kOpSize = sizeof(Op);
        return reserve_ + static_cast<std::uint64_t>((limit - place(op)) / kOpSize);
    }

    void put_end(const Op *op, std::uint64_t left) {
        const std::uint64_t index = static_cast<std::uint64_t>(op - code_.ops()) + left;
        // A straight run ends at a gap by itself.
        if (index >= code_.size() || code_.ops()[index].kind == Kind::NotExecutable)
            return;
        const std::uint64_t first = index - std::min<std::uint64_t>(index, kFusedMax - 1);
        replaced_ = std::span(code_.ops() + first, code_.ops() + index + 1);
        std::ranges::copy(replaced_, saved_.begin());
        for (Op &before : replaced_) // none of them may do what comes behind the end
            before.kind = first_of(before.kind);
        replaced_.back() = Op{.kind = Kind::BudgetEnd};
    }

    void remove_end() {
        std::copy_n(saved_.begin(), replaced_.size(), replaced_.begin());
        replaced_ = {};
    }

    const Code &code_;
    const std::atomic<bool> &kill_;
    std::uint64_t instructions_;
    std::uint64_t reserve_;  ///< what is left beyond the grant
    std::span<Op> replaced_; ///< where BudgetEnd lies and the ops before it that might jump over it
    std::array<Op, kFusedMax> saved_;
};

} // namespace k7::fm
