// SPDX-License-Identifier: GPL-2.0-or-later
//
// k7fuzz: structured fuzzing of the driver's system calls, guided by KCOV where the kernel has it. Each program is
// named before it runs, so that the last name in the output is the one to replay.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <unistd.h>

#include "tests/kmod/fuzz/machine.hpp"

namespace {

using k7fuzz::Program;
using Clock = std::chrono::steady_clock;

constexpr uid_t kNobody = 65534;

struct Options {
    std::string node = "/dev/k7pf0";
    std::string replay;
    std::uint64_t seed = 1;
    double seconds = 60;
    bool nobody = false;
};

int usage(std::FILE *to, int status) {
    std::fprintf(to,
                 "Usage: k7fuzz [--node /dev/k7pfN] [--seconds S] [--seed N] [--nobody]\n"
                 "       k7fuzz [--node /dev/k7pfN] [--nobody] --replay NAME\n\n"
                 "Runs random programs of system calls against the driver; '# NAME' is printed before each.\n"
                 "  --seed N       decimal; the same seed gives the same programs, as long as coverage says the same\n"
                 "  --nobody       as user 65534 without any capability\n"
                 "  --replay NAME  run this program 100 times\n"
                 "Ends with one line of result; the kernel's log tells the rest.\n");
    return status;
}

bool parse(int argc, char **argv, Options &options) {
    for (int i = 1; i < argc; i++) {
        const std::string argument = argv[i];
        const bool has_value = i + 1 < argc;
        if (argument == "--nobody")
            options.nobody = true;
        else if (argument == "--node" && has_value)
            options.node = argv[++i];
        else if (argument == "--replay" && has_value)
            options.replay = argv[++i];
        else if (argument == "--seconds" && has_value)
            options.seconds = std::atof(argv[++i]);
        else if (argument == "--seed" && has_value)
            options.seed = std::strtoull(argv[++i], nullptr, 10);
        else
            return false;
    }
    return true;
}

void run_named(k7fuzz::Machine &machine, k7fuzz::Coverage &coverage, const Program &program,
               std::vector<Program> &corpus) {
    std::printf("# %s\n", program.name().c_str());
    std::fflush(stdout);
    if (machine.run(program, coverage) != 0 && program.name().size() < 400)
        corpus.push_back(program);
    if (!machine.recover())
        std::printf("# the card does not work any more\n");
}

std::uint64_t explore(const Options &options, k7fuzz::Machine &machine, k7fuzz::Coverage &coverage) {
    const auto end = Clock::now() + std::chrono::duration<double>(options.seconds);
    k7fuzz::Random random(options.seed);
    std::vector<Program> corpus;
    std::uint64_t programs = 0;
    for (; Clock::now() < end && machine.complaint().empty(); programs++) {
        const bool mutate = !corpus.empty() && !random.once_in(4);
        const std::size_t at = mutate ? random.below(corpus.size()) : 0;
        const std::uint64_t seed = random.next();
        run_named(machine, coverage, mutate ? corpus[at].mutated(seed) : Program::made(seed), corpus);
    }
    std::printf("# programs that reached something new: %zu\n", corpus.size());
    return programs;
}

std::uint64_t replay(const Program &program, k7fuzz::Machine &machine, k7fuzz::Coverage &coverage) {
    std::vector<Program> corpus;
    std::uint64_t programs = 0;
    for (; programs < 100 && machine.complaint().empty(); programs++)
        run_named(machine, coverage, program, corpus);
    return programs;
}

/// Promises of a card that does not work are easily kept.
std::string complaint_of(const k7fuzz::Machine &machine, std::uint64_t programs) {
    if (machine.complaint().empty() && machine.recoveries() < (programs + 1) / 2)
        return "the card did not work after most programs";
    return machine.complaint();
}

bool report(const k7fuzz::Machine &machine, const k7fuzz::Coverage &coverage, std::uint64_t programs) {
    for (const auto &[error, count] : machine.outcomes())
        std::printf("# %s: %llu\n", error == 0 ? "success" : ::strerrorname_np(error),
                    static_cast<unsigned long long>(count));
    std::printf("# %llu calls in %llu programs, after %llu of which the card worked, ",
                static_cast<unsigned long long>(machine.calls()), static_cast<unsigned long long>(programs),
                static_cast<unsigned long long>(machine.recoveries()));
    if (coverage.available())
        std::printf("%zu places of the kernel\n", coverage.places());
    else
        std::printf("by chance alone\nskip k7fuzz's guidance: this kernel has no KCOV\n");
    const std::string complaint = complaint_of(machine, programs);
    const bool good = complaint.empty() && programs != 0;
    std::printf("%s the driver keeps its promises%s%s\n", good ? "ok" : "not ok", complaint.empty() ? "" : ": ",
                complaint.c_str());
    return good;
}

} // namespace

int main(int argc, char **argv) {
    Options options;
    if (argc == 2 && std::strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    if (!parse(argc, argv, options))
        return usage(stderr, 2);
    k7fuzz::Coverage coverage; // before the privileges go
    if (options.nobody && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) {
        std::perror("k7fuzz: cannot become nobody");
        return 1;
    }
    k7fuzz::Machine machine(options.node);
    if (options.replay.empty()) {
        std::printf("# seed %llu\n", static_cast<unsigned long long>(options.seed));
        return report(machine, coverage, explore(options, machine, coverage)) ? 0 : 1;
    }
    const auto program = Program::named(options.replay);
    if (!program)
        return usage(stderr, 2);
    return report(machine, coverage, replay(*program, machine, coverage)) ? 0 : 1;
}
