// SPDX-License-Identifier: GPL-2.0-or-later
//
// A program of the fuzzer: some system calls on some open files. It is named by its seeds ("17" or "17.5.9": the first
// makes it, each further one changes it), and the name alone makes it again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/kmod/fuzz/random.hpp"

namespace k7fuzz {

/// Which system call; the rest of a call is decided by its own seed when it is made.
enum class Action { Open, Close, Dup, Ioctl, WrongIoctl, Poll, Read, Write, Map, Fork };

struct Call {
    Action action;
    std::uint64_t seed;
};

class Program {
  public:
    /// @param name seeds with points between; nothing when it is not of that form
    static std::optional<Program> named(std::string_view name);
    static Program made(std::uint64_t seed);
    /// A changed one.
    [[nodiscard]] Program mutated(std::uint64_t seed) const;

    [[nodiscard]] std::string name() const;
    [[nodiscard]] const std::vector<Call> &calls() const { return calls_; }
    /// Calls from this one on are made by a second thread at the same time; the number of calls when there is none.
    [[nodiscard]] std::size_t fork_point() const { return fork_point_; }

  private:
    void change(Random &random);

    std::vector<std::uint64_t> seeds_;
    std::vector<Call> calls_;
    std::size_t fork_point_ = 0;
};

} // namespace k7fuzz
