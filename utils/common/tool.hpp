// SPDX-License-Identifier: GPL-2.0-or-later
//
// What all tools have in common: options, exit codes, where output goes.
//
// The JSON library takes seconds to compile: only who makes JSON includes it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "hsm/error.hpp"
#include "utils/common/command_line.hpp"

namespace CLI {
class ParseError;
} // namespace CLI

namespace k7::tool {

/// Keeps the order in which keys are added, so that output is stable.
using Json = nlohmann::ordered_json;

/// Version of the JSON output: keys are only ever added under the same number.
constexpr int kJsonSchema = 1;

/// Exit codes of all tools. Failures have the numbers of hsm::ErrorKind.
constexpr int kExitDone = 0;
constexpr int kExitFailed = static_cast<int>(hsm::ErrorKind::failed);
constexpr int kExitUsage = static_cast<int>(hsm::ErrorKind::usage);
constexpr int kExitNotOperational = static_cast<int>(hsm::ErrorKind::not_operational);

/// One tool: its command line, and what it says. Results go to stdout, everything else to stderr.
class Tool {
  public:
    Tool(const std::string &name, const std::string &description);
    ~Tool();
    Tool(const Tool &) = delete;
    Tool &operator=(const Tool &) = delete;

    [[nodiscard]] const std::string &name() const noexcept { return name_; }
    [[nodiscard]] CommandLine &command_line() noexcept { return line_; }

    /// Parse the command line, do the work, turn errors into a message and an exit code.
    int run(int argc, char **argv, const std::function<int()> &work);

    [[nodiscard]] bool json() const noexcept { return json_; }
    [[nodiscard]] bool quiet() const noexcept { return quiet_; }
    [[nodiscard]] bool verbose() const noexcept { return verbose_; }

    /// A line on stderr for the person, unless --quiet.
    void note(const std::string &text) const;
    /// The same, only with --verbose.
    void detail(const std::string &text) const;
    /// A line of the result on stdout, unless the result is JSON.
    void line(const std::string &text) const;
    /// The result as JSON, with --json. The schema number is added.
    void result(const Json &value) const;

  private:
    int report(const hsm::Error &error) const;
    int usage_error(const CLI::ParseError &error) const;

    std::string name_;
    const std::unique_ptr<CLI::App> app_;
    CommandLine line_;
    bool json_ = false;
    bool quiet_ = false;
    bool verbose_ = false;
};

/// @p card, or the only card of this host when it is empty. @throws hsm::Error
std::string chosen_card(const std::string &card);

} // namespace k7::tool
