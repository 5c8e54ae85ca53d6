// SPDX-License-Identifier: GPL-2.0-or-later
//
// The card is taken away, in each way there is, while threads wait in each call that can wait: all are told, open files
// stay harmless, and the card works when it is back.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "tests/kmod/disturb.hpp"

namespace k7test {

namespace {

constexpr double kHang = 5000;        // nobody waits longer after the driver has been told to go
constexpr double kHangOnHost = 20000; // when the host or the health poll has to come first

struct Removal {
    const char *name;
    void (*take)(Context &context, const std::string &address);
    void (*give_back)(Context &context, const std::string &address);
    double limit;
};

void write_device(const std::string &address, const std::string &file) {
    std::ofstream("/sys/bus/pci/devices/" + address + "/" + file) << "1\n";
}

void rescan() {
    std::ofstream("/sys/bus/pci/rescan") << "1\n";
}

/// The name of the card in QEMU.
std::string qom_id(const Context &context) {
    return context.qom_path.substr(context.qom_path.rfind('/') + 1);
}

namespace fs = std::filesystem;

/// The slot's folder in sysfs; empty when there is none.
fs::path slot_of(const std::string &address) {
    std::error_code none;
    for (const auto &slot : fs::directory_iterator("/sys/bus/pci/slots", none))
        if (address.starts_with(first_line(slot.path() / "address") + "."))
            return slot.path();
    return {};
}

bool pciehp_has_slots() {
    std::error_code none;
    const fs::directory_iterator entries("/sys/bus/pci_express/drivers/pciehp", none);
    return std::any_of(begin(entries), end(entries),
                       [](const auto &entry) { return entry.path().filename().string().starts_with("0000:"); });
}

/// By the slot's switch when pciehp has it: who pushes the attention button has five seconds to change his mind.
void unplug(Context &context, const std::string &address) {
    if (!pciehp_has_slots()) {
        qmp("device_del", R"({"id": ")" + qom_id(context) + R"("})");
        return;
    }
    (void)eventually(10, [&] { // refused while it is still being switched on
        std::ofstream power(slot_of(address) / "power");
        power << "0\n" << std::flush;
        return power.good();
    });
}

/// Does the slot of @p address say that it is empty? A slot of ACPI hot plug says so too early.
bool slot_is_empty(const std::string &address) {
    const fs::path slot = slot_of(address);
    return slot.empty() || first_line(slot / "adapter") == "0";
}

void plug(Context &context, const std::string &address) {
    (void)eventually(20, [&] { return !fs::exists("/sys/bus/pci/devices/" + address); });
    // pciehp switches the slot off a second after the device has gone.
    (void)eventually(20, [&] { return slot_is_empty(address); });
    qmp("@deleted", R"({"id": ")" + qom_id(context) + R"("})");
    qmp("device_add", R"({"driver": "k7-hsm", "id": ")" + qom_id(context) + R"(", "bus": "rp0"})");
    (void)eventually(20, [&] { return find_card(context, address); });
}

constexpr Removal kRemovals[] = {
    {"unbind", [](Context &, const std::string &address) { write_driver("unbind", address); },
     [](Context &context, const std::string &address) {
         set_fault(context, "none");
         bind(context, address);
     },
     kHang},
    {"remove", [](Context &, const std::string &address) { write_device(address, "remove"); },
     [](Context &context, const std::string &) {
         set_fault(context, "none");
         rescan();
     },
     kHang},
    {"unplug", unplug, plug, kHangOnHost},
    {"surprise", [](Context &context, const std::string &) { set_fault(context, "link-down"); },
     [](Context &context, const std::string &address) {
         write_driver("unbind", address);
         set_fault(context, "none");
         bind(context, address);
     },
     kHangOnHost},
};

/// A call that waits while the card plays the scene's fault.
struct Operation {
    const char *name;
    int (*call)(const Node &node);
    int expected;
};

int wait_for_event(const Node &node) {
    k7_ioc_event event;
    return node.event(event, 0xffffffff, K7_EVENT_FMS_CHANGED);
}

int wait_in_poll(const Node &node) {
    const short wanted = POLLERR | POLLHUP;
    return (node.wait(60000, 0) & wanted) == wanted ? -ENODEV : 0;
}

/// As every caller has to, it tries again on EAGAIN: a card that goes under an erase looks like one in reset first. On
/// a boot loader that hangs, calls give up by themselves, some of them before the card has gone.
template <typename Call>
int call_until_gone(Call call) {
    const Stopwatch watch;
    int result = 0;
    do {
        result = call();
    } while ((result == -EAGAIN || result == -ETIMEDOUT) && watch.milliseconds() < kHangOnHost * patience());
    return result;
}

int query_identity(const Node &node) {
    return call_until_gone([&] {
        k7_ioc_query query;
        return node.query(K7_QUERY_IDENTITY, {}, query);
    });
}

int reset_card(const Node &node) {
    return call_until_gone([&] { return node.reset(K7_RESET_CARD); });
}

constexpr Operation kRequest = {"REQUEST in flight", [](const Node &node) { return node.nop(60000); }, -ENODEV};
constexpr Operation kEvent = {"EVENT", wait_for_event, -ENODEV};
constexpr Operation kPoll = {"poll()", wait_in_poll, -ENODEV};
constexpr Operation kErase = {"ERASE", [](const Node &node) { return node.erase(K7_ERASE_SMFS); }, -ENODEV};
constexpr Operation kQuery = {"QUERY behind it", query_identity, -ENODEV};
constexpr Operation kReset = {"RESET", reset_card, -ENODEV};
// SUBMIT and COLLECT belong into the first scene.

struct Scene {
    const char *fault;
    std::vector<Operation> operations;
};

const std::vector<Scene> &scenes() {
    static const std::vector<Scene> all = {
        {"drop-completion:1000", {kRequest, kRequest, kEvent, kPoll}},
        {"hang-mailbox", {kErase, kQuery, kQuery, kEvent}},
        {"hang-mailbox", {kReset, kPoll}},
    };
    return all;
}

/// The threads of a scene, each on a file of its own.
class Cast {
  public:
    Cast(const Context &context, const Scene &scene) : scene_(scene) {
        for (const Operation &operation : scene.operations) {
            const auto &node = nodes_.emplace_back(std::make_unique<Node>(context.node));
            threads_.push_back(
                std::make_unique<Blocked>([call = operation.call, file = node.get()] { return call(*file); }));
            // In this order: the query behind the erase.
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    }

    void expect_told(Tap &tap, const std::string &how, double begin, double limit) {
        for (std::size_t i = 0; i < threads_.size(); i++) {
            const std::string text = how + ": " + scene_.operations[i].name;
            tap.result(scene_.operations[i].expected, threads_[i]->result(), text);
            tap.within(threads_[i]->returned_after(begin), limit, text + " returns");
        }
    }

    [[nodiscard]] bool all_wait() const {
        return std::none_of(threads_.begin(), threads_.end(), [](const auto &thread) { return thread->done(); });
    }

  private:
    const Scene &scene_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::vector<std::unique_ptr<Blocked>> threads_;
};

void play(Context &context, const Removal &removal, const Scene &scene) {
    Tap &tap = context.tap;
    const std::string how = std::string(removal.name) + ", " + scene.fault;
    const std::string address = pci_address(context);
    Node witness(context.node);

    set_fault(context, scene.fault);
    {
        Cast cast(context, scene);
        tap.check(cast.all_wait(), how + ": all wait");
        const double begin = now();
        removal.take(context, address);
        cast.expect_told(tap, how, begin, removal.limit);
    }
    expect_dead_file(tap, witness);
    removal.give_back(context, address);
    witness.close();
    const bool back = eventually(20, [&] {
        return find_card(context, address) &&
               (Node(context.node).nop() == 0 || Node(context.node).reset(K7_RESET_CARD) == 0);
    });
    tap.check(back && Node(context.node).nop() == 0, how + ": back, the card works");
}

} // namespace

void test_removal(Context &context) {
    for (const Removal &removal : kRemovals) {
        for (const Scene &scene : scenes())
            play(context, removal, scene);
    }
}

} // namespace k7test
