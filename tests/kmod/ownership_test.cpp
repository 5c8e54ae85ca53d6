// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who has the card: resets and erases that the card or other files are in the way of. What they report is true, and
// neither a query nor a claim holds anybody up.
#include <memory>
#include <vector>

#include "tests/kmod/disturb.hpp"

namespace k7test {

namespace {

constexpr double kSoon = 500; // milliseconds for a call that waits for nobody

/// FMs of the card, or -1 when the boot loader does not tell.
int fms(const Node &node) {
    k7_card_state state{};
    k7_ioc_query query;
    const int result = node.query(K7_QUERY_STATE, std::as_writable_bytes(std::span(&state, 1)), query);
    return result == 0 ? static_cast<int>(state.fm_count) : -1;
}

// ---- A ring that does not stop: the function is reset on top ----

/// The mode that was asked for is that of the card, although the function was reset, which starts it operational.
void reset_into(Context &context, std::uint32_t kind, std::uint32_t mode, std::uint32_t wanted, const char *name) {
    const Node node(context.node);
    k7_ioc_reset answer;

    set_fault(context, "stuck-ring:1");
    settle();
    context.tap.result(0, node.reset(kind, mode, &answer), std::string("a ring is stuck: ") + name);
    context.tap.check(K7_STATE_GET(answer.card_state) == wanted && node.state() == wanted, "the card is in that mode");
    restore(context, node);
}

void erase_with_a_stuck_ring(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node);
    k7_ioc_erase answer;

    set_fault(context, "stuck-ring:1");
    settle();
    tap.result(0, node.erase(K7_ERASE_SMFS, &answer), "a ring is stuck: erase");
    tap.check(answer.card_status == K7_ST_OK && K7_STATE_GET(answer.card_state) == K7_STATE_BOOT, "done, and it stays");
    restore(context, node);
}

/// A card that stops nothing and answers nothing. Whenever the host sees to the second fault: success is no lie.
void erase_on_a_wedged_card(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node);
    tap.check(fms(node) > 0, "there is an FM to be erased");

    set_fault(context, "stuck-ring:1");
    settle();
    Blocked erase([&] { return node.erase(K7_ERASE_FMS); });
    set_fault(context, "hang-mailbox");
    const int result = erase.result();
    set_fault(context, "none");
    settle();
    std::printf("# erase on a wedged card: %d\n", result);
    tap.check(result == -ETIMEDOUT || (result == 0 && fms(node) == 0), "an erase that says so has erased");
    restore(context, node);
}

// ---- The mailbox ----

/// Queries without a pause, of a boot loader that does not answer.
class Askers {
  public:
    Askers(const Context &context, std::size_t count) {
        for (std::size_t i = 0; i < count; i++) {
            threads_.emplace_back([this, node = std::make_unique<Node>(context.node)] {
                k7_ioc_query query;
                while (!stop_)
                    (void)node->query(K7_QUERY_STATE, {}, query);
            });
        }
    }
    ~Askers() {
        stop_ = true;
        for (auto &thread : threads_)
            thread.join();
    }
    Askers(const Askers &) = delete;
    Askers &operator=(const Askers &) = delete;

  private:
    std::atomic<bool> stop_{false};
    std::vector<std::thread> threads_;
};

void reset_among_queries(Context &context) {
    const Node node(context.node);
    {
        const Askers askers(context, 16);
        settle();
        const Stopwatch watch;
        context.tap.result(0, node.reset(K7_RESET_FUNCTION), "a reset, while 16 threads ask a dead boot loader");
        context.tap.within(watch.milliseconds(), 5000, "does not wait for them");
    }
}

/// An erase waits for the boot loader, a query for the erase, and a claim for nobody.
void claim_behind_a_query(Context &context) {
    Tap &tap = context.tap;
    const Node eraser(context.node), asker(context.node), claimer(context.node);
    k7_ioc_query query;

    Blocked erase([&] { return eraser.erase(K7_ERASE_SMFS); });
    tap.check(eventually(5, [&] { return claimer.info().driver_state == K7_DRIVER_RESETTING; }), "an erase has begun");
    Blocked ask([&] { return asker.query(K7_QUERY_STATE, {}, query); });
    settle();
    const Stopwatch watch;
    tap.result(-EAGAIN, claimer.claim(K7_CLAIM_TAKE), "a claim while another file erases");
    tap.result(-EAGAIN, claimer.nop(), "a request meanwhile");
    tap.within(watch.milliseconds(), kSoon, "neither waits for the boot loader");
    tap.check(!erase.done() && !ask.done(), "erase and query wait on");
    set_fault(context, "none");
    tap.result(0, erase.result(), "until it answers: erase");
    tap.result(0, ask.result(), "query");
}

void reset_of_a_claimed_card(Context &context) {
    Tap &tap = context.tap;
    const Node owner(context.node), other(context.node);

    tap.result(0, owner.claim(K7_CLAIM_TAKE), "a claim after the erase");
    tap.result(-EBUSY, other.reset(K7_RESET_CARD), "RESET on another file");
    tap.result(-EBUSY, other.erase(K7_ERASE_SMFS), "ERASE likewise");
    restore(context, owner);
}

} // namespace

void test_stuck_reset(Context &context) {
    erase_with_a_stuck_ring(context);
    reset_into(context, K7_RESET_FIRMWARE, K7_MODE_MAINTENANCE, K7_STATE_MAINTENANCE, "restart into maintenance mode");
    reset_into(context, K7_RESET_CARD, K7_MODE_BOOT_LOADER, K7_STATE_BOOT, "card reset into the boot loader");
    erase_on_a_wedged_card(context);
}

void test_busy_mailbox(Context &context) {
    set_fault(context, "hang-mailbox");
    settle();
    reset_among_queries(context);
    claim_behind_a_query(context);
    reset_of_a_claimed_card(context);
}

} // namespace k7test
