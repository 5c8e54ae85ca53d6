// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/sensors.hpp"

#include <algorithm>
#include <charconv>

#include "card/error.hpp"

namespace k7::card {
namespace {

struct Sensor {
    std::string_view name;
    std::string_view unit;
    std::int32_t value; ///< of a new card with a full battery
    std::int32_t minimum;
    std::int32_t maximum;
};

constexpr std::array<Sensor, Sensors::Count> kSensors{{
    {"temperature", "millidegrees Celsius", 38000, -273150, 1000000},
    {"core-voltage", "millivolts", 900, 0, 100000},
    {"battery-voltage", "millivolts", 3000, 0, 100000},
}};

} // namespace

std::optional<Sensors::Index> Sensors::find(std::string_view name) {
    const auto *const found =
        std::find_if(kSensors.begin(), kSensors.end(), [name](const Sensor &sensor) { return sensor.name == name; });
    if (found == kSensors.end())
        return std::nullopt;
    return static_cast<Index>(found - kSensors.begin());
}

Sensors::Sensors() {
    for (std::size_t i = 0; i < Count; ++i)
        values_.at(i) = kSensors.at(i).value;
}

void Sensors::set(Index sensor, std::string_view value) {
    const Sensor &known = kSensors.at(sensor);
    std::int32_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || number < known.minimum || number > known.maximum)
        throw Error(K7_ST_BAD_FIELD, "property " + std::string(known.name) + "='" + std::string(value) +
                                         "': must be a number in " + std::to_string(known.minimum) + " .. " +
                                         std::to_string(known.maximum) + " (" + std::string(known.unit) +
                                         "; 0: no such sensor)");
    values_.at(sensor) = number;
}

} // namespace k7::card
