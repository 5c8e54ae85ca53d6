// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/command_line.hpp"

#include <cmath>
#include <cstdlib>

#include <CLI/CLI.hpp>

namespace k7::tool {
namespace {

template <class Value>
CLI::Option *declare(CLI::App &app, const std::string &names, Value &value, const std::string &help,
                     const std::string &type) {
    return app.add_option(names, value, help)->type_name(type);
}

/// CLI::Range lets it pass, as it is neither too small nor too large.
std::string refuse_nan(const std::string &word) {
    return std::isnan(std::strtod(word.c_str(), nullptr)) ? "Value " + word + " is no number" : std::string();
}

} // namespace

Option &Option::required() {
    option_->required();
    return *this;
}

Option &Option::excludes(const Option &other) {
    option_->excludes(other.option_);
    return *this;
}

Option &Option::shows_default() {
    option_->capture_default_str();
    return *this;
}

Option CommandLine::add(const std::string &names, std::string &value, const std::string &help,
                        const std::string &type) {
    return Option(declare(*app_, names, value, help, type));
}

Option CommandLine::add(const std::string &names, std::optional<std::uint32_t> &value, const std::string &help,
                        const std::string &type) {
    return Option(declare(*app_, names, value, help, type));
}

Option CommandLine::add(const std::string &names, std::uint32_t &value, const std::string &help,
                        const std::string &type) {
    return Option(declare(*app_, names, value, help, type));
}

Option CommandLine::add(const std::string &names, std::uint32_t &value, const std::string &help,
                        const std::string &type, const Range<std::uint32_t> &range) {
    return Option(declare(*app_, names, value, help, type)->check(CLI::Range(range.first, range.second)));
}

Option CommandLine::add(const std::string &names, double &value, const std::string &help, const std::string &type,
                        const Range<double> &range) {
    return Option(
        declare(*app_, names, value, help, type)->check(CLI::Range(range.first, range.second))->check(refuse_nan));
}

Option CommandLine::add_choice(const std::string &names, const std::string &help, const std::string &type,
                               const std::vector<std::string> &words, const TakeWord &take) {
    CLI::Option *const option = app_->add_option_function<std::string>(names, take, help);
    return Option(option->check(CLI::IsMember(words))->type_name(type)->option_text(type));
}

// Without extra arguments "[1,2]" is a text and no list.
Option CommandLine::add_repeated(const std::string &names, std::vector<std::string> &values, const std::string &help,
                                 const std::string &type) {
    return Option(declare(*app_, names, values, help, type)
                      ->expected(1)
                      ->allow_extra_args(false)
                      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll));
}

Option CommandLine::add_rest(const std::string &name, std::vector<std::string> &values, const std::string &help) {
    return Option(declare(*app_, name, values, help, {}));
}

void CommandLine::add_flag(const std::string &names, bool &value, const std::string &help) {
    app_->add_flag(names, value, help);
}

Option CommandLine::option(const std::string &name) const {
    return Option(app_->get_option(name));
}

void CommandLine::add_card_option(std::string &card) {
    add("-d,--card", card,
        "Card: node (/dev/k7pf0), ESN, PCI address, or sim:STOREFILE. Default: the only card of this host", "CARD");
}

void CommandLine::add_card_argument(std::string &card) {
    add("CARD", card, "Card: node (/dev/k7pf0), ESN, PCI address, or sim:STOREFILE").required();
}

void CommandLine::add_yes_option(bool &yes) {
    add_flag("-f,--yes,--force", yes, "Do not ask for confirmation");
}

void CommandLine::add_password_option(std::string &file) {
    add("--password-file", file,
        "File whose first line is the HSM SO's password; - is standard input. Default: $K7HSM_PASSWORD_FILE, else "
        "asked "
        "on the terminal",
        "FILE");
}

CommandLine CommandLine::add_subcommand(const std::string &name, const std::string &help, const std::string &alias) {
    CLI::App *const subcommand = app_->add_subcommand(name, help);
    if (!alias.empty())
        subcommand->alias(alias);
    return CommandLine(subcommand);
}

void CommandLine::require_subcommands(std::size_t least, std::size_t most) {
    app_->require_subcommand(least, most);
}

CommandLine CommandLine::subcommand(const std::string &name) const {
    return CommandLine(app_->get_subcommand(name));
}

bool CommandLine::has(const std::string &subcommand) const {
    return app_->got_subcommand(subcommand);
}

} // namespace k7::tool
