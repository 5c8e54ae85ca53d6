// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is measured: an operation that is run and waited for, or a queue that keeps several in flight.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

namespace k7bench {

/// A subject cannot run here, and that is no failure: the driver or the kernel says that it has no such way.
class Skipped : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// One operation at a time. Not thread-safe: each thread has its own.
class Operation {
  public:
    Operation() = default;
    Operation(const Operation &) = delete;
    Operation &operator=(const Operation &) = delete;
    virtual ~Operation() = default;

    /// Carry it out and wait for its end. @throws std::system_error, std::runtime_error when it fails
    virtual void run() = 0;
    /// How many requests a run consists of; figures are given for one request.
    [[nodiscard]] virtual unsigned requests() const { return 1; }
};

/// Operations of one kind in flight, at most as many as the queue was made for. Not thread-safe.
class Queue {
  public:
    Queue() = default;
    Queue(const Queue &) = delete;
    Queue &operator=(const Queue &) = delete;
    virtual ~Queue() = default;

    /// Send @p count operations. There must be room for them.
    virtual void submit(unsigned count) = 0;
    /// Take completions, waiting until @p at_least are there. @return how many were taken
    virtual unsigned collect(unsigned at_least) = 0;
};

using MakeOperation = std::function<std::unique_ptr<Operation>()>;
using MakeQueue = std::function<std::unique_ptr<Queue>(unsigned depth)>;

/// A subject of the latency part.
struct LatencySubject {
    std::string name;
    MakeOperation make; ///< @throws Skipped
};

/// A subject of the throughput part: one of the two.
struct ThroughputSubject {
    std::string name;
    std::string way;              ///< "ioctl", "submit" or "uring"
    MakeOperation make_operation; ///< one at a time and thread
    MakeQueue make_queue;         ///< many at a time and thread
};

/// A queue used as an operation: @p batch submitted at once, all waited for.
std::unique_ptr<Operation> batch_operation(const MakeQueue &make, unsigned batch);

} // namespace k7bench
