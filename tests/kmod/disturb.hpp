// SPDX-License-Identifier: GPL-2.0-or-later
//
// Words for tests that do something to the card while it is in use. Faults are played by the card: a line "@qmp ..."
// asks the runner of the guest tests for one.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/wait.h>
#include <thread>

#include <unistd.h>

#include "tests/kmod/groups.hpp"
#include "tests/kmod/node.hpp"

namespace k7test {

inline void set_fault(const Context &context, const std::string &fault) {
    std::printf("@qmp qom-set {\"path\": \"%s\", \"property\": \"fault\", \"value\": \"%s\"}\n",
                context.qom_path.c_str(), fault.c_str());
    std::fflush(stdout);
}

inline int counter(const Context &context, const std::string &name) {
    return std::atoi(first_line(context.sysfs + "/counters/" + name).c_str());
}

inline void settle() {
    std::this_thread::sleep_for(std::chrono::milliseconds(1000));
}

/// Back to a card that works, whatever a test has left behind.
inline void restore(Context &context, const Node &node) {
    set_fault(context, "none");
    settle();
    const bool up = eventually(15, [&] { return node.reset(K7_RESET_CARD) == 0; });
    context.tap.check(up && node.state() == K7_STATE_OPERATIONAL && node.nop() == 0, "a card reset mends it");
}

/// Milliseconds on a clock that all threads share.
inline double now() {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// A call that blocks in a thread of its own, and when it came back.
class Blocked {
  public:
    template <typename Call>
    explicit Blocked(Call call)
        : thread_([this, call] {
              result_ = call();
              done_at_ = now();
              done_ = true;
          }) {}
    ~Blocked() { join(); }
    Blocked(const Blocked &) = delete;
    Blocked &operator=(const Blocked &) = delete;

    [[nodiscard]] bool done() const { return done_; }
    int result() {
        join();
        return result_;
    }
    /// Milliseconds between @p begin, a time of now(), and the return of the call.
    double returned_after(double begin) {
        join();
        return done_at_ - begin;
    }

  private:
    void join() {
        if (thread_.joinable())
            thread_.join();
    }

    std::atomic<bool> done_{false};
    int result_ = 0;
    double done_at_ = 0;
    std::thread thread_;
};

inline std::string pci_address(const Context &context) {
    return std::filesystem::canonical(context.sysfs + "/device").filename().string();
}

inline void write_driver(const std::string &file, const std::string &address) {
    std::ofstream("/sys/bus/pci/drivers/k7hsm/" + file) << address << "\n";
}

/// Binds the card and finds out its name: it is a new one while anything holds on to the old.
inline void bind(Context &context, const std::string &address) {
    write_driver("bind", address);
    const std::string folder = "/sys/bus/pci/devices/" + address + "/k7hsm";
    if (!std::filesystem::exists(folder))
        return;
    for (const auto &entry : std::filesystem::directory_iterator(folder)) {
        context.node = "/dev/" + entry.path().filename().string();
        context.sysfs = "/sys/class/k7hsm/" + entry.path().filename().string();
    }
}

inline void rebind(Context &context, const std::string &address) {
    set_fault(context, "none");
    settle();
    bind(context, address);
    const bool back = eventually(5, [&] { return Node(context.node).nop() == 0; });
    context.tap.check(back, "bound again, the card works");
}

/// Runs @p body in a child that has given up root. @return its number of failures
template <typename Body>
int as_nobody(Body body) {
    constexpr std::uint32_t kNobody = 65534;
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(::setresgid(kNobody, kNobody, kNobody) != 0 || ::setresuid(kNobody, kNobody, kNobody) != 0 ? 99
                                                                                                           : body());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

} // namespace k7test
