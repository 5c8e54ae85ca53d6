// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the services of one call may cost. They run outside of the FM's budget of instructions, each of them counts as
// one there, so that an FM which writes or hashes in a loop would keep the card busy for hours.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace k7::card {

/// The services of one call have cost more than it may: the FM faults.
struct FmOverwork {};

class WorkBudget {
  public:
    /// What a change of the SMFS costs, which is on the disk when the service returns.
    static constexpr std::uint32_t kCommit = 8000;

    /// @param limit of each call, and of the start-up, in the units of K7_FM_WORK_MAX
    explicit WorkBudget(std::uint32_t limit) : limit_(limit) {}

    void begin_call() { spent_ = 0; }
    /// @throws FmOverwork
    void spend(std::uint32_t work) {
        if (work > limit_ - spent_)
            throw FmOverwork{};
        spent_ += work;
    }
    /// The same for something that is done to @p bytes of memory. An FM may name any length: none has more than this.
    void spend_on(std::size_t bytes) {
        constexpr std::size_t kMost = 1 << 20;
        spend(static_cast<std::uint32_t>(std::min(bytes, kMost) / 256) + 1);
    }

  private:
    const std::uint32_t limit_;
    std::uint32_t spent_ = 0;
};

} // namespace k7::card
