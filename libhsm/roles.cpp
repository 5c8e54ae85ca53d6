// SPDX-License-Identifier: Apache-2.0
//
// The HSM SO and the policies: the part of hsm/card.hpp that administers.
#include <algorithm>
#include <string_view>

#include "hsm/card.hpp"
#include "k7/payload.h"
#include "libhsm/channel.hpp"
#include "libhsm/decode.hpp"

namespace hsm {
namespace {

constexpr std::size_t kLabelMax = sizeof(k7_hsm_init::label) - 1;

void check_new_password(ByteView password) {
    if (password.size() < K7_PASSWORD_MIN || password.size() > K7_PASSWORD_MAX)
        throw Error(ErrorKind::usage,
                    "the new password has " + std::to_string(password.size()) + " bytes: not accepted",
                    "choose one of " + std::to_string(K7_PASSWORD_MIN) + " to " + std::to_string(K7_PASSWORD_MAX));
}

} // namespace

void Card::check_label(std::string_view label) {
    const auto is_printable = [](char letter) { return letter >= ' ' && letter <= '~'; };
    if (label.empty() || label.size() > kLabelMax || !std::ranges::all_of(label, is_printable))
        throw Error(ErrorKind::usage, "the label '" + printable(label) + "' is not accepted",
                    "choose one of 1 to " + std::to_string(kLabelMax) + " printable ASCII characters");
}

void Card::initialise(const std::string &label, ByteView password) {
    check_label(label);
    check_new_password(password);
    k7_hsm_init init{};
    std::ranges::copy(label, init.label);
    const ByteView head = std::as_bytes(std::span(&init, 1));
    SecureBytes payload;
    payload.reserve(head.size() + password.size());
    payload.insert(payload.end(), head.begin(), head.end());
    payload.insert(payload.end(), password.begin(), password.end());
    request(*transport_, {K7_CMD_HSM_INIT, 0, payload}, "initialise the HSM");
}

void Card::login(ByteView password, bool shared) {
    if (password.empty() || password.size() > K7_PASSWORD_MAX)
        throw Error(ErrorKind::usage, "cannot log in: a password has 1 to " + std::to_string(K7_PASSWORD_MAX) +
                                          " bytes, this one " + std::to_string(password.size()));
    request(*transport_, {K7_CMD_HSM_LOGIN, shared ? K7_LOGIN_SHARED : 0, password}, "log in");
}

void Card::logout() {
    request(*transport_, {K7_CMD_HSM_LOGOUT}, "log out");
}

std::uint32_t Card::end_shared_logins() {
    return request(*transport_, {K7_CMD_HSM_LOGOUT, K7_LOGOUT_SHARED}, "log out").result;
}

void Card::change_password(ByteView password) {
    check_new_password(password);
    request(*transport_, {K7_CMD_HSM_PASSWORD, 0, password}, "change the password");
}

void Card::zeroize() {
    request(*transport_, {K7_CMD_HSM_ZEROIZE}, "zeroize the HSM");
}

void Card::factory_reset() {
    request(*transport_, {K7_CMD_HSM_FACTORY_RESET}, "reset the HSM to factory settings");
}

void Card::decommission() {
    request(*transport_, {K7_CMD_HSM_DECOMMISSION}, "decommission the HSM");
}

std::vector<Policy> Card::policies() const {
    return decode_policies(request(*transport_, {K7_CMD_POLICY_LIST}, "list the policies").payload);
}

void Card::set_policy(std::uint32_t number, std::uint32_t value) {
    request(*transport_, {.opcode = K7_CMD_POLICY_SET, .arg0 = number, .arg1 = value},
            "set policy " + std::to_string(number));
}

} // namespace hsm
