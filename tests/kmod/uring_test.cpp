// SPDX-License-Identifier: GPL-2.0-or-later
//
// Requests through io_uring: K7_URING_CMD_REQUEST.
#include <algorithm>
#include <array>
#include <csignal>
#include <set>
#include <vector>

#include "tests/kmod/disturb.hpp"
#include "tests/kmod/groups.hpp"
#include "tests/kmod/node.hpp"
#include "tests/kmod/uring.hpp"

namespace k7test {

namespace {

constexpr unsigned kEntries = 128;

template <typename Change>
void expect(Tap &tap, Uring &ring, const Node &node, int wanted, const std::string &text, Change change) {
    k7_submission submission = Node::submission(K7_CMD_NOP);
    change(submission);
    tap.result(wanted, ring.run(node.fd(), submission).result, "io_uring: " + text);
}

void test_fields(Tap &tap, Uring &ring, const Node &node) {
    using Sub = k7_submission;
    expect(tap, ring, node, 0, "NOP", [](Sub &) {});
    expect(tap, ring, node, -EOPNOTSUPP, "a flag", [](Sub &s) { s.flags = 1; });
    expect(tap, ring, node, -EINVAL, "the first reserved field", [](Sub &s) { s.reserved0 = 1; });
    expect(tap, ring, node, -EINVAL, "the last reserved field", [](Sub &s) { s.reserved[1] = 1; });
    expect(tap, ring, node, -EOPNOTSUPP, "an unknown opcode", [](Sub &s) { s.opcode = 0x10001; });
    expect(tap, ring, node, -EOPNOTSUPP, "a command of the driver's own", [](Sub &s) { s.opcode = K7_CMD_ABORT; });
    expect(tap, ring, node, -EMSGSIZE, "a request too long", [](Sub &s) { s.in_len = 0xffffffff; });
    expect(tap, ring, node, -EMSGSIZE, "a reply too long", [](Sub &s) { s.out_len = K7_PAYLOAD_MAX + 1; });
    expect(tap, ring, node, -EFAULT, "a bad request payload", [](Sub &s) {
        s.in_len = 8;
        s.in_addr = 0xdead0000;
    });
    expect(tap, ring, node, -EFAULT, "a bad address for the reply", [](Sub &s) {
        s.opcode = K7_CMD_GET_RANDOM;
        s.arg[0] = s.out_len = 16;
        s.out_addr = 0xdead0000;
    });
    const k7_submission nop = Node::submission(K7_CMD_NOP);
    tap.result(-ENOTTY, ring.run(node.fd(), nop, K7_IOC_REQUEST).result, "io_uring: a number that is none of its own");
    const Node read_only("/proc/self/fd/" + std::to_string(node.fd()), O_RDONLY);
    const k7_submission admin = Node::submission(K7_CMD_FM_DELETE);
    tap.result(-EBADF, ring.run(read_only.fd(), admin).result, "io_uring: command of access ADMIN, read-only file");
    const int failures = as_nobody([&] {
        Uring own(4);
        return own.run(node.fd(), admin).result == -EPERM && own.run(node.fd(), nop).result == 0 ? 0 : 1;
    });
    tap.check(failures == 0, "io_uring: as nobody, NOP works and FM_DELETE does not");
    const UringAnswer refused = ring.run(node.fd(), Node::submission(K7_CMD_GET_RANDOM));
    tap.check(refused.result >= 0 && refused.card_status != K7_ST_OK, "io_uring: the card's status is in the big CQE");
}

void test_narrow_rings(Tap &tap, const Node &node) {
    for (const unsigned flags : {0u, IORING_SETUP_SQE128, IORING_SETUP_CQE32}) {
        Uring ring(4, flags);
        tap.check(ring.good() && ring.run(node.fd(), Node::submission(K7_CMD_NOP)).result == -EINVAL,
                  "io_uring: a ring with flags " + std::to_string(flags) + " is refused");
    }
}

/// @param flags of the queue entries: with IOSQE_ASYNC a kernel thread of io_uring issues them
void test_many(Tap &tap, Uring &ring, const Node &node, std::uint8_t flags, const std::string &how) {
    std::vector<std::array<std::byte, 600>> replies(kEntries);
    std::set<std::uint64_t> good;
    const auto length = [](std::uint64_t index) { return static_cast<std::uint32_t>(16 + index * 4); };
    for (std::uint64_t i = 0; i < kEntries; i++) {
        replies[i].fill(std::byte{0});
        ring.queue(node.fd(), Node::submission(K7_CMD_GET_RANDOM, 0, std::span(replies[i]).first(length(i)), length(i)),
                   i, K7_URING_CMD_REQUEST, flags);
    }
    ring.enter(kEntries);
    while (const auto answer = ring.take()) {
        const std::uint64_t i = answer->user_data;
        const auto zero = [](std::byte byte) { return byte == std::byte{0}; };
        if (i < kEntries && answer->result == static_cast<int>(length(i)) && answer->card_status == K7_ST_OK &&
            !std::all_of(replies[i].begin(), replies[i].begin() + length(i), zero) &&
            std::all_of(replies[i].begin() + length(i), replies[i].end(), zero))
            good.insert(i);
    }
    tap.check(good.size() == kEntries, "io_uring: 128 at once, " + how + ": each has its own reply");
}

/// Beyond the limit of a file io_uring waits, in a thread of its own.
void test_beyond_limit(Tap &tap, const Node &node) {
    constexpr unsigned kMany = 512;
    Uring ring(kMany);
    for (unsigned i = 0; i < kMany; i++)
        ring.queue(node.fd(), Node::submission(K7_CMD_NOP), i);
    unsigned good = 0, seen = 0;
    ring.enter(kMany);
    while (const auto answer = ring.take()) {
        seen++;
        good += answer->result == 0;
    }
    tap.check(seen == kMany && good == kMany, "io_uring: 512 on one file");
}

/// The kernel completes commands of io_uring in the task that sent them, and interrupts what that task waits in.
void test_while_waiting(Context &context, const Node &node) {
    Uring ring(4);
    set_fault(context, "slow:300");
    ring.queue(node.fd(), Node::submission(K7_CMD_NOP), 0);
    ring.enter(0);
    context.tap.result(0, node.nop(), "a completion of io_uring does not end a request that its task waits for");
    set_fault(context, "none");
    while (ring.enter(1) == -EINTR) {
    }
    context.tap.check(ring.take().has_value(), "and is there afterwards");
}

} // namespace

namespace {

void test_all(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node);
    Uring ring(kEntries);
    const bool has = (node.info().driver_features & K7_DRIVER_HAS_URING) != 0;
    tap.check(has && ring.good(), "the kernel and the driver have io_uring");
    if (!has || !ring.good())
        return;
    test_fields(tap, ring, node);
    test_narrow_rings(tap, node);
    test_many(tap, ring, node, 0, "by the task");
    test_many(tap, ring, node, IOSQE_ASYNC, "by io_uring's threads");
    test_beyond_limit(tap, node);
}

void test_all_disturbed(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node);
    k7_submission nop = Node::submission(K7_CMD_NOP);
    nop.timeout_ms = 500;
    set_fault(context, kNoCompletions);
    {
        Uring ring(4);
        const Stopwatch watch;
        tap.result(-ETIMEDOUT, ring.run(node.fd(), nop).result, "io_uring: a request that is not answered");
        tap.within(watch.milliseconds(), 5000, "ends in its time");
    }
    const Stopwatch watch;
    {
        Uring ring(kEntries);
        for (unsigned i = 0; i < 100; i++)
            ring.queue(node.fd(), nop, i);
        tap.check(ring.enter(0) == 100, "io_uring: a ring is closed with 100 in flight");
    }
    const pid_t child = ::fork();
    if (child == 0) {
        Uring ring(kEntries);
        for (unsigned i = 0; i < 100; i++)
            ring.queue(node.fd(), nop, i);
        ring.enter(0);
        ::raise(SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    tap.check(WIFSIGNALED(status), "io_uring: a task is killed with 100 in flight");
    tap.within(watch.milliseconds(), 9000, "both end within the timeouts of the requests");
    restore(context, node); // before the driver resets the card for what was never answered
    set_fault(context, kNoCompletions);
    {
        Uring ring(kEntries);
        const Node fresh(context.node); // older kernels end the requests of a closed ring later
        nop.timeout_ms = 0;
        for (unsigned i = 0; i < 100; i++)
            ring.queue(fresh.fd(), nop, i);
        ring.enter(0);
        // In another thread: completions interrupt what their task is waiting in.
        Blocked reset([&] { return node.reset(K7_RESET_CARD); });
        while (ring.enter(100) == -EINTR) {
        }
        tap.result(0, reset.result(), "io_uring: a reset with 100 in flight");
        unsigned cancelled = 0;
        while (const auto answer = ring.take())
            cancelled += answer->result == -ECANCELED || answer->result == -EHOSTDOWN;
        tap.check(cancelled == 100, "io_uring: all of them end, with ECANCELED or EHOSTDOWN");
    }
    restore(context, node);
    test_while_waiting(context, node);
    Uring ring(4);
    tap.result(0, ring.run(node.fd(), Node::submission(K7_CMD_NOP)).result, "io_uring works again");
}

} // namespace

// What io_uring still has to do for rings that were closed interrupts the waits of their task.
void test_uring(Context &context) {
    test_all(context);
    settle();
}

void test_uring_disturbed(Context &context) {
    test_all_disturbed(context);
    settle();
}

} // namespace k7test
