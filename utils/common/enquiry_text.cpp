// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/enquiry_text.hpp"

#include <array>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "hsm/version.hpp"
#include "utils/common/describe.hpp"

namespace k7::tool {
namespace {

using Value = std::optional<std::string>; // nothing: the field is left out

struct Field {
    const char *label;
    Value (*value)(const ModuleView &module);
};

bool dead(const ModuleView &module) {
    switch (module.state()) {
    case hsm::CardState::halted:
    case hsm::CardState::failed:
    case hsm::CardState::tampered:
        return true;
    default:
        return false;
    }
}

/// First of all fields: none, Failed or Offline.
Value reply_flags(const ModuleView &module) {
    if (dead(module))
        return "Failed";
    return hsm::firmware_runs(module.state()) && module.contact != Contact::no_answer ? "none" : "Offline";
}

/// Scripts take "operational" for healthy, so it is said of nothing else.
Value mode(const ModuleView &module) {
    if (module.contact == Contact::no_answer && !dead(module))
        return "unknown";
    switch (module.state()) {
    case hsm::CardState::operational:
        return "operational";
    case hsm::CardState::pre_init:
        return "pre-initialisation";
    case hsm::CardState::maintenance:
        return "maintenance";
    case hsm::CardState::boot:
        return "boot-loader";
    case hsm::CardState::halted:
        return "halted";
    case hsm::CardState::failed:
        return "failed";
    case hsm::CardState::tampered:
        return "tampered";
    default:
        return "unknown";
    }
}

std::string otherwise(const std::string &text, const char *unknown) {
    return text.empty() ? unknown : text;
}

Value serial_number(const ModuleView &module) {
    return otherwise(module.identity ? module.identity->esn : module.card.esn, "unknownunknown");
}

Value firmware_version(const ModuleView &module) {
    return otherwise(module.identity ? to_string(module.identity->firmware_version) : module.card.firmware_version,
                     "0.0.0");
}

Value receive_queue(const ModuleView &module) {
    return "0.." + std::to_string(module.identity ? module.identity->ring_entries : 0);
}

Value version_string(const ModuleView &module) {
    if (!module.identity)
        return otherwise(module.card.firmware_version, "unknown");
    const hsm::Identity &identity = *module.identity;
    return to_string(identity.firmware_version) +
           (identity.firmware_build.empty() ? "" : " " + identity.firmware_build) + ", boot loader " +
           to_string(identity.boot_loader_version);
}

Value max_write(const ModuleView &module) {
    return std::to_string(module.identity ? module.identity->payload_max : 0);
}
Value model(const ModuleView &module) {
    return otherwise(module.identity ? module.identity->model : module.card.model, "unknown");
}
Value device(const ModuleView &module) {
    if (module.card.node.starts_with("sim:"))
        return "sim";
    return module.card.node.substr(module.card.node.rfind('/') + 1);
}

Value features(const ModuleView &module) {
    if (!module.identity)
        return "none";
    std::string text = module.identity->has_fm ? "FM" : "";
    if (module.identity->has_smfs)
        text += text.empty() ? "SMFS" : " SMFS";
    if (module.identity->debug)
        text += text.empty() ? "DEBUG" : " DEBUG";
    return otherwise(text, "none");
}

Value connection_status(const ModuleView &module) {
    switch (module.contact) {
    case Contact::answered:
        return "OK";
    case Contact::no_access:
        return "NoAccess";
    case Contact::no_answer:
        return "NoAnswer";
    }
    return "unknown";
}

Value connection_info(const ModuleView &module) {
    std::string text = "esn = " + *serial_number(module);
    text +=
        "; addr = " + (module.card.pci_address.empty() ? std::string("in-process") : "PCI/" + module.card.pci_address);
    if (!module.card.link.empty())
        text += "; link = " + module.card.link;
    return text;
}

Value hardware_status(const ModuleView &module) {
    if (!module.trouble.empty() && dead(module))
        return module.trouble;
    if (module.contact == Contact::no_answer)
        return "unknown";
    return "OK";
}

template <typename Text>
Value none(const ModuleView & /*module*/) {
    return Text::value;
}
struct None {
    static constexpr const char *value = "none";
};
struct Zero {
    static constexpr const char *value = "0";
};
struct Six {
    static constexpr const char *value = "Six";
};

/// Order and labels are the field's. What this card has no value for says none or 0, as the field does.
constexpr Field kFields[] = {
    {"enquiry reply flags", reply_flags},
    {"enquiry reply level", none<Six>},
    {"serial number", serial_number},
    {"mode", mode},
    {"version", firmware_version},
    {"speed index", none<Zero>},
    {"rec. queue", receive_queue},
    {"level one flags", none<None>},
    {"version string", version_string},
    {"level two flags", none<None>},
    {"max. write size", max_write},
    {"level three flags", none<None>},
    {"level four flags", none<None>},
    {"module type code", none<Zero>},
    {"product name", model},
    {"device name", device},
    {"feature ctrl flags", none<None>},
    {"features enabled", features},
    {"connection status", connection_status},
    {"connection info", connection_info},
    {"image version", firmware_version},
    {"hardware status", hardware_status},
};

Value label(const ModuleView &module) {
    return otherwise(module.identity ? module.identity->label : module.card.label, "none");
}
Value part_number(const ModuleView &module) {
    return module.identity ? Value(otherwise(module.identity->part_number, "none")) : std::nullopt;
}
Value card_state(const ModuleView &module) {
    return to_string(module.state());
}
Value driver_version(const ModuleView &module) {
    return module.driver ? Value(module.driver->driver_version) : std::nullopt;
}
Value fms(const ModuleView &module) {
    return module.status ? Value(std::to_string(module.status->fm_count)) : std::nullopt;
}
Value smfs(const ModuleView &module) {
    if (!module.status)
        return std::nullopt;
    return std::string(module.status->smfs_active ? "active" : "inactive") + ", " +
           std::to_string(module.status->smfs_files) + " files, " + std::to_string(module.status->smfs_used) + " of " +
           std::to_string(module.status->smfs_capacity) + " bytes";
}

Value initialised(const ModuleView &module) {
    if (!module.status)
        return std::nullopt;
    if (!module.status->initialised)
        return module.status->decommissioned ? "no (decommissioned)" : "no";
    return "yes, " + std::to_string(module.status->login_attempts) + " login attempts left";
}
Value fms_allowed(const ModuleView &module) {
    if (!module.status)
        return std::nullopt;
    if (module.status->fms_allowed)
        return "yes";
    return module.status->fms_were_allowed ? "no (but they were)" : "no";
}
Value fault_policy(const ModuleView &module) {
    return module.status ? Value(module.status->isolates_faults ? "isolate" : "halt") : std::nullopt;
}

Value measured(const ModuleView &module, std::int64_t value, const char *unit) {
    if (!module.status || value == 0) // 0: the card has no such sensor
        return std::nullopt;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2f %s", static_cast<double>(value) / 1000, unit);
    return text.data();
}
Value temperature(const ModuleView &module) {
    return measured(module, module.status ? module.status->temperature_mc : 0, "C");
}
Value core_voltage(const ModuleView &module) {
    return measured(module, module.status ? module.status->core_mv : 0, "V");
}
Value battery_voltage(const ModuleView &module) {
    return measured(module, module.status ? module.status->battery_mv : 0, "V");
}
Value uptime(const ModuleView &module) {
    return module.status ? Value(std::to_string(module.status->uptime_ms / 1000) + " s") : std::nullopt;
}
Value resets(const ModuleView &module) {
    return module.status ? Value(std::to_string(module.status->resets)) : std::nullopt;
}
Value faults(const ModuleView &module) {
    return module.status ? Value(std::to_string(module.status->faults) + ", last report " +
                                 std::to_string(module.status->fault_sequence))
                         : std::nullopt;
}

/// Ours, with --verbose: no label begins with a word that scripts look for.
constexpr Field kOwnFields[] = {
    {"label", label},
    {"part number", part_number},
    {"card state", card_state},
    {"driver version", driver_version},
    {"FMs", fms},
    {"SMFS", smfs},
    {"initialised", initialised},
    {"FMs allowed", fms_allowed},
    {"fault policy", fault_policy},
    {"temperature", temperature},
    {"core voltage", core_voltage},
    {"battery voltage", battery_voltage},
    {"uptime", uptime},
    {"resets", resets},
    {"faults", faults},
};

template <std::size_t size>
std::string fields_text(const Field (&fields)[size], const ModuleView &module) {
    std::string text;
    for (const Field &entry : fields)
        if (const Value value = entry.value(module))
            text += field(entry.label, *value);
    return text;
}

std::string joined(const std::vector<std::string> &words) {
    std::string text;
    for (const std::string &word : words)
        text += (text.empty() ? "" : " ") + word;
    return text;
}

std::string host_version(const ServerView &server) {
    return server.driver_version.empty() ? K7HSM_VERSION : server.driver_version;
}

} // namespace

std::string field(const std::string &label, const std::string &value) {
    const std::string padding(label.size() < 20 ? 20 - label.size() : 0, ' ');
    return " " + label + padding + " " + value + "\n";
}

std::string server_text(const ServerView &server) {
    return "Server:\n" + field("enquiry reply flags", server.driver_loaded ? "none" : "Failed") +
           field("enquiry reply level", "Six") + field("serial number", joined(server.esns)) +
           field("mode", server.driver_loaded ? "operational" : "failed") + field("version", host_version(server)) +
           field("speed index", "0") + field("level one flags", "none") +
           field("version string", std::string("enquiry " K7HSM_VERSION ", libhsm ") + std::string(hsm::version()) +
                                       (server.driver_version.empty() ? "" : ", k7hsm " + server.driver_version)) +
           field("level two flags", "none") + field("max. write size", std::to_string(server.payload_max)) +
           field("level three flags", "none") + field("level four flags", "none") + field("module type code", "0") +
           field("device name", "k7hsm");
}

std::string module_text(const ModuleView &module, bool verbose) {
    return "Module #" + std::to_string(module.card.module()) + ":\n" + fields_text(kFields, module) +
           (verbose ? fields_text(kOwnFields, module) : "");
}

std::string absent_text(std::uint32_t number) {
    return "Module #" + std::to_string(number) + ": Not Present\n";
}

Json server_json(const ServerView &server) {
    return {{"driver_loaded", server.driver_loaded},
            {"driver_version", server.driver_version},
            {"modules", server.modules},
            {"esns", server.esns}};
}

Json module_json(const ModuleView &module) {
    Json json = {{"module", module.card.module()}, {"present", true},
                 {"healthy", module.healthy()},    {"reason", module.reason()},
                 {"node", module.card.node},       {"pci_address", module.card.pci_address},
                 {"link", module.card.link},       {"driver_state", module.card.driver_state}};
    for (const Field &entry : kFields)
        if (const Value value = entry.value(module))
            json["fields"][entry.label] = *value;
    for (const Field &entry : kOwnFields)
        if (const Value value = entry.value(module))
            json["fields"][entry.label] = *value;
    if (module.identity)
        json["identity"] = to_json(*module.identity);
    if (module.status)
        json["status"] = to_json(*module.status);
    return json;
}

} // namespace k7::tool
