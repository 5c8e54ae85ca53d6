// SPDX-License-Identifier: GPL-2.0-or-later
//
// What happens to the card while files are open and threads wait: resets, erases, a halt, lost interrupts, unbinding,
// a card that is gone. Faults are played by the card: a line "@qmp ..." asks the runner of the guest tests for one.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/kmod/disturb.hpp"

namespace k7test {

namespace {

constexpr double kWakeMs = 100;     // unbinding wakes everybody within this
constexpr double kHaltMs = 50;      // a halt, too; and nobody waits on a card that is halted
constexpr std::size_t kCrowd = 400; // more than two rings hold

} // namespace

// ---- Resets and erases ----

namespace {

void expect_reset(Context &context, std::uint32_t kind, const std::string &name) {
    Tap &tap = context.tap;
    const Node node(context.node), other(context.node);
    const std::uint32_t generation = node.info().generation;
    k7_ioc_reset answer;

    const Stopwatch watch;
    tap.result(0, node.reset(kind, K7_MODE_OPERATIONAL, &answer), name);
    tap.within(watch.milliseconds(), 20000, "its duration");
    tap.check(K7_STATE_GET(answer.card_state) == K7_STATE_OPERATIONAL, "the card is operational afterwards");
    tap.check(answer.generation > generation && node.info().generation == answer.generation, "in a new generation");
    tap.result(0, node.nop(), "a file that was open still works");
    tap.check((other.take_events() & K7_EVENT_RESET) != 0, "other files hear of it");
}

void test_modes(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node);
    k7_ioc_reset answer;

    for (const std::uint32_t kind : {K7_RESET_FIRMWARE, K7_RESET_CARD}) {
        tap.result(0, node.reset(kind, K7_MODE_MAINTENANCE, &answer), "into maintenance mode");
        tap.check(K7_STATE_GET(answer.card_state) == K7_STATE_MAINTENANCE && node.nop() == 0, "works, without FMs");
        tap.result(0, node.reset(kind, K7_MODE_BOOT_LOADER, &answer), "into the boot loader");
        tap.check(K7_STATE_GET(answer.card_state) == K7_STATE_BOOT, "stays there");
        tap.result(-EHOSTDOWN, node.nop(), "requests fail at once");
        tap.check(first_line(context.sysfs + "/card_state") == "boot", "sysfs says so");
        tap.result(0, node.reset(kind), "and back");
        tap.result(0, node.nop(), "works again");
    }
}

} // namespace

void test_reset(Context &context) {
    Tap &tap = context.tap;
    expect_reset(context, K7_RESET_FIRMWARE, "firmware restart");
    expect_reset(context, K7_RESET_CARD, "card reset");
    expect_reset(context, K7_RESET_FUNCTION, "function level reset");
    expect_reset(context, K7_RESET_BUS, "bus reset");
    test_modes(context);

    const Node node(context.node);
    tap.result(-EINVAL, node.reset(0), "kind 0");
    tap.result(-EINVAL, node.reset(5), "kind 5");
    tap.result(-EINVAL, node.reset(K7_RESET_CARD, 3), "mode 3");
    tap.result(-EINVAL, node.reset(K7_RESET_FUNCTION, K7_MODE_MAINTENANCE), "a mode where none can be given");
    auto reserved = sized<k7_ioc_reset>();
    reserved.kind = K7_RESET_CARD;
    reserved.reserved = 1;
    tap.result(-EINVAL, node.call(K7_IOC_RESET, &reserved), "a reserved field that is set");

    const std::string pci = std::filesystem::canonical(context.sysfs + "/device").string();
    const std::uint32_t generation = node.info().generation;
    std::ofstream(pci + "/reset") << "1\n";
    tap.check(node.info().generation > generation && node.nop() == 0, "a reset through sysfs, then a NOP");
}

void test_erase(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node);
    k7_ioc_erase answer;

    for (const std::uint32_t target : {K7_ERASE_FMS, K7_ERASE_SMFS}) {
        tap.result(0, node.erase(target, &answer), "erase " + std::to_string(target));
        tap.check(answer.card_status == K7_ST_OK, "the card has done it");
        tap.check(K7_STATE_GET(answer.card_state) == K7_STATE_BOOT, "and is in the boot loader");
        tap.result(-EHOSTDOWN, node.nop(), "requests fail at once");
        k7_card_state state{};
        k7_ioc_query query;
        tap.result(0, node.query(K7_QUERY_STATE, std::as_writable_bytes(std::span(&state, 1)), query), "queries work");
        tap.check(state.fm_count == 0 || target != K7_ERASE_FMS, "no FM is left");
        tap.result(0, node.reset(K7_RESET_FIRMWARE), "firmware restart");
        tap.result(0, node.nop(), "works again");
    }
    tap.result(-EINVAL, node.erase(0), "target 0");
    tap.result(-EINVAL, node.erase(3), "target 3");
    auto reserved = sized<k7_ioc_erase>();
    reserved.target = K7_ERASE_FMS;
    reserved.reserved = 1;
    tap.result(-EINVAL, node.call(K7_IOC_ERASE, &reserved), "a reserved field that is set");
}

/// Requests from several threads while the card is reset again and again.
void test_busy_reset(Context &context) {
    constexpr std::array kAllowed = {0, -ECANCELED, -EAGAIN, -EHOSTDOWN};
    Tap &tap = context.tap;
    std::atomic<bool> stop{false};
    std::atomic<int> answered{0}, wrong{0};
    std::vector<std::thread> threads;

    for (int i = 0; i < 4; i++) {
        threads.emplace_back([&] {
            const Node node(context.node);
            std::array<std::byte, 4096> bytes{};
            while (!stop) {
                const int result = node.send(Node::request(K7_CMD_GET_RANDOM, bytes, 4096));
                answered += result == 0;
                wrong += std::find(kAllowed.begin(), kAllowed.end(), result) == kAllowed.end();
            }
        });
    }
    const Node node(context.node);
    int failures = 0;
    for (std::uint32_t i = 0; i < 12; i++)
        failures += node.reset(1 + i % 4) != 0;
    bool refused = false;
    for (int attempt = 0; attempt < 10 && !refused; attempt++) {
        Blocked first([&] { return node.reset(K7_RESET_FUNCTION); });
        while (!first.done())
            refused |= node.reset(K7_RESET_FIRMWARE) == -EBUSY;
        refused |= first.result() == -EBUSY;
    }
    stop = true;
    for (auto &thread : threads)
        thread.join();
    tap.check(failures == 0, "12 resets of all kinds under load");
    tap.check(refused, "a second reset meanwhile is EBUSY");
    tap.check(answered > 0 && wrong == 0, "requests are answered or end with a documented error");
    tap.result(0, node.nop(), "the card works afterwards");
}

// ---- Halt ----

namespace {

/// Reads STATE without a pause until it is HALTED, for 20 seconds at most. @return now() then
double watch_for_halt(Tap &tap, const Node &node) {
    const Stopwatch watch;
    while (node.state() != K7_STATE_HALTED && watch.milliseconds() < 20000 * patience()) {
    }
    const double halted_at = now();
    tap.check(node.state() == K7_STATE_HALTED, "the card halts");
    return halted_at;
}

/// Waits in poll() until an event says that the state has changed.
int poll_for_change(const Node &poller) {
    while ((poller.wait(20000) & POLLPRI) != 0) {
        k7_ioc_event event;
        if (poller.event(event, 0, K7_EVENT_STATE_CHANGED) == 0 && event.events != 0)
            return 0;
    }
    return -ETIMEDOUT;
}

void test_halted(Context &context, const Node &node) {
    Tap &tap = context.tap;
    within_once(tap, kHaltMs, "at once", [&] {
        const Stopwatch watch;
        tap.result(-EHOSTDOWN, node.nop(), "a new request fails");
        return watch.milliseconds();
    });
    tap.check(node.info().driver_state == K7_DRIVER_LIVE, "the driver stays live");
    tap.check(first_line(context.sysfs + "/card_state") == "halted", "sysfs: card_state");
    tap.check(first_line(context.sysfs + "/reason") == "watchdog", "sysfs: reason");
    std::array<std::byte, 4096> report{};
    k7_ioc_query query;
    tap.result(0, node.query(K7_QUERY_FAULT_REPORT, report, query), "the boot loader tells the fault");
    tap.check(query.card_status == K7_ST_OK && query.reply_len > 0, "with a report");
    k7_ioc_erase erased;
    tap.result(0, node.erase(K7_ERASE_FMS, &erased), "FMs can be erased");
    tap.check(K7_STATE_GET(erased.card_state) == K7_STATE_HALTED, "which leaves it halted");
}

/// More requests at once than the rings have room for, on a card that does not answer.
class Crowd {
  public:
    Crowd(const Context &context, std::size_t size) : node_(context.node), results_(size) {
        for (int &result : results_)
            threads_.emplace_back([this, &result] { result = node_.nop(60000); });
    }
    ~Crowd() { join(); }
    Crowd(const Crowd &) = delete;
    Crowd &operator=(const Crowd &) = delete;

    /// @return how many requests ended with @p result
    std::size_t count(int result) {
        join();
        return static_cast<std::size_t>(std::count(results_.begin(), results_.end(), result));
    }

  private:
    void join() {
        for (auto &thread : threads_) {
            if (thread.joinable())
                thread.join();
        }
    }

    Node node_;
    std::vector<int> results_;
    std::vector<std::thread> threads_;
};

} // namespace

namespace {

/// @return milliseconds from the halt until the last of those who wait was told of it
double halt(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node), poller(context.node, O_RDONLY);
    const std::uint32_t fault = node.info().fault_sequence;

    set_fault(context, kNoCompletions);
    Blocked poll([&] { return poll_for_change(poller); });
    Blocked request([&] { return node.nop(60000); });
    halt_in_flight(context);
    const double halted_at = watch_for_halt(tap, node);
    tap.result(0, poll.result(), "poll() tells it");
    tap.result(-ECANCELED, request.result(), "the request in flight returns");
    // An earlier reset may be told of only now.
    tap.check((poller.take_events() & ~K7_EVENT_RESET) == K7_EVENT_NEW_FAULT, "the new fault is an event, too");
    tap.check((poller.take_events() & ~K7_EVENT_RESET) == 0, "once");
    tap.check(node.info().fault_sequence > fault, "with a new fault sequence");
    test_halted(context, node);
    restore(context, node);
    return std::max(poll.returned_after(halted_at), request.returned_after(halted_at));
}

} // namespace

void test_halt(Context &context) {
    within_once(context.tap, kHaltMs, "poll() and the request return soon after the halt",
                [&] { return halt(context); });
}

void test_full_rings(Context &context) {
    const Node node(context.node);

    set_fault(context, kNoCompletions);
    Crowd crowd(context, kCrowd);
    halt_in_flight(context);
    const std::size_t cancelled = crowd.count(-ECANCELED), refused = crowd.count(-EHOSTDOWN);
    context.tap.check(cancelled > 0 && refused > 0 && cancelled + refused == kCrowd,
                      std::to_string(cancelled) + " requests in flight are cancelled by a halt, " +
                          std::to_string(refused) + " that waited for room are refused");
    restore(context, node);
}

// ---- Waiting that is disturbed ----

void test_signal(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node);
    const int resets = counter(context, "timeout_resets");
    k7_ioc_event event;

    {
        const Alarm alarm;
        // Of a kind that nothing raises here: what an earlier test has stirred up may still come.
        tap.result(-EINTR, node.event(event, 0xffffffff, K7_EVENT_FMS_CHANGED), "a signal ends the wait for an event");
    }
    set_fault(context, "drop-completion:100");
    {
        const Alarm alarm;
        Stopwatch watch;
        tap.result(-EINTR, node.nop(), "a signal ends the wait for a reply");
        tap.within(watch.milliseconds(), 3000, "at once");
    }
    set_fault(context, "none");
    tap.result(0, node.nop(), "the channel still works");
    tap.check(eventually(20, [&] { return counter(context, "timeout_resets") > resets; }),
              "what was abandoned is cleaned up by a restart of the firmware");
    tap.check(eventually(10, [&] { return node.nop() == 0; }), "which works");
}

void test_lost_completion(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node);
    const std::uint32_t generation = node.info().generation;
    const int timeouts = counter(context, "timeouts");

    set_fault(context, "drop-completion:100");
    Stopwatch watch;
    tap.result(-ETIMEDOUT, node.nop(200), "a short timeout");
    tap.check(watch.milliseconds() >= 190, "is kept");
    tap.within(watch.milliseconds(), 5000, "and not much exceeded");
    tap.check(node.info().generation == generation, "impatience resets nothing");
    tap.check(counter(context, "timeouts") == timeouts + 1, "but is counted");
    // The first request becomes overdue a little before the second: whether the second times out, or is ended by the
    // restart that the first one causes, depends on when the driver looks.
    const int error = node.nop();
    tap.check(error == -ETIMEDOUT || error == -ECANCELED, "the default timeout, or the restart, ends a request");
    set_fault(context, "none");
    tap.check(eventually(10, [&] { return node.info().generation > generation && node.nop() == 0; }),
              "the driver has restarted the firmware");
}

// ---- The card goes ----

namespace {

/// Threads that wait in each way there is, on files of their own.
class Waiters {
  public:
    explicit Waiters(const Context &context, bool with_request)
        : poller_(context.node, O_RDONLY), listener_(context.node), sender_(context.node),
          poll_([this] { return static_cast<int>(poller_.wait(30000)); }), event_([this] {
              k7_ioc_event event;
              return listener_.event(event, 0xffffffff, K7_EVENT_FMS_CHANGED);
          }),
          with_request_(with_request), request_([this] { return with_request_ ? sender_.nop() : 0; }) {}

    /// @param begin now() when the disturbance began
    /// @return milliseconds until the last one was woken
    double expect_woken(Tap &tap, double begin) {
        tap.check((poll_.result() & (POLLERR | POLLHUP)) == (POLLERR | POLLHUP), "poll() says ERR and HUP");
        tap.result(-ENODEV, event_.result(), "the wait for an event ends");
        const double last = std::max(poll_.returned_after(begin), event_.returned_after(begin));
        if (!with_request_)
            return last;
        tap.result(-ENODEV, request_.result(), "a request in flight ends");
        return std::max(last, request_.returned_after(begin));
    }

  private:
    Node poller_, listener_, sender_;
    Blocked poll_, event_;
    bool with_request_;
    Blocked request_;
};

/// @return milliseconds until the last of those who wait was woken
double unbind_with_waiters(Context &context, bool hung) {
    Tap &tap = context.tap;
    double woken = 0;
    Node node(context.node);
    const std::string address = pci_address(context);

    if (hung) {
        set_fault(context, "drop-completion:100");
    }
    {
        Waiters waiters(context, hung);
        settle();
        const Stopwatch watch;
        const double begin = now();
        write_driver("unbind", address);
        tap.within(watch.milliseconds(), 5000, hung ? "unbinding with a request in flight" : "unbinding");
        woken = waiters.expect_woken(tap, begin);
    }
    expect_dead_file(tap, node);
    tap.check(!std::filesystem::exists(context.sysfs), "sysfs has forgotten the card");
    node.close();
    rebind(context, address);
    return woken;
}

/// The bus is taken away from under a reset or an erase.
void unbind_during(Context &context, const std::string &name, int (*disturb)(const Node &node)) {
    const std::string address = pci_address(context);
    bool good = true;
    for (int round = 0; round < 5; round++) {
        Node node(context.node);
        Blocked job([&] { return disturb(node); });
        std::this_thread::sleep_for(std::chrono::milliseconds(round * 10));
        write_driver("unbind", address);
        good = good && (job.result() == 0 || job.result() == -ENODEV);
        node.close();
        bind(context, address);
        good =
            good && eventually(20, [&] { return Node(context.node).nop() == 0 || Node(context.node).reset(1) == 0; });
    }
    context.tap.check(good, "unbinding during " + name);
}

} // namespace

void test_unbind(Context &context) {
    for (const bool hung : {false, true})
        within_once(context.tap, kWakeMs, "who waits is woken soon",
                    [&] { return unbind_with_waiters(context, hung); });
    unbind_during(context, "a bus reset", [](const Node &node) { return node.reset(K7_RESET_BUS); });
    unbind_during(context, "a function level reset", [](const Node &node) { return node.reset(K7_RESET_FUNCTION); });
    unbind_during(context, "a card reset", [](const Node &node) { return node.reset(K7_RESET_CARD); });
    unbind_during(context, "an erase", [](const Node &node) { return node.erase(K7_ERASE_SMFS); });
    const std::string address = pci_address(context);
    for (int i = 0; i < 20; i++) {
        write_driver("unbind", address);
        bind(context, address);
    }
    context.tap.result(0, Node(context.node).nop(), "20 times unbound and bound");
}

void test_link_down(Context &context) {
    Tap &tap = context.tap;
    Node node(context.node);
    const std::string address = pci_address(context);
    {
        Waiters waiters(context, false);
        settle();
        const double begin = now();
        set_fault(context, "link-down");
        // Nothing interrupts: the health poll, once a second, has to see it.
        tap.within(waiters.expect_woken(tap, begin), 10000, "who waits is woken");
    }
    expect_dead_file(tap, node);
    tap.check(eventually(10, [&] { return first_line(context.sysfs + "/driver_state") == "dead"; }),
              "sysfs: driver_state");
    tap.check(first_line(context.sysfs + "/card_state") == "gone", "sysfs: card_state");
    const Stopwatch watch;
    write_driver("unbind", address);
    tap.within(watch.milliseconds(), 5000, "unbinding a card that is gone");
    node.close();
    rebind(context, address);
}

// ---- Figures ----

namespace {

/// What a request costs when 64 are submitted and collected at once.
void test_batch_latency(Context &context, const Node &node) {
    constexpr int kBatch = 64, kRounds = 100;
    const std::vector<k7_submission> batch(kBatch, Node::submission(K7_CMD_NOP));
    std::array<k7_completion, kBatch> room{};
    int collected = 0;
    const Stopwatch watch;
    for (int i = 0; i < kRounds; i++) {
        if (node.submit(batch) == kBatch)
            collected += std::max(node.collect(room, kBatch), 0);
    }
    context.tap.check(collected == kBatch * kRounds, "6400 NOPs, 64 at a time");
    std::printf("# NOP of a batch: mean %.1f us\n", watch.milliseconds() * 1000 / (kBatch * kRounds));
}

} // namespace

void test_latency(Context &context) {
    constexpr std::size_t kRounds = 5000;
    const Node node(context.node);
    std::vector<double> microseconds;

    for (std::size_t i = 0; i < kRounds; i++) {
        const Stopwatch watch;
        if (node.nop() == 0)
            microseconds.push_back(watch.milliseconds() * 1000);
    }
    context.tap.check(microseconds.size() == kRounds, "5000 NOPs");
    test_batch_latency(context, node);
    std::sort(microseconds.begin(), microseconds.end());
    std::printf("# NOP: median %.1f us, 99 %% %.1f us\n", microseconds.at(microseconds.size() / 2),
                microseconds.at(microseconds.size() * 99 / 100));
}

} // namespace k7test
