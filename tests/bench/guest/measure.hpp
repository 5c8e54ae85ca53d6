// SPDX-License-Identifier: GPL-2.0-or-later
//
// Clock, percentiles, and the lines of JSON in which the parts report.
#pragma once

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <string>
#include <system_error>
#include <vector>

#include <nlohmann/json.hpp>

namespace k7bench {

using Json = nlohmann::json;

struct Plan {
    unsigned rounds = 0;
    unsigned latency_ms = 0;    ///< for each subject in each round
    unsigned throughput_ms = 0; ///< for each point in each round
    std::string only{};         ///< subjects of this name alone; empty: all
};

inline std::uint64_t now_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

/// @return @p result; throws what errno says when it is negative
template <typename Result>
Result checked(Result result, const char *what) {
    if (result < 0)
        throw std::system_error(errno, std::generic_category(), what);
    return result;
}

/// The sample below which @p percent of the samples lie. @p sorted must not be empty.
std::uint32_t percentile(const std::vector<std::uint32_t> &sorted, double percent);

/// Print one line at once, so that the host can follow.
void report(const Json &line);

/// The subject @p who did not run: "skipped" or "failed", and why.
Json did_not_run(Json who, const char *status, const std::string &reason);

/// What the figures depend on: kernel, clock, driver.
void report_environment();

} // namespace k7bench
