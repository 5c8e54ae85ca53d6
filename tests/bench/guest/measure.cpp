// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/guest/measure.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sys/utsname.h>
#include <thread>

#include "tests/kmod/node.hpp"

namespace k7bench {
namespace {

/// What reading the clock adds to each sample: the median of many.
std::uint32_t clock_cost_ns() {
    std::vector<std::uint32_t> costs(10'000);
    for (std::uint32_t &cost : costs) {
        const std::uint64_t begin = now_ns();
        cost = static_cast<std::uint32_t>(now_ns() - begin);
    }
    std::sort(costs.begin(), costs.end());
    return percentile(costs, 50);
}

Json driver_facts() {
    const k7test::Node node("/dev/k7pf0");
    k7_ioc_info info;
    if (!node.good() || node.info(info) != 0)
        return nullptr;
    return {{"version", info.driver_version},  {"abi_level", info.abi_level}, {"driver_features", info.driver_features},
            {"card_features", info.features},  {"rings", info.rings},         {"channels", info.channels},
            {"payload_max", info.payload_max}, {"bulk_max", info.bulk_max},   {"in_flight_max", info.in_flight_max}};
}

} // namespace

std::uint32_t percentile(const std::vector<std::uint32_t> &sorted, double percent) {
    const double rank = std::ceil(percent / 100 * static_cast<double>(sorted.size()));
    const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
    return sorted[std::min(index, sorted.size() - 1)];
}

void report(const Json &line) {
    std::puts(line.dump().c_str());
    std::fflush(stdout);
}

Json did_not_run(Json who, const char *status, const std::string &reason) {
    who["status"] = status;
    who["reason"] = reason;
    return who;
}

void report_environment() {
    utsname names{};
    ::uname(&names);
    report({{"kind", "environment"},
            {"kernel", names.release},
            {"processors", std::thread::hardware_concurrency()},
            {"clocksource", k7test::first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource")},
            {"clock_cost_ns", clock_cost_ns()},
            {"driver", driver_facts()}});
}

} // namespace k7bench
