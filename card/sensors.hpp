// SPDX-License-Identifier: GPL-2.0-or-later
//
// The card's sensors. A virtual card measures nothing: each shows the value of a property, which can be set while the
// card runs. 0 means that the card has no such sensor.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace k7::card {

/// Thread-safe.
class Sensors {
  public:
    enum Index : std::size_t { Temperature, CoreVoltage, BatteryVoltage, Count };

    /// The sensor that the property @p name sets.
    [[nodiscard]] static std::optional<Index> find(std::string_view name);

    Sensors();
    /// @throws Error when @p value is no number in the sensor's range
    void set(Index sensor, std::string_view value);
    [[nodiscard]] std::int32_t value(Index sensor) const { return values_.at(sensor); }

  private:
    std::array<std::atomic<std::int32_t>, Count> values_;
};

} // namespace k7::card
