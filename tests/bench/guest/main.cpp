// SPDX-License-Identifier: GPL-2.0-or-later
//
// The measuring program of tests/bench/run; it runs in the guest and prints a line of JSON for each subject.
//
//     bench_guest [--subject NAME] ROUNDS LATENCY_MS THROUGHPUT_MS PART...
#include <charconv>
#include <cstdio>
#include <functional>
#include <map>
#include <span>
#include <string_view>
#include <sys/wait.h>

#include <unistd.h>

#include "tests/bench/guest/parts.hpp"

namespace {

using k7bench::Plan;

const std::map<std::string_view, std::function<bool(const Plan &)>> kParts = {
    {"latency", k7bench::measure_latency},
    {"throughput", k7bench::measure_throughput},
    {"transfer", k7bench::measure_transfer},
    {"channels", k7bench::measure_channels},
};

/// @return false unless @p text is a number from 1 to 100000
bool parse(std::string_view text, unsigned &number) {
    const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
    return error == std::errc{} && end == text.end() && number >= 1 && number <= 100'000;
}

/// Runs a part in a process of its own. What a part leaves behind would disturb the next one: the kernel ends an
/// io_uring in the background, by task work that interrupts whatever its process waits for meanwhile.
bool run_apart(const std::function<bool(const Plan &)> &part, const Plan &plan) {
    const pid_t child = k7bench::checked(::fork(), "fork");
    if (child == 0)
        ::_exit(part(plan) ? 0 : 1);
    int status = 0;
    k7bench::checked(::waitpid(child, &status, 0), "waitpid");
    if (!WIFEXITED(status))
        std::fprintf(stderr, "bench_guest: a part ended by signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int usage() {
    std::fputs("usage: bench_guest [--subject NAME] ROUNDS LATENCY_MS THROUGHPUT_MS PART...\n"
               "PART is latency, throughput, transfer or channels\n",
               stderr);
    return 2;
}

} // namespace

int main(int argc, char **argv) {
    std::span<char *const> words(argv + 1, argv + argc);
    Plan plan;
    if (words.size() >= 2 && std::string_view(words[0]) == "--subject") {
        plan.only = words[1];
        words = words.subspan(2);
    }
    const std::vector<std::string_view> arguments(words.begin(), words.end());
    if (arguments.size() < 4 || !parse(arguments[0], plan.rounds) || !parse(arguments[1], plan.latency_ms) ||
        !parse(arguments[2], plan.throughput_ms))
        return usage();
    const std::span parts = std::span(arguments).subspan(3);
    for (const std::string_view part : parts) {
        if (!kParts.contains(part))
            return usage();
    }
    k7bench::report_environment();
    bool good = true;
    for (const std::string_view part : parts)
        good &= run_apart(kParts.at(part), plan);
    return good ? 0 : 1;
}
