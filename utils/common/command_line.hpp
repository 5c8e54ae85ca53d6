// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a tool or a subcommand takes: options, arguments, subcommands. CLI11 does the work; it takes seconds to compile,
// so command_line.cpp alone includes it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
} // namespace CLI

namespace k7::tool {

/// An option or an argument that was declared, for what more there is to say about it. Lives as long as its Tool.
class Option {
  public:
    explicit Option(CLI::Option *option) : option_(option) {}

    Option &required();
    /// Not together with @p other.
    Option &excludes(const Option &other);
    /// --help shows the value that it has without the option.
    Option &shows_default();

  private:
    CLI::Option *option_;
};

/// Names are as in "-f,--file", or without dashes for an argument ("FILE"). @p type stands for the value in --help;
/// empty: nothing does. Values are set when the command line is parsed, and must live until then. Lives as long as its
/// Tool.
class CommandLine {
  public:
    /// The least and the greatest value.
    template <class Number>
    using Range = std::pair<Number, Number>;

    explicit CommandLine(CLI::App *app) : app_(app) {}

    Option add(const std::string &names, std::string &value, const std::string &help, const std::string &type = {});
    Option add(const std::string &names, std::optional<std::uint32_t> &value, const std::string &help,
               const std::string &type);
    Option add(const std::string &names, std::uint32_t &value, const std::string &help, const std::string &type);
    Option add(const std::string &names, std::uint32_t &value, const std::string &help, const std::string &type,
               const Range<std::uint32_t> &range);
    Option add(const std::string &names, double &value, const std::string &help, const std::string &type,
               const Range<double> &range);
    /// One of the names of @p choices.
    template <class Choice>
    Option add(const std::string &names, Choice &value, const std::string &help, const std::string &type,
               const std::map<std::string, Choice> &choices) {
        std::vector<std::string> words;
        words.reserve(choices.size());
        for (const auto &[word, choice] : choices)
            words.push_back(word);
        return add_choice(names, help, type, words, [&](const std::string &word) { value = choices.at(word); });
    }
    /// May be repeated, once for each value, whatever characters are in it.
    Option add_repeated(const std::string &names, std::vector<std::string> &values, const std::string &help,
                        const std::string &type);
    /// All arguments that are left.
    Option add_rest(const std::string &name, std::vector<std::string> &values, const std::string &help);
    void add_flag(const std::string &names, bool &value, const std::string &help);
    /// That was declared before. @throws CLI::OptionNotFound
    [[nodiscard]] Option option(const std::string &name) const;

    // ---- Options that several tools have ----
    /// --card CARD, with the text that all tools share.
    void add_card_option(std::string &card);
    /// The mandatory argument CARD of tools that erase.
    void add_card_argument(std::string &card);
    /// --yes and its synonyms --force and -f.
    void add_yes_option(bool &yes);
    /// --password-file FILE: that of the HSM SO; $K7HSM_PASSWORD_FILE is its default (utils/common/password.hpp).
    void add_password_option(std::string &file);

    // ---- Subcommands ----
    CommandLine add_subcommand(const std::string &name, const std::string &help, const std::string &alias = {});
    /// How many there must be, and may be.
    void require_subcommands(std::size_t least, std::size_t most);
    /// One that was added. @throws CLI::OptionNotFound
    [[nodiscard]] CommandLine subcommand(const std::string &name) const;
    /// After parsing: was it given?
    [[nodiscard]] bool has(const std::string &subcommand) const;

  private:
    using TakeWord = std::function<void(const std::string &word)>;
    Option add_choice(const std::string &names, const std::string &help, const std::string &type,
                      const std::vector<std::string> &words, const TakeWord &take);

    CLI::App *app_;
};

} // namespace k7::tool
