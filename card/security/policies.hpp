// SPDX-License-Identifier: GPL-2.0-or-later
//
// The policies of the HSM, and what each administrative action wipes. docs/roles.md explains both.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "k7/payload.h"

namespace k7::card {

/// To add a policy: enum k7_policy_number in k7/payload.h, a line here, docs/roles.md.
struct PolicyRule {
    std::uint32_t number;
    std::uint32_t initial; ///< of a new card, and after a factory reset
    std::uint32_t maximum;
    bool destructive; ///< to change it erases all FMs and the SMFS
};

inline constexpr std::array kPolicies{
    PolicyRule{K7_POLICY_FM, 0, 1, true},
    PolicyRule{K7_POLICY_SMFS_AUTO_ACTIVATION, 1, 1, true},
    PolicyRule{K7_POLICY_FAULT, K7_POLICY_FAULT_HALT, K7_POLICY_FAULT_ISOLATE, false},
};

/// What an action takes away, all of it in one transaction.
struct Wipe {
    bool fms = false;
    bool smfs = false;
    bool certificates = false;
    bool role = false;          ///< label and password: the HSM is not initialised any more
    bool policies = false;      ///< back to their initial values; that FMs were allowed stays on record
    bool decommissions = false; ///< the card says so until it is initialised again

    [[nodiscard]] bool anything() const { return fms || smfs || certificates || role || policies; }
};

inline constexpr Wipe kDestructivePolicy{.fms = true, .smfs = true};
inline constexpr Wipe kReinitialise{.smfs = true};
inline constexpr Wipe kZeroize{.smfs = true, .role = true};
inline constexpr Wipe kFactoryReset{.fms = true, .smfs = true, .certificates = true, .role = true, .policies = true};
inline constexpr Wipe kDecommission{
    .fms = true, .smfs = true, .certificates = true, .role = true, .policies = true, .decommissions = true};

} // namespace k7::card
