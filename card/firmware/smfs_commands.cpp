// SPDX-License-Identifier: GPL-2.0-or-later
//
// Commands about the SMFS. Only FMs see what is in it.
#include "card/firmware/firmware.hpp"
#include "k7/payload.h"

namespace k7::card {

static_assert(sizeof(k7_smfs_info) == 32);

template <>
void handle<K7_CMD_SMFS_INFO>(Firmware &firmware, const Command &command) {
    const SmfsTotals totals = firmware.card().store.smfs_totals();
    command.reply.append_struct(k7_smfs_info{
        .state = static_cast<std::uint32_t>(firmware.card().smfs_active ? K7_SMFS_ACTIVE : K7_SMFS_INACTIVE),
        .generation = totals.generation,
        .files = totals.files,
        .directories = totals.directories,
        .used = totals.used,
        .capacity = firmware.card().store.smfs_capacity()});
}

// With policy K7_POLICY_SMFS_AUTO_ACTIVATION the firmware has done it when it started.
template <>
void handle<K7_CMD_SMFS_ACTIVATE>(Firmware &firmware, const Command &command) {
    firmware.roles().require_login(command.channel);
    const bool was_active = firmware.card().smfs_active.exchange(true);
    firmware.smfs().activate();
    if (!was_active)
        firmware.card().registers.raise(K7_EVENT_SMFS);
}

} // namespace k7::card
