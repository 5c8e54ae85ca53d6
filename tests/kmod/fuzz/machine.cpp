// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/kmod/fuzz/machine.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "k7/hw.h"
#include "linux/k7hsm.h"
#include "tests/kmod/tap.hpp"

namespace k7fuzz {
namespace {

// What include/uapi/linux/k7hsm.h promises for an honest card, and what open, read, mmap and the like may say.
constexpr std::array kAllowed{0,     ENOTTY, EINVAL, E2BIG, EOPNOTSUPP, EFAULT,    EMSGSIZE,  EPERM,  EBADF,
                              EBUSY, ENOMEM, EAGAIN, EINTR, EHOSTDOWN,  ECANCELED, ETIMEDOUT, EACCES, ENODEV};

/// Interrupts a system call of this thread that waits for longer than a tenth of a second.
class Interrupter {
  public:
    Interrupter() {
        struct sigaction action {};
        action.sa_handler = [](int) {};
        ::sigaction(SIGALRM, &action, nullptr);
        sigevent event{};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = SIGALRM;
        event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
        const itimerspec period{{0, 100'000'000}, {0, 100'000'000}};
        running_ =
            ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0 && ::timer_settime(timer_, 0, &period, nullptr) == 0;
    }
    ~Interrupter() {
        if (running_)
            ::timer_delete(timer_);
    }
    Interrupter(const Interrupter &) = delete;
    Interrupter &operator=(const Interrupter &) = delete;

  private:
    timer_t timer_{};
    bool running_ = false;
};

int result_of(long value) {
    return value < 0 ? errno : 0;
}

const Ioctl &choose(Random &random) {
    const auto all = ioctls();
    std::size_t total = 0;
    for (const Ioctl &each : all)
        total += each.weight;
    std::size_t at = random.below(total);
    const auto chosen = std::find_if(all.begin(), all.end(), [&at](const Ioctl &each) {
        const bool here = at < each.weight;
        at -= here ? 0 : each.weight;
        return here;
    });
    return *chosen;
}

} // namespace

std::string Machine::complaint() const {
    const std::scoped_lock lock(mutex_);
    return complaint_;
}

void Machine::complain(const std::string &text) {
    const std::scoped_lock lock(mutex_);
    if (complaint_.empty())
        complaint_ = text;
}

void Machine::note(const Call &call, int result) {
    ++calls_;
    const std::scoped_lock lock(mutex_);
    ++outcomes_[result];
    if (complaint_.empty() && std::find(kAllowed.begin(), kAllowed.end(), result) == kAllowed.end())
        complaint_ = std::string("errno ") + ::strerrorname_np(result) + " of call kind " +
                     std::to_string(static_cast<int>(call.action)) + " is not in the ABI";
}

// What a program starts with; nobody may get fewer of them.
void Machine::open_files() {
    constexpr std::array kFlags{O_RDWR, O_RDWR, O_RDWR | O_NONBLOCK, O_RDONLY};
    for (std::size_t i = 0; i < kFlags.size(); i++)
        files_[i] = ::open(node_.c_str(), kFlags[i] | O_CLOEXEC);
}

int Machine::open_file(Random &random) {
    constexpr std::array kFlags{O_RDWR, O_RDWR, O_RDWR, O_RDONLY, O_WRONLY, O_RDWR | O_NONBLOCK};
    const int fd = ::open(node_.c_str(), kFlags[random.below(kFlags.size())] | O_CLOEXEC);
    const int result = result_of(fd);
    const int old = file(random).exchange(fd);
    if (old >= 0)
        ::close(old);
    return result;
}

// Rare ones restart the card, which takes much longer than everything else together.
int Machine::ioctl(Random &random) {
    const Ioctl &chosen = choose(random);
    if (chosen.restarts && !random.once_in(4))
        return 0;
    alignas(8) std::array<std::byte, 256> argument{};
    values_.fill(std::span(argument).first(chosen.layout->bytes), *chosen.layout, random);
    void *address = random.once_in(40) ? reinterpret_cast<void *>(values_.address(random, true)) : argument.data();
    return result_of(::ioctl(file(random), chosen.number, address));
}

int Machine::wrong_ioctl(Random &random) {
    alignas(8) std::array<std::byte, 256> argument{};
    const unsigned long number = random.once_in(2) ? static_cast<std::uint32_t>(random.next())
                                                   : _IOC(random.below(4), K7HSM_IOC_MAGIC, random.below(80), 8);
    return result_of(::ioctl(file(random), number, argument.data()));
}

int Machine::other(const Call &call, Random &random) {
    std::array<std::byte, 64> bytes{};
    const int fd = file(random);
    switch (call.action) {
    case Action::Close: {
        const int old = file(random).exchange(-1);
        return old < 0 ? 0 : result_of(::close(old));
    }
    case Action::Dup: {
        const int copy = ::dup(fd);
        const int old = file(random).exchange(copy);
        if (old >= 0)
            ::close(old);
        return copy < 0 ? EBADF : 0;
    }
    case Action::Poll: {
        pollfd poller{fd, static_cast<short>(random.next()), 0};
        return result_of(::poll(&poller, 1, static_cast<int>(random.below(3))));
    }
    case Action::Read:
        return result_of(::read(fd, bytes.data(), bytes.size()));
    case Action::Write:
        return result_of(::write(fd, bytes.data(), bytes.size()));
    default: { // Map
        void *map = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
        return map == MAP_FAILED ? errno : ::munmap(map, 4096);
    }
    }
}

int Machine::perform(const Call &call) {
    Random random(call.seed);
    switch (call.action) {
    case Action::Open:
        return open_file(random);
    case Action::Ioctl:
        return ioctl(random);
    case Action::WrongIoctl:
        return wrong_ioctl(random);
    case Action::Fork: {
        const pid_t child = random.once_in(4) ? ::fork() : -1;
        if (child == 0) { // closes its copies of the files, in the middle of whatever the parent does
            ::close(file(random));
            ::_exit(0);
        }
        return child > 0 && ::waitpid(child, nullptr, 0) < 0 && errno != EINTR ? errno : 0;
    }
    default:
        return other(call, random);
    }
}

void Machine::run_calls(const Program &program, std::size_t from, std::size_t to) {
    const Interrupter interrupter;
    for (std::size_t i = from; i < to; i++)
        note(program.calls()[i], perform(program.calls()[i]));
}

std::size_t Machine::run(const Program &program, Coverage &coverage) {
    open_files();
    coverage.begin();
    {
        const std::jthread second([&] { run_calls(program, program.fork_point(), program.calls().size()); });
        run_calls(program, 0, program.fork_point());
    }
    const std::size_t news = coverage.end();
    for (std::atomic<int> &each : files_) {
        const int fd = each.exchange(-1);
        if (fd >= 0)
            ::close(fd);
    }
    while (::waitpid(-1, nullptr, WNOHANG) > 0)
        ;
    return news;
}

namespace {
/// A card that a program has zeroized is as delivered: its rings work.
bool rings_work(std::uint32_t state) {
    return K7_STATE_GET(state) == K7_STATE_OPERATIONAL || K7_STATE_GET(state) == K7_STATE_PRE_INIT;
}
} // namespace

bool Machine::recover() {
    const int fd = ::open(node_.c_str(), O_RDWR | O_CLOEXEC);
    k7_ioc_info info{};
    info.size = sizeof(info);
    bool works = fd >= 0 && ::ioctl(fd, K7_IOC_INFO, &info) == 0;
    const k7test::Stopwatch watch;
    for (int tries = 0; works && !rings_work(info.card_state); tries++) {
        k7_ioc_reset reset{};
        reset.size = sizeof(reset);
        reset.kind = tries % 2 == 0 ? K7_RESET_FIRMWARE : K7_RESET_CARD;
        const int failed = ::ioctl(fd, K7_IOC_RESET, &reset) == 0 ? 0 : errno;
        if (failed == EPERM || failed == EBADF)
            break; // not ours to mend
        works = watch.milliseconds() < 30000 * k7test::patience();
        if (!works)
            complain("the card does not come back: errno " + std::to_string(failed));
        ::usleep(20000);
        info.size = sizeof(info);
        if (::ioctl(fd, K7_IOC_INFO, &info) != 0)
            complain("INFO fails: errno " + std::to_string(errno));
    }
    if (fd >= 0)
        ::close(fd);
    recoveries_ += works && rings_work(info.card_state);
    return works;
}

} // namespace k7fuzz
