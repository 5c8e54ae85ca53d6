// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/card.hpp"

namespace k7::card {

void Card::set_property(std::string_view name, std::string_view value) {
    if (const auto sensor = Sensors::find(name))
        return context_.sensors.set(*sensor, value);
    if (name != "fault")
        throw Error(K7_ST_BAD_FIELD, "property '" + std::string(name) + "' cannot be set on a running card");
    context_.faults.set(value);
    context_.registers.call_boot_loader(kFaults);
}

std::optional<std::string> Card::get_property(std::string_view name) {
    if (const auto sensor = Sensors::find(name))
        return std::to_string(context_.sensors.value(*sensor));
    if (name == "fault")
        return context_.faults.text();
    if (name == "esn")
        return context_.store.esn();
    if (name == "store")
        return context_.options.store;
    if (name == "so-password-file")
        return context_.options.so_password_file;
    if (name == "label")
        return context_.options.label;
    if (name == "state")
        return std::string(state_name(context_.registers.status().state));
    if (name == "fm-budget")
        return std::to_string(context_.options.fm_budget);
    if (name == "fm-work")
        return std::to_string(context_.options.fm_work);
    if (name == "watchdog-ms")
        return std::to_string(context_.options.watchdog.count());
    if (name == "smfs-quota")
        return std::to_string(context_.smfs_quota());
    if (name == "root-key")
        return context_.options.vault.root_key;
    if (name == "counter")
        return context_.options.vault.counter;
    if (name == "store-size")
        return std::to_string(context_.options.store_size);
    return std::nullopt;
}

} // namespace k7::card
