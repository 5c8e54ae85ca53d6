// SPDX-License-Identifier: GPL-2.0-or-later
//
// The parts of the benchmark. Each reports a line of JSON for every subject, also for one that did not run.
#pragma once

#include "tests/bench/guest/measure.hpp"

namespace k7bench {

/// All return false when a subject that should have run did not. Of several subjects,
/// Plan::only alone is measured.
bool measure_latency(const Plan &plan);
bool measure_throughput(const Plan &plan);
bool measure_transfer(const Plan &plan);
bool measure_channels(const Plan &plan);

} // namespace k7bench
