// SPDX-License-Identifier: GPL-2.0-or-later
//
// Commands about the HSM SO, the policies, and the end of what the card holds.
#include <cstring>

#include "card/firmware/firmware.hpp"
#include "k7/payload.h"

namespace k7::card {
namespace {

static_assert(sizeof(k7_hsm_init) == 32 && sizeof(k7_policy) == 16);

void erase(Firmware &firmware, const Wipe &wiped) {
    const Firmware::LongWork work(firmware);
    firmware.forget(firmware.roles().wipe(wiped));
}

} // namespace

template <>
void handle<K7_CMD_HSM_INIT>(Firmware &firmware, const Command &command) {
    const Firmware::LongWork work(firmware);
    k7_hsm_init init{};
    std::memcpy(&init, command.request.data(), sizeof(init));
    const std::string label(init.label, ::strnlen(init.label, sizeof(init.label)));
    if (label.size() == sizeof(init.label))
        throw Error(K7_ST_BAD_FIELD, "the label is not padded with 0");
    firmware.forget(firmware.roles().initialise(command.channel, label, command.request.subspan(sizeof(init))));
}

template <>
void handle<K7_CMD_HSM_LOGIN>(Firmware &firmware, const Command &command) {
    const Firmware::LongWork work(firmware);
    if ((command.args[0] & ~K7_LOGIN_SHARED) != 0)
        throw Error(K7_ST_BAD_FIELD, "unknown flags of a login");
    const bool shared = (command.args[0] & K7_LOGIN_SHARED) != 0;
    const Wipe wiped = firmware.roles().login(command.channel, command.request, shared);
    if (!wiped.anything())
        return;
    firmware.forget(wiped);
    throw Error(K7_ST_ZEROIZED, "the SMFS is erased, the HSM is not initialised");
}

template <>
void handle<K7_CMD_HSM_LOGOUT>(Firmware &firmware, const Command &command) {
    if ((command.args[0] & ~K7_LOGOUT_SHARED) != 0)
        throw Error(K7_ST_BAD_FIELD, "unknown flags of a logout");
    firmware.roles().logout(command.channel);
    if ((command.args[0] & K7_LOGOUT_SHARED) != 0)
        command.reply.result = firmware.roles().end_shared_logins();
}

template <>
void handle<K7_CMD_HSM_PASSWORD>(Firmware &firmware, const Command &command) {
    const Firmware::LongWork work(firmware);
    firmware.roles().change_password(command.channel, command.request);
}

template <>
void handle<K7_CMD_HSM_ZEROIZE>(Firmware &firmware, const Command &) {
    erase(firmware, kZeroize);
}

template <>
void handle<K7_CMD_HSM_FACTORY_RESET>(Firmware &firmware, const Command &) {
    erase(firmware, kFactoryReset);
}

template <>
void handle<K7_CMD_HSM_DECOMMISSION>(Firmware &firmware, const Command &) {
    erase(firmware, kDecommission);
}

template <>
void handle<K7_CMD_POLICY_LIST>(Firmware &firmware, const Command &command) {
    command.reply.append_struct(k7_policy_list{.count = static_cast<std::uint32_t>(kPolicies.size()), .reserved = 0});
    for (const PolicyRule &rule : kPolicies)
        command.reply.append_struct(
            k7_policy{.number = rule.number,
                      .value = firmware.roles().policy(rule.number),
                      .flags = rule.destructive ? static_cast<std::uint32_t>(K7_POLICY_DESTRUCTIVE) : 0,
                      .maximum = rule.maximum});
}

template <>
void handle<K7_CMD_POLICY_SET>(Firmware &firmware, const Command &command) {
    const Firmware::LongWork work(firmware);
    firmware.forget(firmware.roles().set_policy(command.channel, command.args[0], command.args[1]));
}

} // namespace k7::card
