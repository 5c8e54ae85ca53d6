// SPDX-License-Identifier: GPL-2.0-or-later
//
// One request at a time. The subjects take turns in every round, so that a machine that gets slower or faster
// meanwhile does so for all of them.
#include <algorithm>
#include <optional>

#include "tests/bench/guest/parts.hpp"
#include "tests/bench/guest/subjects.hpp"

namespace k7bench {
namespace {

constexpr double kPercents[] = {1, 5, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9};
constexpr std::size_t kFewest = 20;   ///< runs in a round, however slow they are
constexpr std::size_t kMost = 20'000; ///< runs in a round, however fast they are
constexpr unsigned kBatch = 16;

std::vector<LatencySubject> subjects() {
    const auto queued = [](MakeQueue make, unsigned batch) { return [=] { return batch_operation(make, batch); }; };
    const MakeQueue submit = [](unsigned depth) { return card_submit_queue(kNop, depth); };
    const MakeQueue uring = [](unsigned depth) { return card_uring_queue(kNop, depth); };
    const MakeQueue features = [](unsigned depth) { return nvme_uring_queue(NvmeCommand::get_features, depth); };
    const MakeQueue identify = [](unsigned depth) { return nvme_uring_queue(NvmeCommand::identify, depth); };
    return {
        {"kernel getpid", getpid_call},
        {"kernel pipe ping-pong", pipe_ping_pong},
        {"k7 unknown ioctl", card_unknown_ioctl},
        {"k7 refused request", card_refused_request},
        {"k7 info", card_info},
        {"k7 nop", [] { return card_request(kNop); }},
        {"k7 random 32", [] { return card_request(get_random(32)); }},
        {"k7 echo 64", [] { return card_request(echo(64)); }},
        {"k7 echo 4096", [] { return card_request(echo(4096)); }},
        {"k7 nop submit", queued(submit, 1)},
        {"k7 nop submit x16", queued(submit, kBatch)},
        {"k7 nop uring", queued(uring, 1)},
        {"k7 nop uring x16", queued(uring, kBatch)},
        {"nvme features", [] { return nvme_ioctl(NvmeCommand::get_features); }},
        {"nvme identify", [] { return nvme_ioctl(NvmeCommand::identify); }},
        {"nvme features uring", queued(features, 1)},
        {"nvme features uring x16", queued(features, kBatch)},
        {"nvme identify uring", queued(identify, 1)},
        {"tpm random 32", tpm_get_random},
        {"virtio-crypto cbc 64", [] { return virtio_crypto_cbc(64); }},
        {"virtio-crypto cbc 4096", [] { return virtio_crypto_cbc(4096); }},
    };
}

/// A subject that runs, and what was measured of it: nanoseconds for each request.
struct Course {
    std::string name;
    std::unique_ptr<Operation> operation;
    std::vector<std::uint32_t> samples{};
    std::vector<std::uint32_t> medians{};
};

void warm_up(Operation &operation, std::uint64_t until) {
    do
        operation.run();
    while (now_ns() < until);
}

void run_round(Course &course, const Plan &plan) {
    const std::uint64_t length = std::uint64_t{plan.latency_ms} * 1'000'000;
    warm_up(*course.operation, now_ns() + length / 10);
    std::vector<std::uint32_t> samples;
    samples.reserve(kMost);
    const std::uint64_t begin = now_ns();
    for (std::uint64_t last = begin, end = begin + length; samples.size() < kMost;) {
        course.operation->run();
        const std::uint64_t now = now_ns();
        samples.push_back(static_cast<std::uint32_t>(std::min<std::uint64_t>(now - last, UINT32_MAX)));
        last = now;
        if (now >= end && samples.size() >= kFewest)
            break;
    }
    course.samples.insert(course.samples.end(), samples.begin(), samples.end());
    std::sort(samples.begin(), samples.end());
    course.medians.push_back(percentile(samples, 50) / course.operation->requests());
}

Json percentiles(const Course &course) {
    std::vector<std::uint32_t> sorted = course.samples;
    std::sort(sorted.begin(), sorted.end());
    Json result = Json::array();
    for (const double percent : kPercents) {
        // A percentile above which fewer than ten samples lie says nothing.
        if ((100 - percent) / 100 * static_cast<double>(sorted.size()) < 10 && percent > 50)
            break;
        result.push_back({percent, percentile(sorted, percent) / course.operation->requests()});
    }
    return result;
}

Json about(const std::string &name) {
    return {{"kind", "latency"}, {"subject", name}};
}

/// @return nothing when it did not run; @p good is made false when it should have
std::optional<Course> prepare(const LatencySubject &subject, bool &good) {
    try {
        return Course{subject.name, subject.make()};
    } catch (const Skipped &reason) {
        report(did_not_run(about(subject.name), "skipped", reason.what()));
    } catch (const std::exception &problem) {
        report(did_not_run(about(subject.name), "failed", problem.what()));
        good = false;
    }
    return std::nullopt;
}

/// @return false when it failed; then it takes no more part
bool try_round(Course &course, const Plan &plan) {
    try {
        run_round(course, plan);
        return true;
    } catch (const std::exception &problem) {
        report(did_not_run(about(course.name), "failed", problem.what()));
        return false;
    }
}

} // namespace

bool measure_latency(const Plan &plan) {
    bool good = true;
    std::vector<Course> courses;
    for (const LatencySubject &subject : subjects()) {
        if (!plan.only.empty() && subject.name != plan.only)
            continue;
        if (auto course = prepare(subject, good))
            courses.push_back(std::move(*course));
    }
    for (unsigned round = 0; round < plan.rounds; ++round)
        good &= std::erase_if(courses, [&](Course &course) { return !try_round(course, plan); }) == 0;
    for (const Course &course : courses) {
        Json line = about(course.name);
        line.update({{"status", "ran"},
                     {"requests", course.operation->requests()},
                     {"samples", course.samples.size()},
                     {"medians_ns", course.medians},
                     {"percentiles_ns", percentiles(course)}});
        report(line);
    }
    return good;
}

} // namespace k7bench
