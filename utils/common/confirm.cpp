// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/confirm.hpp"

#include <array>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "hsm/error.hpp"

namespace k7::tool {
namespace {

constexpr std::size_t kAnswerMax = 1024;

/// The controlling terminal, for one question.
class Terminal {
  public:
    Terminal() : descriptor_(::open("/dev/tty", O_RDWR | O_CLOEXEC)) {}
    Terminal(const Terminal &) = delete;
    Terminal &operator=(const Terminal &) = delete;
    ~Terminal() {
        if (descriptor_ >= 0)
            ::close(descriptor_);
    }

    [[nodiscard]] bool there() const noexcept { return descriptor_ >= 0; }
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

    void show(const std::string &text) const {
        std::size_t done = 0;
        while (done < text.size()) {
            const ssize_t size = ::write(descriptor_, text.data() + done, text.size() - done);
            if (size < 0 && errno != EINTR)
                return;
            done += size > 0 ? static_cast<std::size_t>(size) : 0;
        }
    }

    /// One line without its newline; what came when the terminal was closed.
    [[nodiscard]] hsm::SecureBytes answer() const {
        hsm::SecureBytes line;
        std::byte c{};
        while (line.size() < kAnswerMax) {
            const ssize_t size = ::read(descriptor_, &c, 1);
            if (size < 0 && errno == EINTR)
                continue;
            if (size <= 0 || c == std::byte{'\n'})
                break;
            line.push_back(c);
        }
        return line;
    }

  private:
    int descriptor_;
};

/// What ends or stops a program that waits for a password.
constexpr std::array kSignals = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP};

/// For signal handlers: the terminal without echo. There is one at a time.
struct Silenced {
    int descriptor;
    termios before;
    termios silent;
};
Silenced silenced;

extern "C" void on_signal(int number);

/// @return what it did before
struct sigaction handle(int number) {
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = on_signal;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER | SA_RESTART);
    ::sigaction(number, &action, &before);
    return before;
}

extern "C" void on_signal(int number) {
    const int value = errno;
    ::tcsetattr(silenced.descriptor, TCSAFLUSH, &silenced.before);
    ::raise(number); // by its default now: ends here, or stops until it is continued
    handle(number);
    ::tcsetattr(silenced.descriptor, TCSAFLUSH, &silenced.silent);
    errno = value;
}

/// No echo as long as it lives, and not longer when a signal ends or stops the program.
class Silence {
  public:
    explicit Silence(int descriptor) {
        silenced.descriptor = descriptor;
        if (::tcgetattr(descriptor, &silenced.before) != 0)
            return;
        silenced.silent = silenced.before;
        silenced.silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        for (std::size_t index = 0; index < kSignals.size(); ++index) {
            before_[index] = handle(kSignals[index]);
            if (before_[index].sa_handler == SIG_IGN) // nohup
                ::sigaction(kSignals[index], &before_[index], nullptr);
        }
        changed_ = true;
        ::tcsetattr(descriptor, TCSAFLUSH, &silenced.silent);
    }
    Silence(const Silence &) = delete;
    Silence &operator=(const Silence &) = delete;
    ~Silence() {
        if (!changed_)
            return;
        ::tcsetattr(silenced.descriptor, TCSAFLUSH, &silenced.before);
        for (std::size_t index = 0; index < kSignals.size(); ++index)
            ::sigaction(kSignals[index], &before_[index], nullptr);
    }

  private:
    std::array<struct sigaction, kSignals.size()> before_{};
    bool changed_ = false;
};

std::string ask(const std::string &text, const std::string &question) {
    const Terminal terminal;
    if (!terminal.there())
        throw hsm::Error(hsm::ErrorKind::refused, "not confirmed: there is no terminal to ask on",
                         "give --yes to do it without being asked");
    terminal.show(text + "\n" + question);
    return std::string(hsm::as_text(terminal.answer()));
}

hsm::Error not_confirmed() {
    return {hsm::ErrorKind::refused, "not confirmed: nothing was changed"};
}

} // namespace

void confirm_yes(const std::string &text, const std::string &question) {
    const std::string answer = ask(text, question + " [y/N] ");
    if (answer != "y" && answer != "Y" && answer != "yes")
        throw not_confirmed();
}

void confirm_typed(const std::string &text, const std::string &question, const std::string &expected) {
    if (expected.empty() || ask(text, question + ": ") != expected)
        throw not_confirmed();
}

std::optional<hsm::SecureBytes> ask_password(const std::string &question) {
    const Terminal terminal;
    if (!terminal.there())
        return std::nullopt;
    hsm::SecureBytes password;
    {
        const Silence silence(terminal.descriptor()); // before it asks: who is quick must not be shown, nor lost
        terminal.show(question + ": ");
        password = terminal.answer();
    }
    terminal.show("\n");
    return password;
}

} // namespace k7::tool
