// SPDX-License-Identifier: GPL-2.0-or-later
//
// Commands about the SMFS. Only FMs see what is in it.
#include "card/firmware/firmware.hpp"
#include "k7/payload.h"

namespace k7::card {
namespace {

static_assert(sizeof(k7_smfs_info) == 64 && sizeof(k7_smfs_check) == 192 && sizeof(k7_smfs_finding) == 24);
static_assert(static_cast<int>(SmfsFinding::Kind::Smfs) == K7_SMFS_FINDING_ALL &&
              static_cast<int>(SmfsFinding::Kind::File) == K7_SMFS_FINDING_FILE &&
              static_cast<int>(SmfsFinding::Kind::Stray) == K7_SMFS_FINDING_STRAY);

std::uint32_t flags_of(const SmfsVault::Facts &facts) {
    return (facts.has_root_key ? K7_SMFS_HAS_ROOT_KEY : 0) | (facts.has_counter ? K7_SMFS_HAS_COUNTER : 0);
}

} // namespace

template <>
void handle<K7_CMD_SMFS_INFO>(Firmware &firmware, const Command &command) {
    const SmfsVault::Facts facts = firmware.card().smfs.facts();
    command.reply.append_struct(k7_smfs_info{.state = firmware.card().smfs_state(),
                                             .generation = facts.generation,
                                             .files = facts.totals.files,
                                             .directories = facts.totals.directories,
                                             .used = facts.totals.used,
                                             .capacity = firmware.card().store.smfs_capacity(),
                                             .quota = firmware.smfs().quota(),
                                             .counter = facts.counter,
                                             .nodes_max = Smfs::kNodesMax,
                                             .flags = flags_of(facts),
                                             .reserved = {}});
}

// With policy K7_POLICY_SMFS_AUTO_ACTIVATION the firmware has done it when it started, unless the SMFS was damaged
// then.
template <>
void handle<K7_CMD_SMFS_ACTIVATE>(Firmware &firmware, const Command &command) {
    firmware.roles().require_login(command.channel);
    const bool was_active = firmware.smfs().active();
    firmware.activate_smfs();
    if (!was_active)
        firmware.card().registers.raise(K7_EVENT_SMFS);
}

template <>
void handle<K7_CMD_SMFS_CHECK>(Firmware &firmware, const Command &command) {
    const Firmware::LongWork work(firmware);
    const bool active = firmware.smfs().active();
    std::vector<SmfsFinding> findings;
    if (active)
        findings = firmware.smfs().check();
    const SmfsVault::Facts facts = firmware.card().smfs.facts();
    if (!facts.damage.empty())
        findings.push_back({SmfsFinding::Kind::Smfs});
    const std::size_t room = command.reply.room().size();
    const std::size_t fit = (room - std::min(room, sizeof(k7_smfs_check))) / sizeof(k7_smfs_finding);
    k7_smfs_check check{};
    check.state = firmware.card().smfs_state();
    check.generation = facts.generation;
    check.files = active ? facts.totals.files : 0;
    check.directories = active ? facts.totals.directories : 0;
    check.blocks = active ? firmware.card().smfs.blocks() : 0;
    check.counter = facts.counter;
    check.flags = flags_of(facts);
    check.found = static_cast<std::uint32_t>(findings.size());
    check.listed = static_cast<std::uint32_t>(std::min(findings.size(), fit));
    facts.damage.copy(check.reason, sizeof(check.reason) - 1);
    command.reply.append_struct(check);
    for (std::uint32_t i = 0; i < check.listed; ++i)
        command.reply.append_struct(k7_smfs_finding{.kind = static_cast<std::uint32_t>(findings[i].kind),
                                                    .fm_id = findings[i].fm_id,
                                                    .file = static_cast<std::uint64_t>(findings[i].node),
                                                    .block = findings[i].position,
                                                    .reserved = 0});
}

} // namespace k7::card
