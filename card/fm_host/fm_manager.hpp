// SPDX-License-Identifier: GPL-2.0-or-later
//
// The FMs of a running firmware, and how they relate to those in the store. Used by whoever serves the rings.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "card/context.hpp"
#include "card/fm_host/fm.hpp"
#include "card/security/roles.hpp"
#include "card/smfs/smfs.hpp"

namespace k7::card {

class FmManager {
  public:
    FmManager(Context &card, const Roles &roles, Smfs &smfs, const std::atomic<bool> &kill)
        : card_(card), roles_(roles), smfs_(smfs), kill_(kill) {}

    /// Start every FM of the store, in the order of their IDs. @throws FmFault, FmKilled, StoreError
    void start_all();

    /// What the store holds, each with how it runs.
    [[nodiscard]] std::vector<k7_fm_info> list();
    [[nodiscard]] k7_fm_info describe(const StoredFm &stored) const;

    /// @throws Error IMAGE_OLDER when the store holds a higher version of @p fm
    void refuse_older(const StoredFm &fm);

    /// As Fm::call(). @throws Error FM_NOT_FOUND, FM_NOT_STARTED, FM_ISOLATED as well; no FmFault when the policy is to
    /// isolate
    std::optional<FmReply> call(std::uint32_t fm_id, std::span<const std::byte> request, std::span<std::byte> reply,
                                std::uint64_t slice);
    /// Is a call paused?
    [[nodiscard]] bool paused() const { return paused_ != nullptr; }
    /// As Fm::resume(), of the call that is paused.
    std::optional<FmReply> resume(std::span<std::byte> reply, std::uint64_t slice);
    /// Is there anything to call? If not, call() asks the store why.
    [[nodiscard]] bool is_running(std::uint32_t fm_id) const { return running_.contains(fm_id); }

    /// When the next timer of an FM is due; nothing when none runs.
    [[nodiscard]] std::optional<FmTimers::Clock::time_point> next_timer() const;
    /// Call the timer that is due longest, if one is. Not while a call is paused.
    /// @return whether one was due. @throws FmFault, unless the policy is to isolate, FmKilled, StoreError
    bool run_timer();

    /// None runs any more. Not while a call is paused.
    void stop_all() { running_.clear(); }
    /// Delete from the store and stop at once. @throws Error FM_NOT_FOUND
    void remove(std::uint32_t fm_id);
    /// The firmware ends, and this may live on for a while: wipe all FMs' keys.
    void forget_keys();

  private:
    /// Isolate @p fm, if that is the policy. @throws FmFault if not
    void contain(Fm &fm, const FmFault &fault);
    template <class Call>
    std::optional<FmReply> run(Fm &fm, Call &&call);

    Context &card_;
    const Roles &roles_;
    Smfs &smfs_;
    const std::atomic<bool> &kill_;
    std::map<std::uint32_t, std::unique_ptr<Fm>> running_;
    Fm *paused_ = nullptr;
};

} // namespace k7::card
