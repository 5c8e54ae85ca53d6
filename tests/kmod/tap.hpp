// SPDX-License-Identifier: GPL-2.0-or-later
//
// Results as lines: "ok TEXT" and "not ok TEXT"; the runner of the guest tests counts them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace k7test {

/// How many times as long as in a lone guest with a stock kernel things may take (tests/vm/run).
inline double patience() {
    const char *text = std::getenv("K7_PATIENCE");
    return text != nullptr ? std::max(1.0, std::strtod(text, nullptr)) : 1.0;
}

/// Counts results. Thread-safe.
class Tap {
  public:
    void check(bool good, const std::string &text) {
        (good ? passed_ : failed_).fetch_add(1);
        std::printf("%s %s\n", good ? "ok" : "not ok", text.c_str());
        std::fflush(stdout);
    }

    void skip(const std::string &text, const std::string &reason) {
        std::printf("skip %s: %s\n", text.c_str(), reason.c_str());
        std::fflush(stdout);
    }

    /// @param result of an ioctl: 0, or a negative errno
    void result(int wanted, int result, const std::string &text) {
        check(result == wanted, text + (result == wanted ? "" : ": " + name(result) + ", not " + name(wanted)));
    }

    void within(double milliseconds, double limit, const std::string &text) {
        limit *= patience();
        char figure[64];
        std::snprintf(figure, sizeof(figure), " (%.1f ms, at most %.0f)", milliseconds, limit);
        check(milliseconds <= limit, text + figure);
    }

    [[nodiscard]] int passed() const { return passed_; }
    [[nodiscard]] int failed() const { return failed_; }

  private:
    static std::string name(int result) {
        const char *text = result == 0 ? "success" : ::strerrorname_np(-result);
        return text != nullptr ? text : std::to_string(result);
    }

    std::atomic<int> passed_{0};
    std::atomic<int> failed_{0};
};

/// Milliseconds since it was made.
class Stopwatch {
  public:
    [[nodiscard]] double milliseconds() const {
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin_).count();
    }

  private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// Looks at @p condition every millisecond. @return false when it is still false after @p seconds
template <typename Condition>
bool eventually(double seconds, Condition condition) {
    const Stopwatch watch;
    while (!condition()) {
        if (watch.milliseconds() > seconds * patience() * 1000)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

} // namespace k7test
