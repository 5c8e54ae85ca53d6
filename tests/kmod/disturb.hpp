// SPDX-License-Identifier: GPL-2.0-or-later
//
// Words of the tests that disturb a card: faults, calls that block in threads of their own, and taking the card away.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sched.h>
#include <string>
#include <sys/time.h>
#include <sys/wait.h>
#include <thread>

#include <unistd.h>

#include "tests/kmod/groups.hpp"
#include "tests/kmod/node.hpp"

namespace k7test {

/// Gives what another part of the machine does some time.
inline void settle() {
    std::this_thread::sleep_for(std::chrono::milliseconds(1000));
}

/// Has the runner of the guest tests carry out a command of QEMU's control socket; it answers when it has.
inline void qmp(const std::string &command, const std::string &arguments) {
    std::printf("@qmp %s %s\n", command.c_str(), arguments.c_str());
    std::fflush(stdout);
    std::string answer;
    if (!std::getline(std::cin, answer))
        settle(); // nobody answers
}

inline void set_fault(const Context &context, const std::string &fault) {
    qmp("qom-set", R"({"path": ")" + context.qom_path + R"(", "property": "fault", "value": ")" + fault + R"("})");
}

inline int counter(const Context &context, const std::string &name) {
    return std::atoi(first_line(context.sysfs + "/counters/" + name).c_str());
}

/// A file of the card's in debugfs, which tests/vm/init mounts.
inline std::string debugfs_file(const Context &context, const std::string &name) {
    return "/sys/kernel/debug/k7hsm/" + context.sysfs.substr(context.sysfs.rfind('/') + 1) + "/" + name;
}

/// Does the card have a request of this kind now?
inline bool in_flight(const Context &context, const std::string &command) {
    std::ifstream requests(debugfs_file(context, "requests"));
    for (std::string line; std::getline(requests, line);) {
        if (line.find("opcode=" + command + " ") != std::string::npos)
            return true;
    }
    return false;
}

/// A fault that has requests stay in flight.
constexpr char kNoCompletions[] = "drop-completion:1000000";

/// Halts the card while a NOP is in flight, for which kNoCompletions is to be played.
inline void halt_in_flight(Context &context) {
    context.tap.check(eventually(20, [&] { return in_flight(context, "NOP"); }), "a request is in flight");
    set_fault(context, "hang");
}

/// Back to a card that works, whatever a test has left behind.
inline void restore(Context &context, const Node &node) {
    set_fault(context, "none");
    const bool up = eventually(15, [&] { return node.reset(K7_RESET_CARD) == 0; });
    context.tap.check(up && node.state() == K7_STATE_OPERATIONAL && node.nop() == 0, "a card reset mends it");
}

/// Milliseconds on a clock that all threads share.
inline double now() {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Has @p milliseconds, which is how late somebody was told of what he waits for, come out within @p limit at least
/// once in a few times: a busy machine may be late by itself, a driver that forgets an interrupt is late each time.
template <typename Measure>
void within_once(Tap &tap, double limit, const std::string &text, Measure milliseconds) {
    double best = milliseconds();
    const int attempts = patience() > 1 ? 9 : 3;
    for (int attempt = 1; attempt < attempts && best > limit * patience(); attempt++)
        best = std::min(best, milliseconds());
    tap.within(best, limit, text);
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

/// A signal every 200 ms until it is destroyed: one alone might come before the call that it is to end.
class Alarm {
  public:
    Alarm() {
        struct sigaction action {};
        action.sa_handler = [](int) {};
        ::sigaction(SIGALRM, &action, nullptr);
        set(200000);
    }
    ~Alarm() { set(0); }
    Alarm(const Alarm &) = delete;
    Alarm &operator=(const Alarm &) = delete;

  private:
    static void set(suseconds_t interval) {
        const itimerval timer{{0, interval}, {0, interval}};
        ::setitimer(ITIMER_REAL, &timer, nullptr);
    }
};

/// Keeps this thread, and those that it starts, on one processor, and so on one ring, until it is destroyed.
class Pinned {
  public:
    Pinned() {
        ::sched_getaffinity(0, sizeof(before_), &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(::sched_getcpu(), &one);
        ::sched_setaffinity(0, sizeof(one), &one);
    }
    ~Pinned() { ::sched_setaffinity(0, sizeof(before_), &before_); }
    Pinned(const Pinned &) = delete;
    Pinned &operator=(const Pinned &) = delete;

  private:
    cpu_set_t before_{};
};

inline std::string pci_address(const Context &context) {
    return std::filesystem::canonical(context.sysfs + "/device").filename().string();
}

inline void write_driver(const std::string &file, const std::string &address) {
    std::ofstream("/sys/bus/pci/drivers/k7hsm/" + file) << address << "\n";
}

inline void expect_dead_file(Tap &tap, const Node &node) {
    k7_ioc_event event;
    k7_ioc_query query;
    k7_ioc_info info;

    tap.result(0, node.info(info), "INFO still works");
    tap.check(info.card_state == 0xffffffff && info.driver_state >= K7_DRIVER_DELETING, "and says that it is gone");
    tap.result(-ENODEV, node.nop(), "REQUEST");
    tap.result(-ENODEV, node.query(K7_QUERY_STATE, {}, query), "QUERY");
    tap.result(-ENODEV, node.event(event, 0), "EVENT");
    tap.result(-ENODEV, node.reset(K7_RESET_CARD), "RESET");
    tap.result(-ENODEV, node.erase(K7_ERASE_FMS), "ERASE");
    tap.check((node.wait(1000) & (POLLERR | POLLHUP)) == (POLLERR | POLLHUP), "poll()");
}

/// The name that the card has now: a new one while anything, an open file for example, holds on to the old one.
/// @return false when it has none
inline bool find_card(Context &context, const std::string &address) {
    std::error_code none;
    const std::filesystem::path folder = "/sys/bus/pci/devices/" + address + "/k7hsm";
    for (const auto &entry : std::filesystem::directory_iterator(folder, none)) {
        context.node = "/dev/" + entry.path().filename().string();
        context.sysfs = "/sys/class/k7hsm/" + entry.path().filename().string();
        return true;
    }
    return false;
}

inline void bind(Context &context, const std::string &address) {
    write_driver("bind", address);
    (void)find_card(context, address);
}

inline void rebind(Context &context, const std::string &address) {
    set_fault(context, "none");
    bind(context, address);
    const bool back = eventually(20, [&] { return Node(context.node).nop() == 0; });
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
