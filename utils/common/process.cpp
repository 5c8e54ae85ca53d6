// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/process.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hsm/error.hpp"

namespace k7::tool {
namespace {

/// For signal handlers: who gets what we get, and what came before it was there. There is one at a time.
std::atomic<pid_t> child_process;
std::atomic<int> came_early;

extern "C" void pass_on(int number) {
    const int value = errno;
    came_early = number;
    if (const pid_t child = child_process; child > 0)
        ::kill(child, number);
    errno = value;
}

/// A terminal sends these to the program as well. Not SIG_IGN, which it would inherit.
extern "C" void leave_to_program(int /*number*/) {}

/// Signals are not ours while a program runs. Handlers, not a mask: an in-process card has threads, which would take
/// them.
class PassedOn {
  public:
    PassedOn() {
        came_early = 0;
        for (std::size_t index = 0; index < kSignals.size(); ++index) {
            struct sigaction action {};
            action.sa_handler = kSignals[index] == SIGINT || kSignals[index] == SIGQUIT ? leave_to_program : pass_on;
            action.sa_flags = SA_RESTART;
            ::sigaction(kSignals[index], nullptr, &before_[index]);
            if (before_[index].sa_handler != SIG_IGN) // nohup
                ::sigaction(kSignals[index], &action, nullptr);
        }
    }
    PassedOn(const PassedOn &) = delete;
    PassedOn &operator=(const PassedOn &) = delete;
    ~PassedOn() {
        child_process = 0;
        for (std::size_t index = 0; index < kSignals.size(); ++index)
            ::sigaction(kSignals[index], &before_[index], nullptr);
    }

  private:
    static constexpr std::array kSignals = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
    std::array<struct sigaction, kSignals.size()> before_{};
};

/// @return an errno value
int spawn(std::vector<std::string> &arguments, pid_t &child) {
    std::vector<char *> pointers;
    pointers.reserve(arguments.size() + 1);
    for (std::string &argument : arguments)
        pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    posix_spawnattr_t attributes;
    sigset_t defaults;
    ::sigemptyset(&defaults);
    ::sigaddset(&defaults, SIGPIPE); // that we ignore it concerns nobody else
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    const int error = ::posix_spawnp(&child, pointers[0], nullptr, &attributes, pointers.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    return error;
}

} // namespace

int run_program(std::vector<std::string> arguments, const std::string &remedy) {
    const PassedOn signals;
    pid_t child = 0;
    if (const int error = spawn(arguments, child))
        throw hsm::Error(error == ENOENT ? hsm::ErrorKind::not_found : hsm::ErrorKind::failed,
                         "cannot run " + arguments[0] + ": " + std::strerror(error), error == ENOENT ? remedy : "");
    child_process = child;
    if (const int number = came_early)
        ::kill(child, number);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            throw hsm::Error(hsm::ErrorKind::failed, "cannot wait for " + arguments[0] + ": " + std::strerror(errno));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace k7::tool
