// SPDX-License-Identifier: GPL-2.0-or-later
//
// The rungs of the ladder (docs/driver.md), each provoked by a fault of its own and seen by its counter. The driver is
// to be loaded with request_timeout_ms=2500, and the FM `slow` with the card.
#include <cstring>
#include <map>
#include <vector>

#include "tests/kmod/disturb.hpp"

namespace k7test {

namespace {

constexpr std::uint32_t kSlowFm = 0xa0fa;
constexpr double kPatience = 20; // seconds for a rung to be climbed: the driver looks once a second

using Counters = std::map<std::string, int>;

Counters counters(const Context &context) {
    Counters all;
    for (const char *name : {"gone", "aer", "halted", "completions_polled", "timeouts", "aborted", "timeout_resets"})
        all[name] = counter(context, name);
    return all;
}

/// Which counters have risen, as "name name". The poll may find what an interrupt is late to tell, so that it counts
/// only where it is @p wanted.
std::string risen(const Context &context, const Counters &before, const std::string &wanted) {
    std::string names;
    for (const auto &[name, value] : counters(context)) {
        if (name == "completions_polled" && wanted != name)
            continue;
        names += value > before.at(name) ? (names.empty() ? "" : " ") + name : "";
    }
    return names;
}

/// Only these counters rise, in the order of the alphabet.
void expect_risen(Context &context, const Counters &before, const std::string &wanted) {
    const bool good = eventually(kPatience, [&] { return risen(context, before, wanted) == wanted; });
    context.tap.check(good, "counters that rise: " + wanted +
                                (good ? "" : "; but it was: " + risen(context, before, wanted)));
}

void expect_service(Context &context, const std::string &text) {
    context.tap.check(eventually(kPatience, [&] { return Node(context.node).nop() == 0; }), text);
}

/// A call of the FM `slow` that runs @p count loops: some nanoseconds each.
struct SlowCall {
    explicit SlowCall(std::string loops) : count(std::move(loops)) {
        request = Node::request(K7_CMD_FM_CALL, reply, kSlowFm);
        request.in_addr = reinterpret_cast<std::uintptr_t>(count.data());
        request.in_len = static_cast<std::uint32_t>(count.size());
        request.timeout_ms = 120000;
    }
    std::string count;
    std::array<std::byte, 256> reply{};
    k7_ioc_request request{};
};

/// Not a short command: it would be answered before anybody needs an interrupt. Whatever else the driver sends
/// meanwhile finds the completion, too, so it is tried a few times.
void polled(Context &context) {
    const Counters before = counters(context);
    SlowCall call("30000000");
    set_fault(context, "lose-irq");
    int result = 0;
    for (int i = 0; i < 5 && result == 0 && counter(context, "completions_polled") == before.at("completions_polled");
         i++)
        result = Node(context.node).send(call.request);
    context.tap.result(0, result, "a request whose interrupt is lost");
    set_fault(context, "none");
    expect_risen(context, before, "completions_polled");
}

void halted(Context &context) {
    const Counters before = counters(context);
    set_fault(context, kNoCompletions);
    Blocked request([&] { return Node(context.node).nop(60000); });
    halt_in_flight(context);
    context.tap.result(-ECANCELED, request.result(), "a request on a card that halts");
    expect_risen(context, before, "halted");
    restore(context, Node(context.node));
}

/// A short request waits behind a long one: it is aborted, and nothing is reset.
void aborted(Context &context) {
    Node runner(context.node), waiter(context.node);
    const std::uint32_t generation = runner.info().generation;
    const Counters before = counters(context);
    k7_ioc_request patient = Node::request(K7_CMD_NOP);
    patient.timeout_ms = 120000;

    set_fault(context, "slow:5000");
    Blocked running([&] { return runner.send(patient); });
    context.tap.check(eventually(kPatience, [&] { return in_flight(context, "NOP"); }), "a long request is in flight");
    const Stopwatch watch;
    context.tap.result(-ETIMEDOUT, waiter.nop(), "a request behind a long one");
    context.tap.within(watch.milliseconds(), 4500, "ends in its own time");
    context.tap.result(0, running.result(), "the long one is answered");
    set_fault(context, "none");
    expect_risen(context, before, "aborted timeouts");
    context.tap.check(waiter.info().generation == generation, "nothing is reset");
    context.tap.result(0, waiter.nop(), "the file still works");
}

/// More work than the driver's patience, in a queue that moves: the card is busy, not stuck.
void busy(Context &context) {
    const Node node(context.node);
    const std::uint32_t generation = node.info().generation;
    const int resets = counter(context, "timeout_resets");
    std::vector<k7_submission> batch(30, Node::submission(K7_CMD_NOP));
    std::vector<k7_completion> room(batch.size());
    batch.back().timeout_ms = 120000;

    set_fault(context, "slow:400");
    context.tap.result(30, node.submit(batch), "30 requests that take 0.4 s each");
    const Stopwatch watch;
    context.tap.result(30, node.collect(room, 30, 120000), "end");
    context.tap.check(room.back().error == 0, "the last one, which was given the time, is answered");
    context.tap.check(watch.milliseconds() > 3000, "which takes longer than the driver's patience");
    set_fault(context, "none");
    context.tap.check(node.info().generation == generation && counter(context, "timeout_resets") == resets,
                      "nothing is reset");
}

void reset(Context &context, const std::string &text, const std::string &second_fault) {
    const Node node(context.node);
    const std::uint32_t generation = node.info().generation;
    const Counters before = counters(context);

    set_fault(context, kNoCompletions); // more than one: the end of a channel may come first
    context.tap.result(-ETIMEDOUT, node.nop(500), text);
    set_fault(context, second_fault);
    const bool up = eventually(kPatience, [&] { return node.info().generation > generation; });
    context.tap.check(up, "the card is reset");
    set_fault(context, "none");
    expect_risen(context, before, "aborted timeout_resets timeouts");
    expect_service(context, "and works again");
}

void recovery(Context &context) {
    const Counters before = counters(context);
    qmp("human-monitor-command", R"({"command-line": "pcie_aer_inject_error )" +
                                     context.qom_path.substr(context.qom_path.rfind('/') + 1) + R"( DLP"})");
    expect_risen(context, before, "aer");
    expect_service(context, "works after the recovery");
}

void gone(Context &context) {
    const Counters before = counters(context);
    const std::string address = pci_address(context);
    set_fault(context, "link-down");
    expect_risen(context, before, "gone");
    write_driver("unbind", address);
    set_fault(context, "none");
    bind(context, address);
    expect_service(context, "bound again, it works");
}

} // namespace

void test_ladder(Context &context) {
    expect_service(context, "the card works");
    polled(context);
    halted(context);
    aborted(context);
    busy(context);
    reset(context, "a request whose completion is lost", "none");
    reset(context, "the same with a dead boot loader", "hang-mailbox");
    recovery(context);
    gone(context);
}

} // namespace k7test
