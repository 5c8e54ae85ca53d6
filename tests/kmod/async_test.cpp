// SPDX-License-Identifier: GPL-2.0-or-later
//
// K7_IOC_SUBMIT and K7_IOC_COLLECT, poll() and O_NONBLOCK, on a card that works.
#include <algorithm>
#include <array>
#include <set>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include "tests/kmod/disturb.hpp"
#include "tests/kmod/groups.hpp"
#include "tests/kmod/node.hpp"

namespace k7test {

namespace {

constexpr std::uint64_t kBadAddress = 0xdead0000;
constexpr int kInFlightMax = 256;

std::vector<k7_submission> nops(std::size_t count) {
    std::vector<k7_submission> result;
    for (std::size_t i = 0; i < count; i++)
        result.push_back(Node::submission(K7_CMD_NOP, i));
    return result;
}

/// Collects what is in flight or done, and forgets it. @return how many there were
int drain(const Node &node) {
    std::array<k7_completion, kInFlightMax> room{};
    int total = 0;
    for (;;) {
        const int count = node.collect(room, kInFlightMax);
        if (count <= 0)
            return total;
        total += count;
    }
}

/// With one field changed, SUBMIT has to say @p wanted.
template <typename Change>
void expect_submit(Tap &tap, const Node &node, int wanted, const std::string &text, Change change) {
    k7_submission submission = Node::submission(K7_CMD_NOP);
    k7_ioc_submit submit = Node::submit_argument(std::span(&submission, 1));
    change(submit, submission);
    tap.result(wanted, node.call(K7_IOC_SUBMIT, &submit), text);
    if (wanted == 0)
        drain(node);
}

void test_submit_fields(Tap &tap, const Node &node) {
    using Submit = k7_ioc_submit;
    using Sub = k7_submission;
    expect_submit(tap, node, -EINVAL, "SUBMIT of none", [](Submit &s, Sub &) { s.count = 0; });
    expect_submit(tap, node, -EINVAL, "of 257", [](Submit &s, Sub &) { s.count = kInFlightMax + 1; });
    expect_submit(tap, node, -EINVAL, "of 2^32 - 1", [](Submit &s, Sub &) { s.count = 0xffffffff; });
    expect_submit(tap, node, -EOPNOTSUPP, "with a flag", [](Submit &s, Sub &) { s.flags = 1; });
    expect_submit(tap, node, -EINVAL, "a reserved field", [](Submit &s, Sub &) { s.reserved = 1; });
    expect_submit(tap, node, -EINVAL, "entries too small", [](Submit &s, Sub &) { s.entry_size = sizeof(Sub) - 8; });
    expect_submit(tap, node, -E2BIG, "entries of 2 GiB", [](Submit &s, Sub &) { s.entry_size = 0x80000000; });
    expect_submit(tap, node, -EFAULT, "a bad array", [](Submit &s, Sub &) { s.submissions_addr = kBadAddress; });
    expect_submit(tap, node, -EFAULT, "a null array", [](Submit &s, Sub &) { s.submissions_addr = 0; });
    expect_submit(tap, node, -EFAULT, "an array of the kernel",
                  [](Submit &s, Sub &) { s.submissions_addr = 0xffff888000000000; });
    expect_submit(tap, node, -EOPNOTSUPP, "a submission with a flag", [](Submit &, Sub &s) { s.flags = 1; });
    expect_submit(tap, node, -EINVAL, "its first reserved field", [](Submit &, Sub &s) { s.reserved0 = 1; });
    expect_submit(tap, node, -EINVAL, "its last reserved field", [](Submit &, Sub &s) { s.reserved[1] = 1; });
    expect_submit(tap, node, -EOPNOTSUPP, "an unknown opcode", [](Submit &, Sub &s) { s.opcode = 0x7fff; });
    expect_submit(tap, node, -EOPNOTSUPP, "a command of the driver's own",
                  [](Submit &, Sub &s) { s.opcode = K7_CMD_ABORT; });
    expect_submit(tap, node, -EMSGSIZE, "a request too long", [](Submit &, Sub &s) { s.in_len = K7_PAYLOAD_MAX + 1; });
    expect_submit(tap, node, -EMSGSIZE, "a reply too long", [](Submit &, Sub &s) { s.out_len = K7_PAYLOAD_MAX + 1; });
    expect_submit(tap, node, -EFAULT, "a bad request payload", [](Submit &, Sub &s) {
        s.in_len = 8;
        s.in_addr = kBadAddress;
    });
    expect_submit(tap, node, 0, "the same without any of this", [](Submit &, Sub &) {});
}

void test_submit_growth(Tap &tap, const Node &node) {
    struct Larger {
        k7_submission known;
        std::uint64_t future;
    };
    std::array<Larger, 2> larger{};
    for (Larger &entry : larger)
        entry.known = Node::submission(K7_CMD_NOP);
    k7_ioc_submit submit = Node::submit_argument({&larger[0].known, 1});
    submit.entry_size = sizeof(Larger);
    submit.count = 2;
    tap.result(0, node.call(K7_IOC_SUBMIT, &submit), "entries of a later version whose news are zero");
    tap.check(submit.count == 2 && drain(node) == 2, "are taken");
    larger[1].future = 1;
    submit.count = 2;
    tap.result(0, node.call(K7_IOC_SUBMIT, &submit), "one with news in the second entry");
    tap.check(submit.count == 1 && drain(node) == 1, "ends before it");
    larger[0].future = 1;
    submit.count = 2;
    tap.result(-E2BIG, node.call(K7_IOC_SUBMIT, &submit), "with news in the first");
}

template <typename Change>
void expect_collect(Tap &tap, const Node &node, int wanted, const std::string &text, Change change) {
    k7_completion completion{};
    k7_ioc_collect collect = Node::collect_argument(std::span(&completion, 1), 0);
    change(collect);
    tap.result(wanted, node.call(K7_IOC_COLLECT, &collect), text);
}

void test_collect_fields(Tap &tap, const Node &node) {
    using Collect = k7_ioc_collect;
    expect_collect(tap, node, 0, "COLLECT when there is nothing", [](Collect &) {});
    expect_collect(tap, node, -EINVAL, "room for none", [](Collect &c) { c.count = 0; });
    expect_collect(tap, node, -EINVAL, "room for 257", [](Collect &c) { c.count = kInFlightMax + 1; });
    expect_collect(tap, node, -EINVAL, "entries too small", [](Collect &c) { c.entry_size -= 8; });
    expect_collect(tap, node, -E2BIG, "entries of 8 KiB", [](Collect &c) { c.entry_size = 8192; });
    expect_collect(tap, node, -EINVAL, "the first reserved field", [](Collect &c) { c.reserved0 = 1; });
    expect_collect(tap, node, -EINVAL, "the last reserved field", [](Collect &c) { c.reserved = 1; });
    const Stopwatch watch;
    expect_collect(tap, node, 0, "a wait for what was never sent", [](Collect &c) { c.wait = 1; });
    tap.within(watch.milliseconds(), 1000, "returns at once");
    tap.check(node.submit(Node::submission(K7_CMD_NOP, 7)) == 1, "a NOP");
    tap.check(eventually(10, [&] { return (node.wait(0, POLLIN) & POLLIN) != 0; }), "is done");
    expect_collect(tap, node, -EFAULT, "a bad array", [](Collect &c) { c.completions_addr = kBadAddress; });
    k7_completion completion{};
    tap.check(node.collect(std::span(&completion, 1), 1) == 1 && completion.user_data == 7,
              "which has lost no completion");
}

/// Completions with room for what is not known yet are ended with zeros.
void test_collect_growth(Tap &tap, const Node &node) {
    struct Larger {
        k7_completion known;
        std::uint64_t future;
    };
    std::array<Larger, 3> larger{};
    for (Larger &entry : larger)
        entry.future = 0x5a5a;
    node.submit(nops(2));
    k7_ioc_collect collect = Node::collect_argument({&larger[0].known, 1}, 2);
    collect.entry_size = sizeof(Larger);
    collect.count = 3;
    collect.wait = 2;
    tap.result(0, node.call(K7_IOC_COLLECT, &collect), "COLLECT of larger entries");
    tap.check(collect.count == 2 && larger[0].future == 0 && larger[1].future == 0 && larger[2].future == 0x5a5a,
              "fills two and no more");
}

/// A reply in the place of its submission, of the length that was asked for.
struct Wanted {
    std::array<std::byte, 600> bytes{};
    std::uint32_t length = 0;

    k7_submission submission(std::uint64_t user_data, std::uint32_t of) {
        length = of;
        return Node::submission(K7_CMD_GET_RANDOM, user_data, std::span(bytes).first(of), of);
    }
    /// Random bytes at least from 16 on, nothing behind them.
    [[nodiscard]] bool good(const k7_completion &completion) const {
        const auto nothing = [](std::byte byte) { return byte == std::byte{0}; };
        const auto end = bytes.begin() + length;
        return completion.error == 0 && completion.card_status == K7_ST_OK && completion.out_len == length &&
               std::all_of(end, bytes.end(), nothing) && (length < 16 || !std::all_of(bytes.begin(), end, nothing));
    }
};

/// One batch: small and large replies, each its own.
void test_batch(Tap &tap, const Node &node) {
    std::vector<Wanted> wanted(kInFlightMax);
    std::vector<k7_submission> batch;
    for (std::uint32_t i = 0; i < kInFlightMax; i++)
        batch.push_back(wanted[i].submission(i, 1 + i * 2));
    tap.check(node.submit(batch) == kInFlightMax, "256 submissions in one call");
    std::array<k7_completion, kInFlightMax> completions{};
    tap.check(node.collect(completions, kInFlightMax) == kInFlightMax, "256 completions in one call");
    std::set<std::uint64_t> seen;
    bool good = true;
    for (const k7_completion &completion : completions) {
        seen.insert(completion.user_data);
        good = good && completion.user_data < kInFlightMax && wanted[completion.user_data].good(completion) &&
               completion.generation == node.info().generation;
    }
    tap.check(seen.size() == kInFlightMax && good, "each once, with the reply of its own request");
}

void test_ends_early(Tap &tap, const Node &node) {
    std::vector<k7_submission> batch = nops(8);
    batch[5].opcode = 0x7fff;
    tap.check(node.submit(batch) == 5, "a wrong submission ends the batch before it");
    tap.check(drain(node) == 5, "what was taken completes");
    k7_submission bad = Node::submission(K7_CMD_GET_RANDOM, 1, {}, 16);
    bad.out_len = 16;
    bad.out_addr = kBadAddress;
    k7_completion completion{};
    tap.check(node.submit(bad) == 1 && node.collect(std::span(&completion, 1), 1) == 1, "a reply to a bad address");
    tap.check(completion.error == EFAULT && completion.user_data == 1, "completes with EFAULT");
    k7_submission refused = Node::submission(K7_CMD_GET_RANDOM, 2);
    node.submit(refused);
    tap.check(node.collect(std::span(&completion, 1), 1) == 1 && completion.error == 0 &&
                  completion.card_status != K7_ST_OK,
              "what the card refuses is no error of the driver");
}

} // namespace

void test_async_arguments(Context &context) {
    const Node node(context.node);
    test_submit_fields(context.tap, node);
    test_submit_growth(context.tap, node);
    test_collect_fields(context.tap, node);
    test_collect_growth(context.tap, node);
}

namespace {

/// Threads that submit and threads that collect, on one file: nothing is lost or comes twice.
void test_several_threads(Tap &tap, const Context &context) {
    constexpr std::uint64_t kSenders = 3, kEach = 1500;
    const Node node(context.node);
    std::vector<std::vector<std::uint64_t>> collected(3);
    std::atomic<std::uint64_t> total{0};
    std::atomic<int> errors{0};
    std::vector<std::thread> threads;

    for (std::uint64_t sender = 0; sender < kSenders; sender++) {
        threads.emplace_back([&, sender] {
            for (std::uint64_t sent = 0; sent < kEach;) {
                std::vector<k7_submission> batch;
                for (std::uint64_t i = sent; i < std::min(sent + 40, kEach); i++)
                    batch.push_back(Node::submission(K7_CMD_NOP, sender * kEach + i));
                const int taken = node.submit(batch);
                errors += taken <= 0;
                sent += taken > 0 ? static_cast<std::uint64_t>(taken) : 40;
            }
        });
    }
    for (auto &mine : collected) {
        threads.emplace_back([&] {
            std::array<k7_completion, 16> room{};
            while (total < kSenders * kEach && errors == 0) {
                const int count = node.collect(room, 4, 100);
                errors += count < 0;
                for (int i = 0; i < count; i++) {
                    errors += room[static_cast<std::size_t>(i)].error != 0;
                    mine.push_back(room[static_cast<std::size_t>(i)].user_data);
                }
                total += count > 0 ? static_cast<std::uint64_t>(count) : 0;
            }
        });
    }
    for (auto &thread : threads)
        thread.join();
    std::set<std::uint64_t> all;
    for (const auto &mine : collected)
        all.insert(mine.begin(), mine.end());
    tap.check(errors == 0 && total == kSenders * kEach && all.size() == total,
              "3 threads submit, 3 collect: 4500 requests, each once");
}

/// The limit of a file, with and without O_NONBLOCK.
void test_room(Tap &tap, const Context &context) {
    const Node node(context.node, O_RDWR | O_NONBLOCK);
    std::array<k7_completion, kInFlightMax> room{};

    tap.check(node.info().in_flight_max == kInFlightMax, "INFO tells how many can be in flight");
    tap.check(node.collect(room, 1) == -EAGAIN, "O_NONBLOCK: COLLECT of nothing");
    tap.check((node.wait(0, POLLIN | POLLOUT) & (POLLIN | POLLOUT)) == POLLOUT, "poll(): it can be submitted");
    tap.check(node.submit(nops(200)) == 200, "200 submissions");
    tap.check(node.submit(nops(200)) == 56, "of 200 more, 56 are taken");
    tap.check(node.submit(nops(1)) == -EAGAIN, "then EAGAIN");
    tap.check((node.wait(0, POLLOUT) & POLLOUT) == 0, "and no EPOLLOUT");
    tap.check((node.wait(10000, POLLIN) & POLLIN) != 0, "poll() tells a completion");
    int total = 0;
    const bool all = eventually(30, [&] {
        const int count = node.collect(room, 0);
        total += count > 0 ? count : 0;
        return total == kInFlightMax;
    });
    tap.check(all && node.collect(room, 0) == -EAGAIN, "all 256 come, then EAGAIN");
    tap.check((node.wait(0, POLLIN | POLLOUT) & (POLLIN | POLLOUT)) == POLLOUT, "poll() is as at the beginning");
    tap.result(0, node.nop(), "a REQUEST with O_NONBLOCK waits for its reply");
}

void test_waits_for_room(Tap &tap, const Context &context) {
    const Node node(context.node);
    tap.check(node.submit(nops(kInFlightMax)) == kInFlightMax, "a file that is full");
    Blocked sender([&] { return node.submit(nops(3)); });
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    tap.check(!sender.done(), "SUBMIT waits for somebody to collect");
    std::array<k7_completion, 2> room{};
    tap.check(node.collect(room, 2) == 2, "two are collected");
    const int taken = sender.result();
    tap.check(taken >= 1 && taken <= 2, "then it goes on, as far as there is room");
    tap.check(drain(node) == kInFlightMax - 2 + taken, "all are answered");
}

void test_close_in_flight(Tap &tap, const Context &context) {
    bool good = true;
    for (int i = 0; i < 200; i++) {
        const Node node(context.node);
        good = good && node.submit(nops(kInFlightMax)) == kInFlightMax;
    }
    tap.check(good, "200 files are closed with 256 requests in flight each");
    tap.result(0, Node(context.node).nop(), "a new file is not bothered");
}

/// A child has the same file: what it submits, the parent collects, in the parent's memory.
void test_forked(Tap &tap, const Context &context) {
    const Node node(context.node);
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(node.submit(nops(10)) == 10 ? 0 : 1);
    int status = 1;
    ::waitpid(child, &status, 0);
    tap.check(status == 0, "a child submits on its parent's file");
    std::array<k7_completion, 16> room{};
    tap.check(node.collect(std::span(room).first(10), 10) == 10, "the parent collects it, after the child has gone");
    const int copy = ::dup(node.fd());
    node.submit(nops(1));
    auto collect = Node::collect_argument(room, 1);
    tap.check(::ioctl(copy, K7_IOC_COLLECT, &collect) == 0 && collect.count == 1, "a dup is the same file");
    ::close(copy);
}

void test_collect_timeout(Tap &tap, const Context &context) {
    const Node node(context.node);
    std::vector<Wanted> wanted(1);
    std::array<k7_completion, 4> room{};
    tap.check(node.submit(wanted[0].submission(1, 64)) == 1, "one in flight");
    const Stopwatch watch;
    tap.check(node.collect(room, 4, 0xffffffff) == 1, "a wait for four, for ever, ends with the one");
    tap.within(watch.milliseconds(), 5000, "when it is there");
    tap.check(wanted[0].good(room[0]), "with its reply");
}

} // namespace

void test_async(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node);
    test_batch(tap, node);
    test_ends_early(tap, node);
    test_room(tap, context);
    test_waits_for_room(tap, context);
    test_collect_timeout(tap, context);
    test_several_threads(tap, context);
    test_forked(tap, context);
    test_close_in_flight(tap, context);
}

// ---- Very many ----

namespace {

/// Files that each keep requests of different kinds in flight.
class Fleet {
  public:
    Fleet(const Context &context, std::size_t files, std::uint32_t depth) : depth_(depth), replies_(files * depth) {
        // Channels of files that were closed are free again when the card has heard of it.
        eventually(20, [&] {
            while (nodes_.size() < files) {
                Node node(context.node);
                if (!node.good())
                    return errno != EBUSY;
                nodes_.push_back(std::move(node));
            }
            return true;
        });
    }

    [[nodiscard]] bool opened() const { return nodes_.size() * depth_ == replies_.size(); }

    /// @return submissions that were taken
    std::size_t submit() {
        std::size_t total = 0;
        for (std::size_t i = 0; i < nodes_.size(); i++) {
            std::vector<k7_submission> batch;
            for (std::uint32_t j = 0; j < depth_; j++)
                batch.push_back(replies_[i * depth_ + j].submission(i * depth_ + j, 1 + (i + j) % 300));
            const int taken = nodes_[i].submit(batch);
            total += taken > 0 ? static_cast<std::size_t>(taken) : 0;
        }
        return total;
    }

    /// @return completions that came to the right file with the right reply, each once
    std::size_t collect() {
        std::set<std::uint64_t> good;
        std::vector<k7_completion> room(depth_);
        for (std::size_t i = 0; i < nodes_.size(); i++) {
            const int count = nodes_[i].collect(room, depth_, 60000);
            for (int c = 0; c < count; c++) {
                const k7_completion &completion = room[static_cast<std::size_t>(c)];
                if (completion.user_data / depth_ == i && replies_.at(completion.user_data).good(completion))
                    good.insert(completion.user_data);
            }
        }
        return good.size();
    }

  private:
    std::uint32_t depth_;
    std::vector<Wanted> replies_;
    std::vector<Node> nodes_;
};

} // namespace

void test_many_files(Context &context) {
    constexpr std::size_t kFiles = K7_CHANNEL_MAX;
    constexpr std::uint32_t kDepth = 64;
    rlimit limit{kFiles + 64, kFiles + 64};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    Fleet fleet(context, kFiles, kDepth);
    context.tap.check(fleet.opened(), "1024 files are open");
    context.tap.check(!Node(context.node).good() && errno == EBUSY, "one more is EBUSY");
    const Stopwatch watch;
    context.tap.check(fleet.submit() == kFiles * kDepth, "each has 64 requests in flight");
    context.tap.check(fleet.collect() == kFiles * kDepth, "65536 replies, each the right one");
    std::printf("# 65536 requests: %.0f ms\n", watch.milliseconds());
}

// ---- Disturbed ----

namespace {

int collect_one(const Node &node, std::uint32_t timeout_ms = 30000) {
    k7_completion completion{};
    const int count = node.collect(std::span(&completion, 1), 1, timeout_ms);
    if (count != 1)
        return count < 0 ? count : -EALREADY;
    return -static_cast<int>(completion.error);
}

/// @return completions that ended with @p error (positive) of @p count
int count_ends(const Node &node, int count, std::uint32_t error) {
    std::array<k7_completion, kInFlightMax> room{};
    int found = 0, total = 0;
    while (total < count) {
        const int now = node.collect(room, 1);
        if (now <= 0)
            break;
        for (int i = 0; i < now; i++)
            found += room[static_cast<std::size_t>(i)].error == error;
        total += now;
    }
    return found;
}

void test_async_timeouts(Context &context, const Node &node) {
    Tap &tap = context.tap;
    const int timeouts = counter(context, "timeouts");
    const std::uint32_t generation = node.info().generation;
    set_fault(context, kNoCompletions);
    k7_submission submission = Node::submission(K7_CMD_NOP);
    submission.timeout_ms = 6000;
    const Stopwatch watch;
    tap.check(node.submit(submission) == 1, "a submission that is not answered");
    tap.result(-EALREADY, collect_one(node, 50), "COLLECT with a shorter timeout has nothing");
    tap.result(-ETIMEDOUT, collect_one(node), "completes with ETIMEDOUT");
    tap.check(watch.milliseconds() >= 5990, "not before its time");
    tap.within(watch.milliseconds(), 12000, "and soon after it");
    tap.check(counter(context, "timeouts") == timeouts + 1, "it is counted");
    tap.check(node.info().generation == generation, "nothing was reset for it");
}

void test_async_signal(Context &context, const Node &node) {
    context.tap.check(node.submit(Node::submission(K7_CMD_NOP)) == 1, "another one");
    {
        const Alarm alarm;
        context.tap.result(-EINTR, collect_one(node), "a signal ends COLLECT");
    }
    const Node full(context.node);
    context.tap.check(full.submit(nops(kInFlightMax)) == kInFlightMax, "a file that is full");
    const Alarm alarm;
    context.tap.result(-EINTR, full.submit(Node::submission(K7_CMD_NOP)), "a signal ends SUBMIT");
}

/// A ring is full: a REQUEST that must not wait for room is told so.
void test_full(Context &context) {
    const Pinned pinned;
    std::vector<Node> nodes;
    for (int i = 0; i < 20; i++) {
        nodes.emplace_back(context.node);
        nodes.back().submit(nops(kInFlightMax));
    }
    const Node nonblock(context.node, O_RDWR | O_NONBLOCK);
    context.tap.result(-EAGAIN, nonblock.nop(), "REQUEST with O_NONBLOCK when the ring is full");
    context.tap.check(nonblock.submit(nops(3)) == 3, "SUBMIT with O_NONBLOCK is taken");
    const Node blocking(context.node);
    context.tap.result(-ETIMEDOUT, blocking.nop(200), "REQUEST without it waits for its time");
}

bool is_ended_by_reset(const k7_completion &completion) {
    return completion.error == ECANCELED || completion.error == EHOSTDOWN;
}

void test_async_reset(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node), other(context.node);
    node.submit(nops(100));
    tap.result(0, other.reset(K7_RESET_CARD), "a reset with 100 in flight");
    std::array<k7_completion, 100> room{};
    tap.check(node.collect(room, 100) == 100 && std::all_of(room.begin(), room.end(), is_ended_by_reset),
              "all of them end, with ECANCELED, or EHOSTDOWN when they had not been sent");
    set_fault(context, "none");
    tap.check(eventually(10, [&] { return node.submit(Node::submission(K7_CMD_NOP)) == 1 && collect_one(node) == 0; }),
              "the file goes on");
}

void test_async_halt(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node);
    set_fault(context, kNoCompletions);
    std::vector<Node> crowd;
    std::vector<k7_submission> patient = nops(kInFlightMax);
    for (k7_submission &each : patient)
        each.timeout_ms = 60000;
    for (int i = 0; i < 4; i++) {
        crowd.emplace_back(context.node);
        crowd.back().submit(patient);
    }
    halt_in_flight(context);
    int cancelled = 0, not_sent = 0;
    for (const Node &each : crowd) {
        std::array<k7_completion, kInFlightMax> room{};
        const int count = each.collect(room, kInFlightMax);
        for (int i = 0; i < count; i++) {
            cancelled += room[static_cast<std::size_t>(i)].error == ECANCELED;
            not_sent += room[static_cast<std::size_t>(i)].error == EHOSTDOWN;
        }
    }
    tap.check(cancelled > 0 && not_sent > 0 && cancelled + not_sent == 4 * kInFlightMax,
              "a halt ends what was sent with ECANCELED (" + std::to_string(cancelled) +
                  "), what waited with EHOSTDOWN (" + std::to_string(not_sent) + ")");
    tap.result(-EHOSTDOWN, node.submit(Node::submission(K7_CMD_NOP)), "SUBMIT on a halted card");
    tap.check((node.wait(0, POLLOUT) & POLLOUT) != 0, "would not wait, says poll()");
}

/// Requests are submitted and collected while the card is reset in all ways.
void test_async_busy_reset(Context &context) {
    std::atomic<bool> stop{false};
    std::atomic<int> answered{0}, wrong{0}, missing{0};
    std::thread sender([&] {
        const Node node(context.node);
        std::array<k7_completion, 64> room{};
        while (!stop) {
            const int taken = node.submit(nops(64));
            wrong += taken < 0 && taken != -EAGAIN && taken != -EHOSTDOWN;
            if (taken <= 0)
                continue;
            const int count = node.collect(room, static_cast<std::uint32_t>(taken));
            missing += count != taken;
            for (int i = 0; i < count; i++) {
                const std::uint32_t error = room[static_cast<std::size_t>(i)].error;
                answered += error == 0;
                wrong += error != 0 && !is_ended_by_reset(room[static_cast<std::size_t>(i)]);
            }
        }
    });
    const Node node(context.node);
    int failures = 0;
    for (std::uint32_t i = 0; i < 8; i++) {
        const int before = answered;
        failures += node.reset(1 + i % 4) != 0;
        failures += !eventually(20, [&] { return answered > before; });
    }
    stop = true;
    sender.join();
    context.tap.check(failures == 0, "8 resets under submissions, which go on afterwards");
    context.tap.check(answered > 0 && wrong == 0 && missing == 0,
                      "each submission has one completion, with a documented error: " + std::to_string(answered) +
                          " answered, " + std::to_string(wrong) + " wrong, " + std::to_string(missing) + " missing");
}

void test_async_unbind(Context &context) {
    Tap &tap = context.tap;
    Node node(context.node);
    const std::string address = pci_address(context);
    set_fault(context, kNoCompletions);
    node.submit(nops(kInFlightMax));
    Blocked collector([&] { return count_ends(node, kInFlightMax, ENODEV); });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    write_driver("unbind", address);
    tap.check(collector.result() == kInFlightMax, "unbinding: all in flight end with ENODEV");
    k7_completion completion{};
    tap.check(node.collect(std::span(&completion, 1), 1) == 0, "COLLECT works, and has no more");
    tap.result(-ENODEV, node.submit(Node::submission(K7_CMD_NOP)), "SUBMIT");
    tap.check((node.wait(0, POLLIN | POLLOUT) & (POLLIN | POLLOUT)) == 0, "poll() offers neither");
    node.close();
    rebind(context, address);
}

/// More replies than anybody polls for, and no interrupt tells of them.
void test_async_lost_interrupt(Context &context) {
    const Node node(context.node);
    const int before = counter(context, "completions_polled");
    std::vector<std::byte> reply(K7_PAYLOAD_MAX);
    std::vector<k7_submission> batch(64, Node::submission(K7_CMD_GET_RANDOM, 0, reply, K7_PAYLOAD_MAX));
    set_fault(context, "lose-irq");
    // The fault may come late, and a card that is quicker than the submitter needs no interrupt.
    bool complete = true;
    const Stopwatch watch;
    while (counter(context, "completions_polled") == before && watch.milliseconds() < 20000 * patience())
        complete = node.submit(batch) == 64 && drain(node) == 64 && complete;
    context.tap.check(complete, "lost interrupts lose no completion");
    context.tap.check(counter(context, "completions_polled") > before, "the health poll has found them");
    set_fault(context, "none");
    context.tap.check(node.submit(batch) == 64 && drain(node) == 64, "afterwards all is as before");
}

} // namespace

void test_async_disturbed(Context &context) {
    {
        const Node node(context.node);
        test_async_lost_interrupt(context);
        test_async_timeouts(context, node);
        test_async_signal(context, node);
        restore(context, node); // before the driver resets the card for what was never answered
        set_fault(context, kNoCompletions);
        test_full(context);
    }
    test_async_reset(context);
    test_async_busy_reset(context);
    test_async_halt(context);
    restore(context, Node(context.node));
    test_async_unbind(context);
}

} // namespace k7test
