// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/smfs_text.hpp"

#include <string>

#include <nlohmann/json.hpp>

namespace k7::tool {
namespace {

std::string state_of(const hsm::SmfsInfo &info) {
    if (info.damaged)
        return "Damaged";
    return info.active ? "Activated" : "Not activated";
}

std::string bytes(std::uint64_t count) {
    return std::to_string(count) + " bytes";
}

void row(const Tool &tool, const std::string &name, const std::string &value) {
    tool.line(name + std::string(name.size() < 17 ? 17 - name.size() : 1, ' ') + value);
}

} // namespace

Json to_json(const hsm::SmfsInfo &info) {
    return {{"active", info.active},         {"damaged", info.damaged},
            {"generation", info.generation}, {"counter", info.counter},
            {"files", info.files},           {"directories", info.directories},
            {"nodes_max", info.nodes_max},   {"used", info.used},
            {"capacity", info.capacity},     {"quota", info.quota},
            {"root_key", info.has_root_key}, {"counter_file", info.has_counter}};
}

Json to_json(const hsm::SmfsCheck &check) {
    Json findings = Json::array();
    for (const hsm::SmfsFinding &found : check.findings)
        findings.push_back({{"kind", found.kind},
                            {"fm_id", found.fm.value == 0 ? Json() : Json(to_string(found.fm))},
                            {"file", found.file},
                            {"block", found.block},
                            {"text", to_string(found)},
                            {"remedy", remedy(found)}});
    return {{"active", check.active}, {"generation", check.generation},
            {"files", check.files},   {"directories", check.directories},
            {"blocks", check.blocks}, {"found", check.found},
            {"reason", check.reason}, {"findings", findings}};
}

int smfs_info(const Tool &tool, const hsm::Card &card) {
    const hsm::SmfsInfo info = card.smfs_info();
    row(tool, "Card:", card.name());
    row(tool, "SMFS:", state_of(info));
    row(tool, "Generation:", std::to_string(info.generation) + ", change " + std::to_string(info.counter));
    row(tool, "Files:", std::to_string(info.files));
    row(tool, "Directories:", std::to_string(info.directories));
    row(tool, "Used:", bytes(info.used) + " of " + bytes(info.capacity));
    row(tool, "Quota of an FM:", bytes(info.quota));
    row(tool, "Root key:", info.has_root_key ? "outside of the store" : "none: the store holds its own key");
    row(tool, "Old copies:", info.has_counter ? "noticed, by the counter file" : "not noticed: no counter file");
    tool.result({{"card", card.name()}, {"smfs", to_json(info)}});
    if (info.damaged)
        tool.note("the SMFS is damaged: `hsm smfs check` says what, and what helps");
    return info.damaged ? kExitFailed : kExitDone;
}

int smfs_check(const Tool &tool, const hsm::Card &card) {
    const hsm::SmfsCheck check = card.check_smfs();
    for (const hsm::SmfsFinding &found : check.findings) {
        tool.line(to_string(found) + (check.reason.empty() ? "" : " (" + check.reason + ")"));
        tool.line("  remedy: " + remedy(found));
    }
    if (check.found > check.findings.size())
        tool.line("and " + std::to_string(check.found - check.findings.size()) + " more");
    if (check.found == 0)
        tool.line("The SMFS is well, all seals are good. Files: " + std::to_string(check.files) +
                  ", directories: " + std::to_string(check.directories) + ", blocks: " + std::to_string(check.blocks));
    tool.result({{"card", card.name()}, {"smfs_check", to_json(check)}});
    return check.found == 0 ? kExitDone : kExitFailed;
}

} // namespace k7::tool
