// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a channel leaves behind: nothing, whatever the card is busy with when its file is closed. And what requests of
// all channels share: the memory for payloads, the estimate of how long to poll.
#include <sched.h>
#include <string>
#include <sys/mount.h>
#include <vector>

#include "tests/kmod/disturb.hpp"

namespace k7test {

namespace {

constexpr std::uint32_t kSlowFm = 0xa0fa;
constexpr double kPatience = 30; // seconds for a channel number to be free again

/// False when there is no such processor.
bool run_on(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    return ::sched_setaffinity(0, sizeof(set), &set) == 0;
}

void run_anywhere() {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int processor = 0; processor < CPU_SETSIZE; processor++)
        CPU_SET(processor, &set);
    (void)::sched_setaffinity(0, sizeof(set), &set);
}

std::string password() {
    const char *const name = std::getenv("K7HSM_PASSWORD_FILE");
    return first_line(name != nullptr ? name : "");
}

/// What the card says to something that only the HSM SO may do, and that does nothing.
std::uint32_t status_for_so(const Node &node) {
    k7_ioc_request request = Node::request(K7_CMD_FM_DELETE, {}, 0x7fff);
    return node.call(K7_IOC_REQUEST, &request) == 0 ? request.card_status : std::uint32_t{K7_ST_INTERNAL};
}

/// The next owner of the number finds nobody logged in.
void expect_no_heritage(Context &context, std::uint32_t channel, const std::string &text) {
    std::uint32_t status = 0;
    const bool free = eventually(kPatience, [&] {
        const Node next(context.node);
        if (next.info().channel != channel)
            return false;
        status = status_for_so(next);
        return true;
    });
    context.tap.check(free, text + ": its number is used again");
    context.tap.check(status == K7_ST_LOGIN_REQUIRED, text + ": nobody is logged in, status " + std::to_string(status));
}

/// The CHANNEL_CLOSE waits longer than the driver's patience, and is not given up for that.
void overdue(Context &context) {
    Node runner(context.node), owner(context.node);
    const std::uint32_t channel = owner.info().channel;
    k7_ioc_request patient = Node::request(K7_CMD_NOP);
    patient.timeout_ms = 120000;

    context.tap.result(0, owner.login(), "HSM_LOGIN");
    context.tap.check(status_for_so(owner) == K7_ST_FM_NOT_FOUND, "the SO may delete FMs");
    set_fault(context, "slow:5000");
    settle();
    Blocked running([&] { return runner.send(patient); });
    context.tap.check(eventually(kPatience, [&] { return in_flight(context, "NOP"); }), "a long request is in flight");
    owner.close();
    context.tap.result(0, running.result(), "a long request, while another file is closed");
    set_fault(context, "none");
    settle();
    expect_no_heritage(context, channel, "a file closed behind a long request");
}

/// A request that the card has not fetched, on another ring than the CHANNEL_CLOSE. The call that keeps the card from
/// that is on the request's ring, so that it is the turn of the CHANNEL_CLOSE's afterwards.
void overtaken(Context &context) {
    const std::string secret = password();
    std::string loops = "400000000";
    std::array<std::byte, 256> reply{};
    Node runner(context.node), owner(context.node);
    const std::uint32_t channel = owner.info().channel;
    k7_ioc_request call = Node::request(K7_CMD_FM_CALL, reply, kSlowFm);
    k7_submission login = Node::submission(K7_CMD_HSM_LOGIN);

    call.in_addr = reinterpret_cast<std::uintptr_t>(loops.data());
    call.in_len = static_cast<std::uint32_t>(loops.size());
    call.timeout_ms = 120000;
    login.in_addr = reinterpret_cast<std::uintptr_t>(secret.data());
    login.in_len = static_cast<std::uint32_t>(secret.size());
    Blocked running([&] {
        (void)run_on(1);
        return runner.send(call);
    });
    (void)eventually(kPatience, [&] { return in_flight(context, "FM_CALL"); });
    const bool moved = run_on(1);
    context.tap.result(1, owner.submit(login), "HSM_LOGIN is submitted on ring 1");
    (void)run_on(0);
    if (running.done())
        context.tap.skip("a login behind an FM call", "the machine was busy, and the call has ended before");
    owner.close();
    run_anywhere();
    context.tap.result(0, running.result(), "an FM call, while another file is closed");
    if (!moved)
        context.tap.skip("a login on another ring", "there is one processor");
    expect_no_heritage(context, channel, "a file closed on ring 0");
}

/// The estimate by which waiters poll, of ring 0. 0: unknown.
unsigned long poll_estimate(const Context &context) {
    const std::string line = first_line(debugfs_file(context, "rings")), name = " latency_ns=";
    const std::size_t at = line.find(name);
    return at == std::string::npos ? 0 : std::strtoul(line.c_str() + at + name.size(), nullptr, 10);
}

} // namespace

void test_closing(Context &context) {
    overdue(context);
    overtaken(context);
}

/// NOPs take some microseconds, and waiters know: an estimate that stays at its limit would have them never poll.
void test_polling(Context &context) {
    constexpr unsigned long kLimit = 150000; // ns; the estimate ends at 200000
    const Node node(context.node);
    (void)::mount("debugfs", "/sys/kernel/debug", "debugfs", 0, nullptr);
    if (!std::filesystem::exists("/sys/kernel/debug/k7hsm")) {
        context.tap.skip("how long waiters poll", "no debugfs");
        return;
    }
    (void)run_on(0);
    unsigned long estimate = 0;
    const bool short_enough = eventually(5, [&] {
        for (int i = 0; i < 100; i++)
            (void)node.nop();
        estimate = poll_estimate(context);
        return estimate != 0 && estimate < kLimit;
    });
    run_anywhere();
    context.tap.check(short_enough, "waiters poll for what short requests take: " + std::to_string(estimate) + " ns");
}

/// Replies that nobody collects take a limited part of the kernel's memory.
void test_payload_limit(Context &context) {
    std::vector<std::byte> room(K7_PAYLOAD_MAX);
    const std::vector<k7_submission> batch(256, Node::submission(K7_CMD_NOP, 0, room));
    std::vector<Node> nodes;
    int result = 1;
    while (result > 0 && nodes.size() < 6) {
        nodes.emplace_back(context.node);
        for (int taken = 0; result > 0 && taken < 256; taken += result)
            result = nodes.back().submit(std::span(batch).subspan(static_cast<std::size_t>(taken)));
    }
    context.tap.result(-ENOMEM, result, "room for more than 64 MiB of replies");
    context.tap.check(nodes.size() == 5, "in the fifth file: " + std::to_string(nodes.size()));
    context.tap.result(0, nodes.back().nop(), "a short request needs none");
    nodes.front().close();
    const bool back = eventually(5, [&] { return nodes.back().submit(batch.front()) == 1; });
    context.tap.check(back, "closing one of the files gives its part back");
}

} // namespace k7test
