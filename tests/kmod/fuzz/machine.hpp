// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs programs against a node, and holds what comes back against the ABI's promises.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "tests/kmod/fuzz/coverage.hpp"
#include "tests/kmod/fuzz/program.hpp"
#include "tests/kmod/fuzz/values.hpp"

namespace k7fuzz {

class Machine {
  public:
    explicit Machine(std::string node) : node_(std::move(node)) {}

    /// @return places of the kernel that were reached for the first time
    std::size_t run(const Program &program, Coverage &coverage);

    /// Bring the card back to work after a program that has stopped it. @return whether it works
    bool recover();

    [[nodiscard]] std::uint64_t calls() const { return calls_; }
    /// After how many programs the card worked. Who may not reset it cannot mend it.
    [[nodiscard]] std::uint64_t recoveries() const { return recoveries_; }
    /// How often each errno came, 0 for success.
    [[nodiscard]] const std::map<int, std::uint64_t> &outcomes() const { return outcomes_; }
    /// What the driver did that it must not do, empty when nothing.
    [[nodiscard]] std::string complaint() const;

  private:
    void run_calls(const Program &program, std::size_t from, std::size_t to);
    int perform(const Call &call);
    void open_files();
    int open_file(Random &random);
    int ioctl(Random &random);
    int wrong_ioctl(Random &random);
    int other(const Call &call, Random &random);
    std::atomic<int> &file(Random &random) { return files_[random.below(files_.size())]; }
    void note(const Call &call, int result);
    void complain(const std::string &text);

    std::string node_;
    Values values_;
    std::array<std::atomic<int>, 5> files_{-1, -1, -1, -1, -1}; ///< -1: none
    std::atomic<std::uint64_t> calls_{0};
    std::uint64_t recoveries_ = 0;
    mutable std::mutex mutex_; ///< of the next two
    std::map<int, std::uint64_t> outcomes_;
    std::string complaint_;
};

} // namespace k7fuzz
