// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "card/faults.hpp"

namespace k7::card {
namespace {

[[noreturn]] void refuse(std::string_view name, std::string_view value, const std::string &rule) {
    throw Error(K7_ST_BAD_FIELD, "property " + std::string(name) + "='" + std::string(value) + "': " + rule);
}

std::uint64_t number(std::string_view name, std::string_view value, std::uint64_t minimum, std::uint64_t maximum) {
    std::uint64_t result = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (error != std::errc{} || end != value.data() + value.size() || result < minimum || result > maximum)
        refuse(name, value, "must be a number in " + std::to_string(minimum) + " .. " + std::to_string(maximum));
    return result;
}

bool parse_fm_id(std::string_view text, std::uint32_t &fm_id) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fm_id, 16);
    return error == std::errc{} && end == text.data() + text.size() && fm_id >= K7_FM_ID_MIN && fm_id <= K7_FM_ID_MAX;
}

struct Property {
    std::string_view name;
    void (*set)(Options &options, std::string_view value);
};

constexpr std::array kProperties{
    Property{"store", [](Options &options, std::string_view value) { options.store = value; }},
    Property{"esn",
             [](Options &options, std::string_view value) {
                 options.esn = value;
                 if (!value.empty() && !valid_esn(options.esn))
                     refuse("esn", value, "must be XXXX-XXXX-XXXX in upper case hex");
             }},
    Property{"so-password-file", [](Options &options, std::string_view value) { options.so_password_file = value; }},
    Property{"label",
             [](Options &options, std::string_view value) {
                 options.label = value;
                 if (value.empty() || value.size() > 31 ||
                     std::any_of(value.begin(), value.end(), [](char c) { return c < ' ' || c > '~'; }))
                     refuse("label", value, "must be 1 to 31 printable ASCII characters");
             }},
    Property{"fault",
             [](Options &options, std::string_view value) {
                 Faults().set(value);
                 options.fault = value;
             }},
    Property{"fm-budget",
             [](Options &options, std::string_view value) {
                 options.fm_budget = number("fm-budget", value, 1000, K7_FM_BUDGET_DEFAULT);
             }},
    Property{"fm-work",
             [](Options &options, std::string_view value) {
                 options.fm_work = static_cast<std::uint32_t>(number("fm-work", value, 1000, K7_FM_WORK_MAX));
             }},
    Property{"watchdog-ms",
             [](Options &options, std::string_view value) {
                 options.watchdog = std::chrono::milliseconds(number("watchdog-ms", value, 100, 600000));
             }},
    Property{"store-size",
             [](Options &options, std::string_view value) {
                 options.store_size = number("store-size", value, Store::kMinimumSize, 1ull << 32);
             }},
    Property{"smfs-quota",
             [](Options &options, std::string_view value) {
                 options.smfs_quota = number("smfs-quota", value, SmfsVault::kBlock, 1ull << 32);
             }},
    Property{"root-key", [](Options &options, std::string_view value) { options.vault.root_key = value; }},
    Property{"root-key-hex",
             [](Options &options, std::string_view value) { options.vault.root_key_given = root_key_from_hex(value); }},
    Property{"counter", [](Options &options, std::string_view value) { options.vault.counter = value; }},
    Property{"debug",
             [](Options &options, std::string_view value) {
                 if (!DebugOptions::valid_place(value))
                     refuse("debug", value, "must be unix:PATH, wait:PATH or stdio");
                 options.debug.place = value;
             }},
    Property{"debug-fm",
             [](Options &options, std::string_view value) {
                 if (!parse_fm_id(value, options.debug.fm_id))
                     refuse("debug-fm", value, "must be an FM ID in hexadecimal");
             }},
    Property{"profile", [](Options &options, std::string_view value) { options.debug.profile = value; }},
};

} // namespace

Options parse_options(std::span<const k7card_property> properties) {
    Options options;
    for (const k7card_property &given : properties) {
        if (!given.name || !given.value)
            throw Error(K7_ST_BAD_FIELD, "a property without name or value");
        if (const auto sensor = Sensors::find(given.name)) {
            Sensors().set(*sensor, given.value);
            options.sensors.emplace_back(*sensor, given.value);
            continue;
        }
        const auto property = std::find_if(kProperties.begin(), kProperties.end(),
                                           [&](const Property &known) { return known.name == given.name; });
        if (property == kProperties.end())
            throw Error(K7_ST_BAD_FIELD, "property '" + std::string(given.name) + "' is not known");
        property->set(options, given.value);
    }
    return options;
}

} // namespace k7::card
