// SPDX-License-Identifier: GPL-2.0-or-later
//
// Requests a second against queue depth and number of threads. Each thread has a file and a queue of its own.
#include <atomic>
#include <chrono>
#include <exception>
#include <latch>
#include <mutex>
#include <thread>

#include "tests/bench/guest/parts.hpp"
#include "tests/bench/guest/subjects.hpp"

namespace k7bench {
namespace {

constexpr unsigned kDepths[] = {1, 2, 4, 8, 16, 32};
constexpr unsigned kThreads[] = {1, 2, 4};
constexpr unsigned kCallers[] = {1, 2, 4, 8, 16, 32}; ///< threads where each has one request at a time

std::vector<ThroughputSubject> subjects() {
    const CardRequest call = echo(64);
    const auto features = [] { return nvme_ioctl(NvmeCommand::get_features); };
    const auto features_queue = [](unsigned depth) { return nvme_uring_queue(NvmeCommand::get_features, depth); };
    return {
        {"k7 nop", "ioctl", [] { return card_request(kNop); }, {}},
        {"k7 nop", "submit", {}, [](unsigned depth) { return card_submit_queue(kNop, depth); }},
        {"k7 nop", "uring", {}, [](unsigned depth) { return card_uring_queue(kNop, depth); }},
        {"k7 echo 64", "ioctl", [=] { return card_request(call); }, {}},
        {"k7 echo 64", "submit", {}, [=](unsigned depth) { return card_submit_queue(call, depth); }},
        {"k7 echo 64", "uring", {}, [=](unsigned depth) { return card_uring_queue(call, depth); }},
        {"nvme features", "ioctl", features, {}},
        {"nvme features", "uring", {}, features_queue},
    };
}

/// Makes a function that carries out some requests each time and says how many. Called in each thread.
using MakePump = std::function<std::function<unsigned()>()>;

MakePump operation_pump(const MakeOperation &make) {
    return [make] {
        std::shared_ptr<Operation> operation = make();
        return [operation] {
            operation->run();
            return 1u;
        };
    };
}

/// Keeps the queue full: takes at least half of it, and what else is there, and sends as many again.
MakePump queue_pump(const MakeQueue &make, unsigned depth) {
    return [make, depth] {
        std::shared_ptr<Queue> queue = make(depth);
        queue->submit(depth);
        return [queue, depth] {
            const unsigned done = queue->collect(std::max(1u, depth / 2));
            queue->submit(done);
            return done;
        };
    };
}

/// Threads that pump until they are told to stop.
class Crew {
  public:
    Crew(unsigned threads, const MakePump &make) : ready_(threads) {
        for (unsigned i = 0; i < threads; ++i)
            threads_.emplace_back([this, make] { work(make); });
        ready_.wait();
    }
    ~Crew() {
        stop_ = true;
        for (std::thread &thread : threads_)
            thread.join();
    }
    Crew(const Crew &) = delete;
    Crew &operator=(const Crew &) = delete;

    [[nodiscard]] std::uint64_t done() const { return done_; }
    /// @throws what a thread has thrown
    void check() {
        const std::lock_guard lock(mutex_);
        if (problem_)
            std::rethrow_exception(problem_);
    }

  private:
    void work(const MakePump &make) {
        bool counted = false;
        try {
            const auto pump = make();
            ready_.count_down();
            counted = true;
            while (!stop_)
                done_ += pump();
        } catch (...) {
            if (!counted)
                ready_.count_down();
            const std::lock_guard lock(mutex_);
            problem_ = std::current_exception();
        }
    }

    std::latch ready_;
    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> done_{0};
    std::mutex mutex_;
    std::exception_ptr problem_;
    std::vector<std::thread> threads_;
};

double requests_per_second(unsigned threads, const MakePump &make, unsigned milliseconds) {
    Crew crew(threads, make);
    const auto length = std::chrono::milliseconds(milliseconds);
    std::this_thread::sleep_for(length / 10);
    const std::uint64_t before = crew.done(), begin = now_ns();
    std::this_thread::sleep_for(length);
    const std::uint64_t done = crew.done() - before, took = now_ns() - begin;
    crew.check();
    return static_cast<double>(done) * 1e9 / static_cast<double>(took);
}

struct Point {
    Json about;
    unsigned threads;
    MakePump make;
    std::vector<double> rates{};
};

Json about(const ThroughputSubject &subject) {
    return {{"kind", "throughput"}, {"subject", subject.name}, {"way", subject.way}};
}

void add_point(std::vector<Point> &points, const ThroughputSubject &subject, unsigned depth, unsigned threads) {
    Json line = about(subject);
    line.update({{"depth", depth}, {"threads", threads}});
    points.push_back(
        {line, threads,
         subject.make_queue ? queue_pump(subject.make_queue, depth) : operation_pump(subject.make_operation)});
}

std::vector<Point> points_of(const ThroughputSubject &subject) {
    std::vector<Point> points;
    if (!subject.make_queue) {
        for (const unsigned threads : kCallers)
            add_point(points, subject, 1, threads);
        return points;
    }
    for (const unsigned threads : kThreads)
        for (const unsigned depth : kDepths)
            add_point(points, subject, depth, threads);
    return points;
}

/// Whether the subject can be made at all; says so once, not for every point. @p good as in latency.cpp
bool available(const ThroughputSubject &subject, bool &good) {
    try {
        subject.make_queue ? (void)subject.make_queue(1) : (void)subject.make_operation();
        return true;
    } catch (const Skipped &reason) {
        report(did_not_run(about(subject), "skipped", reason.what()));
    } catch (const std::exception &problem) {
        report(did_not_run(about(subject), "failed", problem.what()));
        good = false;
    }
    return false;
}

bool try_point(Point &point, const Plan &plan) {
    try {
        point.rates.push_back(requests_per_second(point.threads, point.make, plan.throughput_ms));
        return true;
    } catch (const std::exception &problem) {
        report(did_not_run(point.about, "failed", problem.what()));
        return false;
    }
}

} // namespace

bool measure_throughput(const Plan &plan) {
    bool good = true;
    std::vector<Point> points;
    for (const ThroughputSubject &subject : subjects()) {
        if ((plan.only.empty() || subject.name == plan.only) && available(subject, good))
            std::ranges::move(points_of(subject), std::back_inserter(points));
    }
    for (unsigned round = 0; round < (plan.rounds + 1) / 2; ++round)
        good &= std::erase_if(points, [&](Point &point) { return !try_point(point, plan); }) == 0;
    for (const Point &point : points) {
        Json line = point.about;
        line.update({{"status", "ran"}, {"rates", point.rates}});
        report(line);
    }
    return good;
}

} // namespace k7bench
