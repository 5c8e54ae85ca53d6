// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>
#include <sys/syscall.h>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "tests/bench/guest/measure.hpp"
#include "tests/bench/guest/subjects.hpp"

namespace k7bench {
namespace {

class Getpid final : public Operation {
  public:
    // Not getpid(), which a C library may answer by itself.
    void run() override { (void)::syscall(SYS_getpid); }
};

class Pipe {
  public:
    Pipe() { checked(::pipe2(ends_.data(), O_CLOEXEC), "pipe2"); }
    Pipe(const Pipe &) = delete;
    Pipe &operator=(const Pipe &) = delete;
    ~Pipe() {
        close_writer();
        ::close(ends_[0]);
    }

    void close_writer() {
        if (ends_[1] >= 0)
            ::close(std::exchange(ends_[1], -1));
    }
    void send(char byte) const { checked(::write(ends_[1], &byte, 1), "write to a pipe"); }
    /// @return false at the end
    bool receive() const {
        char byte = 0;
        return checked(::read(ends_[0], &byte, 1), "read from a pipe") == 1;
    }

  private:
    std::array<int, 2> ends_{-1, -1};
};

class PingPong final : public Operation {
  public:
    PingPong()
        : answerer_([this] {
              while (to_.receive())
                  from_.send('b');
          }) {}
    ~PingPong() override {
        to_.close_writer();
        answerer_.join();
    }

    void run() override {
        to_.send('a');
        (void)from_.receive();
    }

  private:
    Pipe to_, from_;
    std::thread answerer_;
};

} // namespace

std::unique_ptr<Operation> getpid_call() {
    return std::make_unique<Getpid>();
}

std::unique_ptr<Operation> pipe_ping_pong() {
    return std::make_unique<PingPong>();
}

} // namespace k7bench
