// SPDX-License-Identifier: GPL-2.0-or-later
//
// The HSM SO and the policies, as the running firmware sees them. It is part of the firmware, so logins end with it: at
// a reset, a halt, a restart. Used by whoever serves the rings.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "card/smfs/vault.hpp"
#include "card/store/store.hpp"

namespace k7::card {

/// Commit @p what in one transaction. @param commit does so with what it is given
void wipe(SmfsVault &smfs, const Wipe &what, const std::function<void(const StoredWipe &wiped)> &commit);

/// Zeroize if there were too many wrong passwords. A third failure is committed before its password is looked at: if
/// the power failed there, it counts as wrong. @throws StoreError when that cannot be done: the card has to fail
void finish_zeroize(Store &store, SmfsVault &smfs);

class Roles {
  public:
    Roles(Store &store, SmfsVault &smfs) : store_(store), smfs_(smfs), security_(store.security()) {}

    [[nodiscard]] bool initialised() const { return security_.initialised; }
    [[nodiscard]] std::uint32_t policy(std::uint32_t number) const { return security_.policies.at(number); }

    /// @throws Error LOGIN_REQUIRED
    void require_login(std::uint32_t channel) const;
    /// The same for loading FMs, for which a shared login of another channel is good enough.
    void require_login_to_load(std::uint32_t channel) const;
    /// @throws Error FMS_NOT_ALLOWED
    void require_fms_allowed() const;

    // All of these are in the store when they return; what they wiped there is theirs to say, and the caller's to
    // forget in memory.

    /// @return what it wiped. @throws Error LOGIN_REQUIRED when the HSM is initialised, BAD_FIELD
    Wipe initialise(std::uint32_t channel, const std::string &label, std::span<const std::byte> password);
    /// Log in on @p channel. @param shared others may load FMs meanwhile @return what it wiped: nothing, but for the
    /// last failure
    /// @throws Error NOT_INITIALISED, BAD_PASSWORD
    Wipe login(std::uint32_t channel, std::span<const std::byte> password, bool shared);
    void logout(std::uint32_t channel) { logged_in_.erase(channel); }
    /// Log out all channels whose login is shared. @return how many
    std::uint32_t end_shared_logins();
    /// Other channels are logged out. @throws Error LOGIN_REQUIRED, BAD_FIELD
    void change_password(std::uint32_t channel, std::span<const std::byte> password);
    /// @return what it wiped; nothing when it had that value. @throws Error LOGIN_REQUIRED, NOT_FOUND, BAD_FIELD
    Wipe set_policy(std::uint32_t channel, std::uint32_t number, std::uint32_t value);
    /// Zeroize, factory reset, decommission. @return @p wiped
    Wipe wipe(const Wipe &wiped);

  private:
    void reload();

    Store &store_;
    SmfsVault &smfs_;
    Security security_;
    std::map<std::uint32_t, bool> logged_in_; ///< channels, and whether their login is shared
};

} // namespace k7::card
