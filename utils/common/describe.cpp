// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/describe.hpp"

#include <array>
#include <cstdio>
#include <ctime>

#include <nlohmann/json.hpp>

namespace k7::tool {

std::string time_text(std::uint64_t seconds) {
    const auto time = static_cast<std::time_t>(seconds);
    std::tm fields{};
    std::array<char, 64> text{};
    if (seconds == 0 || ::gmtime_r(&time, &fields) == nullptr ||
        std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &fields) == 0)
        return "unknown";
    return text.data();
}

std::string hex(std::uint32_t value) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "0x%08x", value);
    return text.data();
}

Json to_json(const hsm::FmInfo &fm) {
    return {{"id", to_string(fm.id)},
            {"product", fm.product},
            {"manufacturer", fm.manufacturer},
            {"version", hsm::fm_version_text(fm.version)},
            {"serial", fm.serial},
            {"status", to_string(fm.status)},
            {"enabled", fm.status == hsm::FmStatus::enabled},
            {"startup_status", startup_text(fm)},
            {"startup_value", fm.startup_value},
            {"build_time", fm.build_time},
            {"load_time", fm.load_time},
            {"calls", fm.calls},
            {"smfs_used", fm.smfs_used},
            {"smfs_nodes", fm.smfs_nodes},
            {"image_size", fm.image_size},
            {"memory_size", fm.memory_size},
            {"fingerprint", to_string(fm.fingerprint)},
            {"certificate", fm.certificate}};
}

Json to_json(const hsm::FmLogLine &line) {
    return {{"id", to_string(line.id)}, {"text", line.text}};
}

Json to_json(const hsm::FaultReport &report) {
    return {{"sequence", report.sequence},
            {"time", report.time},
            {"generation", report.generation},
            {"cause", report.cause},
            {"cause_text", cause_text(report)},
            {"phase", report.phase},
            {"fm_id", report.fm_id.value == 0 ? "" : to_string(report.fm_id)},
            {"fm_name", report.fm_name},
            {"fm_version", hsm::fm_version_text(report.fm_version)},
            {"fm_serial", report.fm_serial},
            {"pc", report.pc},
            {"address", report.address},
            {"instruction", report.instruction},
            {"instructions", report.instructions},
            {"registers", report.regs},
            {"symbol", report.symbol},
            {"symbol_offset", report.symbol_offset},
            {"fingerprint", to_string(report.fingerprint)}};
}

Json to_json(const hsm::Identity &identity) {
    return {{"model", identity.model},
            {"esn", identity.esn},
            {"label", identity.label},
            {"part_number", identity.part_number},
            {"hardware_version", identity.hardware_version},
            {"boot_loader_version", to_string(identity.boot_loader_version)},
            {"firmware_version", to_string(identity.firmware_version)},
            {"firmware_build", identity.firmware_build},
            {"has_fm", identity.has_fm},
            {"has_smfs", identity.has_smfs},
            {"debug", identity.debug},
            {"payload_max", identity.payload_max},
            {"channels", identity.channels},
            {"fm_capacity", identity.fm_capacity},
            {"fm_image_max", identity.fm_image_max},
            {"fm_memory_max", identity.fm_memory_max}};
}

Json to_json(const hsm::CardStatus &status) {
    return {{"state", to_string(status.state)},
            {"reason", to_string(status.reason)},
            {"generation", status.generation},
            {"uptime_ms", status.uptime_ms},
            {"time", status.time},
            {"fault_sequence", status.fault_sequence},
            {"faults", status.faults},
            {"resets", status.resets},
            {"fm_count", status.fm_count},
            {"fm_bytes", status.fm_bytes},
            {"smfs_active", status.smfs_active},
            {"smfs_generation", status.smfs_generation},
            {"smfs_files", status.smfs_files},
            {"smfs_directories", status.smfs_directories},
            {"smfs_used", status.smfs_used},
            {"smfs_capacity", status.smfs_capacity},
            {"temperature_mc", status.temperature_mc},
            {"core_mv", status.core_mv},
            {"battery_mv", status.battery_mv},
            {"initialised", status.initialised},
            {"fms_allowed", status.fms_allowed},
            {"fms_were_allowed", status.fms_were_allowed},
            {"smfs_auto_activation", status.smfs_auto_activation},
            {"fault_policy", status.isolates_faults ? "isolate" : "halt"},
            {"decommissioned", status.decommissioned},
            {"login_attempts", status.login_attempts}};
}

std::string card_text(const hsm::Card &card, const hsm::Identity &identity, const hsm::CardStatus &status) {
    const std::string address = card.info().pci_address;
    const std::string trouble = card.trouble();
    return "Card      " + card.name() + "\n" +                                            //
           "  model     " + identity.model + "\n" +                                       //
           "  ESN       " + identity.esn + "\n" +                                         //
           "  label     " + (identity.label.empty() ? "(none)" : identity.label) + "\n" + //
           "  firmware  " + to_string(identity.firmware_version) + "\n" +                 //
           "  PCI       " + (address.empty() ? "(in process)" : address) + "\n" +         //
           "  state     " + (trouble.empty() ? to_string(status.state) : trouble) + "\n";
}

} // namespace k7::tool
