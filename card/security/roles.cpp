// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/security/roles.hpp"

#include <algorithm>

namespace k7::card {
namespace {

void check_label(const std::string &label) {
    if (label.empty() || std::any_of(label.begin(), label.end(), [](char c) { return c < ' ' || c > '~'; }))
        throw Error(K7_ST_BAD_FIELD, "a label has 1 to 31 printable ASCII characters");
}

std::string attempts_text(std::uint32_t failures) {
    const std::uint32_t left = K7_LOGIN_ATTEMPTS - failures;
    return std::to_string(left) + (left == 1 ? " attempt is left" : " attempts are left") +
           ", then the HSM is zeroized";
}

} // namespace

void wipe(SmfsVault &smfs, const Wipe &what, const std::function<void(const StoredWipe &wiped)> &commit) {
    if (what.smfs)
        smfs.erase([&](const SmfsState &fresh) { commit({what, fresh}); });
    else
        commit({what, std::nullopt});
}

void finish_zeroize(Store &store, SmfsVault &smfs) {
    if (store.security().failures < K7_LOGIN_ATTEMPTS)
        return;
    try {
        wipe(smfs, kZeroize, [&](const StoredWipe &wiped) { store.wipe(wiped); });
    } catch (const Error &error) { // whatever it is: nobody may go on guessing
        throw StoreError(std::string("after ") + std::to_string(K7_LOGIN_ATTEMPTS) +
                         " wrong passwords the HSM cannot be zeroized: " + error.what());
    }
}

void Roles::reload() {
    security_ = store_.security();
}

void Roles::require_login(std::uint32_t channel) const {
    if (!logged_in_.contains(channel))
        throw Error(K7_ST_LOGIN_REQUIRED, "the HSM SO is not logged in on this channel");
}

void Roles::require_login_to_load(std::uint32_t channel) const {
    if (std::none_of(logged_in_.begin(), logged_in_.end(), [](const auto &login) { return login.second; }))
        require_login(channel);
}

void Roles::require_fms_allowed() const {
    if (policy(K7_POLICY_FM) == 0)
        throw Error(K7_ST_FMS_NOT_ALLOWED, "policy " + std::to_string(K7_POLICY_FM) + " is off");
}

Wipe Roles::initialise(std::uint32_t channel, const std::string &label, std::span<const std::byte> password) {
    if (initialised())
        require_login(channel);
    check_label(label);
    const Wipe wiped = initialised() ? kReinitialise : Wipe{};
    const Credentials credentials = make_credentials(password, kPasswordCost);
    card::wipe(smfs_, wiped, [&](const StoredWipe &stored) { store_.initialise(label, credentials, false, stored); });
    logged_in_.clear();
    reload();
    return wiped;
}

// The attempt is counted before the password is looked at: who cuts the power after a wrong one has used it up all the
// same.
Wipe Roles::login(std::uint32_t channel, std::span<const std::byte> password, bool shared) {
    if (!initialised())
        throw Error(K7_ST_NOT_INITIALISED, "there is no HSM SO to log in");
    logged_in_.erase(channel);
    const std::uint32_t failures = store_.count_login_failure();
    if (failures <= K7_LOGIN_ATTEMPTS && fits(security_.credentials, password)) {
        store_.forgive_login_failures();
        logged_in_[channel] = shared;
        return {};
    }
    if (failures < K7_LOGIN_ATTEMPTS)
        throw Error(K7_ST_BAD_PASSWORD, attempts_text(failures));
    finish_zeroize(store_, smfs_);
    logged_in_.clear();
    reload();
    return kZeroize;
}

std::uint32_t Roles::end_shared_logins() {
    return static_cast<std::uint32_t>(std::erase_if(logged_in_, [](const auto &login) { return login.second; }));
}

void Roles::change_password(std::uint32_t channel, std::span<const std::byte> password) {
    require_login(channel);
    store_.set_credentials(make_credentials(password, kPasswordCost));
    std::erase_if(logged_in_, [channel](const auto &login) { return login.first != channel; });
    reload();
}

Wipe Roles::set_policy(std::uint32_t channel, std::uint32_t number, std::uint32_t value) {
    require_login(channel);
    const auto rule = std::find_if(kPolicies.begin(), kPolicies.end(),
                                   [number](const PolicyRule &known) { return known.number == number; });
    if (rule == kPolicies.end())
        throw Error(K7_ST_NOT_FOUND, "policy " + std::to_string(number) + " is not known");
    if (value > rule->maximum)
        throw Error(K7_ST_BAD_FIELD, "policy " + std::to_string(number) + " takes 0 to " +
                                         std::to_string(rule->maximum) + ", not " + std::to_string(value));
    if (policy(number) == value)
        return {};
    const Wipe wiped = rule->destructive ? kDestructivePolicy : Wipe{};
    card::wipe(smfs_, wiped, [&](const StoredWipe &stored) { store_.set_policy(number, value, stored); });
    reload();
    return wiped;
}

Wipe Roles::wipe(const Wipe &wiped) {
    card::wipe(smfs_, wiped, [this](const StoredWipe &stored) { store_.wipe(stored); });
    logged_in_.clear();
    reload();
    return wiped;
}

} // namespace k7::card
