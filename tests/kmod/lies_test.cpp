// SPDX-License-Identifier: GPL-2.0-or-later
//
// A card that lies, storms, dawdles or glitches (docs/card-interface.md, Faults): the driver survives it, says so in
// its counters, ends every request in bounded time, and the card works again afterwards.
#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/kmod/disturb.hpp"

namespace k7test {

namespace {

constexpr double kBound = 20000; // milliseconds for a request on a card that lies; the driver's patience is 2.5 seconds

constexpr double kStorm = 228; // interrupts in 100 ms; K7_STORM_ALLOWANCE of the driver

/// What becomes of a driver that is bound while the lie is told.
enum class Binding { any, refused, works };

struct Lie {
    const char *fault;
    const char *counter = nullptr; ///< that it raises
    /// What else the first who uses the card sees of it.
    bool (*taken)(Context &context, const Node &node) = nullptr;
    Binding binding = Binding::any;
};

/// What is said is not needed, or late, but no lie: it costs nobody anything.
bool unharmed(Context &context, const Node &node) {
    const auto counters = [&] { return counter(context, "protocol_errors") + counter(context, "resets"); };
    const int before = counters();
    return node.nop() == 0 && counters() == before;
}

/// A status that there is not is passed on: who asked knows best what it means.
bool passed_on(Context &, const Node &node) {
    k7_ioc_request nop = Node::request(K7_CMD_NOP);
    return node.call(K7_IOC_REQUEST, &nop) == 0 && nop.card_status == 0xffff;
}

/// A state that there is not is shown as such, and nothing is sent to a card in it.
bool unknown_state(Context &context, const Node &node) {
    return eventually(10, [&] { return node.nop() == -EHOSTDOWN; }) &&
           eventually(10, [&] { return first_line(context.sysfs + "/card_state") == "unknown"; });
}

bool query_unanswered(Context &, const Node &node) {
    k7_ioc_query query;
    return node.query(K7_QUERY_IDENTITY, {}, query) == -ETIMEDOUT;
}

bool reply_refused(Context &, const Node &node) {
    return node.nop() == -EIO;
}

// Most tell their lie a few times, so that the card is honest again afterwards.
constexpr Lie kLies[] = {
    {"lie-tag:3", "protocol_errors"},
    {"lie-stale-tag:3", "protocol_errors"},
    {"duplicate:3", "protocol_errors"},
    {"lie-length:4", "protocol_errors", reply_refused},
    {"lie-phase:2", "timeouts"},
    {"lie-status:3", nullptr, passed_on},
    {"lie-sq-head:3", nullptr, unharmed},
    {"lie-identity", nullptr, unharmed, Binding::refused},
    {"lie-limits", nullptr, unharmed, Binding::refused},
    {"lie-limits:2", nullptr, unharmed, Binding::works},
    {"lie-limits:4", nullptr, unharmed, Binding::refused},
    {"lie-limits:5", nullptr, unharmed, Binding::works},
    {"lie-state", nullptr, unknown_state},
    {"lie-tag-mailbox:3", nullptr, query_unanswered},
    {"mailbox-garbage:3", "protocol_errors"},
    {"slow:300", nullptr, unharmed},
    {"gone:3000", "gone"},
    {"dma-error:3", "timeouts"},
    {"storm", "irq_storms"},
    {"storm:100000", "irq_storms"},
    {"storm-events:20000", nullptr, unharmed},
    {"stuck-ring", "resets"},
};

/// Each kind of thing that user space asks for, once. @return the longest that one took, in milliseconds
double use(const Node &node) {
    double longest = 0;
    const auto timed = [&longest](auto call) {
        const Stopwatch watch;
        (void)call();
        longest = std::max(longest, watch.milliseconds());
    };
    std::array<std::byte, 4096> bytes{};
    k7_ioc_query query;
    for (int round = 0; round < 3; round++) {
        timed([&] { return node.nop(); });
        timed([&] { return node.send(Node::request(K7_CMD_GET_RANDOM, bytes, bytes.size())); });
        timed([&] { return node.query(K7_QUERY_IDENTITY, bytes, query); });
        timed([&] { return node.query(K7_QUERY_STATE, bytes, query); });
    }
    timed([&] { return node.reset(K7_RESET_FIRMWARE); });
    return longest;
}

/// What a driver finds that is given the card as it lies now.
void rebind_to_liar(Context &context, const std::string &address) {
    write_driver("unbind", address);
    bind(context, address);
}

/// Gives the card what it may need after a lie: a reset, or the driver once more. @return does it work?
bool mend(Context &context, const std::string &address) {
    for (int attempt = 0; attempt < 3; attempt++) {
        const auto works = [&] { return find_card(context, address) && Node(context.node).nop() == 0; };
        if (eventually(attempt == 0 ? 4 : 1, works))
            return true;
        if (Node(context.node).reset(K7_RESET_CARD) == 0 && eventually(10, works))
            return true;
        rebind_to_liar(context, address);
    }
    return false;
}

/// Interrupts of cards so far, as the kernel counts them.
double interrupts_so_far() {
    double sum = 0;
    std::ifstream table("/proc/interrupts");
    for (std::string line; std::getline(table, line);) {
        if (line.find("k7pf") == std::string::npos)
            continue;
        std::istringstream words(line);
        std::string number;
        words >> number;
        for (double count = 0; words >> count;)
            sum += count;
    }
    return sum;
}

/// On a busy machine interrupts may come too slowly for a storm: then it is played again, and in the end skipped.
void check_counted(Context &context, const Lie &lie, int before) {
    const std::string text = std::string(lie.fault) + ": counted in " + lie.counter;
    const bool is_storm = std::string(lie.counter) == "irq_storms";
    double most = 0; // interrupts in 100 ms
    for (int play = 0; play < (is_storm ? 8 : 1); play++) {
        if (play != 0) {
            set_fault(context, "none");
            set_fault(context, lie.fault);
        }
        const double begin = interrupts_so_far();
        const Stopwatch watch;
        if (eventually(is_storm ? 3 : 10, [&] { return counter(context, lie.counter) > before; }))
            return context.tap.check(true, text);
        most = std::max(most, (interrupts_so_far() - begin) / watch.milliseconds() * 100);
    }
    if (is_storm && most < kStorm)
        return context.tap.skip(text, "no more than " + std::to_string(static_cast<int>(most)) +
                                          " interrupts in 100 ms got through on this machine, no storm");
    context.tap.check(false, text);
}

void check_bound(Context &context, const Lie &lie, const std::string &address) {
    if (lie.binding == Binding::any)
        return;
    const bool works = find_card(context, address) && Node(context.node).nop() == 0 &&
                       Node(context.node).info().payload_max <= K7_PAYLOAD_MAX;
    const bool refused = !find_card(context, address);
    context.tap.check(lie.binding == Binding::works ? works : refused,
                      lie.fault + std::string(lie.binding == Binding::works
                                                  ? ": a driver that is bound does not believe it"
                                                  : ": the card is refused"));
}

void survive(Context &context, const Lie &lie) {
    Tap &tap = context.tap;
    const std::string name = lie.fault;
    const std::string address = pci_address(context);
    const int before = lie.counter != nullptr ? counter(context, lie.counter) : 0;

    set_fault(context, lie.fault);
    {
        const Node node(context.node);
        if (lie.taken != nullptr)
            tap.check(lie.taken(context, node), name + ": taken for what it is");
        tap.within(use(node), kBound, name + ": the longest wait");
    }
    if (lie.counter != nullptr)
        check_counted(context, lie, before);
    rebind_to_liar(context, address);
    check_bound(context, lie, address);
    set_fault(context, "none");
    if (!find_card(context, address))
        bind(context, address);
    tap.check(mend(context, address), name + ": works afterwards");
}

} // namespace

void test_lies(Context &context) {
    for (const Lie &lie : kLies)
        survive(context, lie);
}

} // namespace k7test
