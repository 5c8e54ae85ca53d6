// SPDX-License-Identifier: GPL-2.0-or-later
//
// Resets, errors of the bus and suspend, each while several threads keep the card busy: every request is answered or
// ends with a documented error, and afterwards all works again.
#include <algorithm>
#include <vector>

#include "tests/kmod/disturb.hpp"

namespace k7test {

namespace {

/// Threads that send requests until it is destroyed.
class Load {
  public:
    explicit Load(const Context &context) {
        for (int i = 0; i < 4; i++)
            threads_.emplace_back([this, path = context.node] { work(Node(path)); });
    }
    ~Load() { stop(); }
    Load(const Load &) = delete;
    Load &operator=(const Load &) = delete;

    /// @return how many requests have ended in a way that is not documented
    int stop() {
        stop_ = true;
        for (auto &thread : threads_) {
            if (thread.joinable())
                thread.join();
        }
        return wrong_;
    }
    [[nodiscard]] int answered() const { return answered_; }

  private:
    void work(const Node &node) {
        // EINTR: the freezer ends the wait for a reply before a suspend.
        constexpr std::array kAllowed = {0, -ECANCELED, -EAGAIN, -EHOSTDOWN, -EINTR};
        std::array<std::byte, 4096> bytes{};
        while (!stop_) {
            const int result = node.send(Node::request(K7_CMD_GET_RANDOM, bytes, bytes.size()));
            answered_ += result == 0;
            if (std::find(kAllowed.begin(), kAllowed.end(), result) == kAllowed.end()) {
                wrong_++;
                std::printf("# a request ended with %d\n", result);
            }
        }
    }

    std::atomic<bool> stop_{false};
    std::atomic<int> answered_{0}, wrong_{0};
    std::vector<std::thread> threads_;
};

/// Does @p disturb under load. @return its result, for the caller to judge
template <typename Disturb>
bool under_load(Context &context, const std::string &name, Disturb disturb) {
    Tap &tap = context.tap;
    Load load(context);
    tap.check(eventually(20, [&] { return load.answered() > 20; }), name + ": under load");
    const Stopwatch watch;
    const bool done = disturb();
    std::printf("# %s: %.0f ms\n", name.c_str(), watch.milliseconds());
    const int before = load.answered();
    tap.check(eventually(40, [&] { return load.answered() > before + 20; }), name + ": requests are answered again");
    tap.check(load.stop() == 0, name + ": all requests end as documented");
    return done;
}

bool write_text(const std::string &path, const std::string &text) {
    std::ofstream file(path);
    file << text << std::flush;
    return file.good();
}

} // namespace

// ---- Resets ----

namespace {

void reset_by_ioctl(Context &context, const char *name, std::uint32_t kind) {
    const bool done = under_load(context, name, [&] { return Node(context.node).reset(kind) == 0; });
    context.tap.check(done, std::string(name) + ": done");
}

/// echo 1 >reset, by a method of the PCI core.
void reset_by_sysfs(Context &context, const std::string &method) {
    const std::string device = std::filesystem::canonical(context.sysfs + "/device").string();
    const std::string name = "sysfs reset by " + method;
    if (!write_text(device + "/reset_method", method + "\n")) {
        context.tap.check(false, name + ": no such method");
        return;
    }
    const std::uint32_t generation = Node(context.node).info().generation;
    const bool done = under_load(context, name, [&] { return write_text(device + "/reset", "1\n"); });
    context.tap.check(done && Node(context.node).info().generation > generation, name + ": the card was reset");
    (void)write_text(device + "/reset_method", "default\n");
}

} // namespace

void test_resets_under_load(Context &context) {
    reset_by_ioctl(context, "firmware restart", K7_RESET_FIRMWARE);
    reset_by_ioctl(context, "mailbox reset", K7_RESET_CARD);
    reset_by_ioctl(context, "function level reset", K7_RESET_FUNCTION);
    reset_by_ioctl(context, "bus reset", K7_RESET_BUS);
    reset_by_sysfs(context, "flr");
    reset_by_sysfs(context, "bus");
}

/// Somebody resets the secondary bus behind the driver's back: the card has lost its addresses and reads as gone.
void test_stray_bus_reset(Context &context) {
    Tap &tap = context.tap;
    const std::string address = pci_address(context);
    const std::filesystem::path device = std::filesystem::canonical("/sys/bus/pci/devices/" + address);
    constexpr off_t kBridgeControl = 0x3e;
    Node node(context.node);
    {
        const int config = ::open((device.parent_path() / "config").c_str(), O_RDWR | O_CLOEXEC);
        std::uint16_t control = 0;
        bool good = ::pread(config, &control, sizeof(control), kBridgeControl) == sizeof(control);
        const std::uint16_t reset = control | 0x40;
        good = good && ::pwrite(config, &reset, sizeof(reset), kBridgeControl) == sizeof(reset);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        good = good && ::pwrite(config, &control, sizeof(control), kBridgeControl) == sizeof(control);
        ::close(config);
        tap.check(good, "the bus is reset behind the driver's back");
    }
    tap.check(eventually(10, [&] { return node.info().driver_state >= K7_DRIVER_DELETING; }),
              "the card counts as gone");
    expect_dead_file(tap, node);
    node.close();
    (void)write_text(device.string() + "/remove", "1\n");
    (void)write_text("/sys/bus/pci/rescan", "1\n");
    const bool back = eventually(20, [&] { return find_card(context, address) && Node(context.node).nop() == 0; });
    tap.check(back, "removed and found again, it works");
}

// ---- Errors of the bus ----

namespace {

void inject(Context &context, const char *name, const std::string &error, double seconds) {
    const std::string card = context.qom_path.substr(context.qom_path.rfind('/') + 1);
    (void)under_load(context, name, [&] {
        qmp("human-monitor-command", R"({"command-line": "pcie_aer_inject_error )" + error + R"("})");
        std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
        return true;
    });
}

} // namespace

void test_errors_under_load(Context &context) {
    const std::string card = context.qom_path.substr(context.qom_path.rfind('/') + 1);
    inject(context, "correctable error", "-c " + card + " BAD_TLP", 1.5);
    inject(context, "non-fatal error", card + " COMP_ABORT", 2);
    const int before = counter(context, "aer");
    inject(context, "fatal error", card + " DLP", 3);
    context.tap.check(eventually(20, [&] { return counter(context, "aer") > before; }),
                      "fatal error: the driver has let the PCI core work");
}

// ---- Suspend ----

namespace {

/// Suspends to @p state up to @p level of /sys/power/pm_test.
void suspend(Context &context, const std::string &state, const std::string &level) {
    const std::string name = "suspend to " + state + ", pm_test " + level;
    const bool done = under_load(context, name, [&] {
        return write_text("/sys/power/pm_test", level) && write_text("/sys/power/state", state);
    });
    context.tap.check(done, name + ": done");
    (void)write_text("/sys/power/pm_test", "none");
}

/// What can wake the guest from a suspend to idle: QEMU's clock raises no event then, but a key of the keyboard does.
constexpr char kKeyboard[] = "/sys/devices/platform/i8042/serio0/power/wakeup";

bool suspend_to_idle() {
    // A key that comes before the machine sleeps ends the attempt.
    for (const char *seconds : {"5", "10", "20", "40", "60"}) {
        qmp("@later " + std::string(seconds) + " human-monitor-command", R"({"command-line": "sendkey a"})");
        if (write_text("/sys/power/state", "freeze"))
            return true;
    }
    return false;
}

} // namespace

void test_suspend_under_load(Context &context) {
    (void)write_text("/sys/module/suspend/parameters/pm_test_delay", "1");
    for (const char *level : {"freezer", "devices", "platform", "processors", "core"})
        suspend(context, "mem", level);
    for (const char *level : {"freezer", "devices", "platform"})
        suspend(context, "freeze", level);
    const Node listener(context.node);
    const std::uint32_t generation = listener.info().generation;
    Blocked event([&] {
        k7_ioc_event taken;
        return listener.event(taken, static_cast<std::uint32_t>(60000 * patience()), K7_EVENT_RESET)
                   ?: static_cast<int>(taken.events);
    });
    if (write_text(kKeyboard, "enabled")) {
        const bool done = under_load(context, "suspend to idle", suspend_to_idle);
        context.tap.check(done, "suspend to idle: woken by a key");
    } else {
        context.tap.skip("suspend to idle", "this kernel has no keyboard that could wake it");
        (void)Node(context.node).reset(K7_RESET_FIRMWARE);
    }
    context.tap.check((event.result() & static_cast<int>(K7_EVENT_RESET)) != 0,
                      "a wait for an event goes on through a suspend, and is told of the reset");
    context.tap.check(listener.info().generation > generation, "the firmware was started anew: no login survives");
}

} // namespace k7test
