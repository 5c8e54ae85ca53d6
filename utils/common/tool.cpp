// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/tool.hpp"

#include <csignal>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "hsm/enumerate.hpp"
#include "hsm/version.hpp"

namespace k7::tool {
namespace {

std::string version_text(const std::string &name) {
    return name + " (k7hsm) " K7HSM_VERSION ", libhsm " + std::string(hsm::version());
}

/// --json must also work for a command line that cannot be parsed.
bool asks_for_json(int argc, char **argv) {
    for (int index = 1; index < argc; ++index)
        if (std::strcmp(argv[index], "--json") == 0)
            return true;
    return false;
}

std::string one_line(std::string text) {
    for (char &c : text)
        if (c == '\n' || c == '\r')
            c = ' ';
    return text;
}

} // namespace

Tool::Tool(const std::string &name, const std::string &description)
    : name_(name), app_(std::make_unique<CLI::App>(description, name)), line_(app_.get()) {
    app_->set_version_flag("--version", version_text(name));
    app_->set_help_flag("-h,--help", "Show this help and end");
    app_->add_flag("--json", json_, "Write the result, or the error, as JSON to standard output");
    app_->add_flag("-q,--quiet", quiet_, "Say nothing but results and errors");
    app_->add_flag("-v,--verbose", verbose_, "Say more");
    app_->fallthrough(); // common options may follow a subcommand
    app_->footer("Exit codes: 0 done, 1 failed, 2 usage, 3 no such card or object, 4 card not operational, "
                 "5 no permission, 6 refused or not confirmed.");
}

Tool::~Tool() = default;

int Tool::run(int argc, char **argv, const std::function<int()> &work) {
    std::signal(SIGPIPE, SIG_IGN); // a closed pipe is a write error, not a sudden end in the middle of an erase
    try {
        app_->parse(argc, argv);
        const int code = work();
        std::cout.flush();
        if (!std::cout)
            throw hsm::Error(hsm::ErrorKind::failed, "cannot write to standard output");
        return code;
    } catch (const CLI::ParseError &error) {
        json_ = asks_for_json(argc, argv);
        return usage_error(error);
    } catch (const hsm::Error &error) {
        return report(error);
    } catch (const std::bad_alloc &) {
        return report({hsm::ErrorKind::failed, "out of memory"});
    } catch (const std::exception &error) {
        return report({hsm::ErrorKind::failed, error.what()});
    }
}

int Tool::usage_error(const CLI::ParseError &error) const {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
        app_->exit(error); // --help and --version print to stdout
        return kExitDone;
    }
    return report({hsm::ErrorKind::usage, one_line(error.what()), "see `" + name_ + " --help`"});
}

int Tool::report(const hsm::Error &error) const {
    std::cout.flush();
    std::cerr << name_ << ": " << one_line(error.what()) << std::endl;
    if (json_) {
        Json text = {{"kind", to_string(error.kind())}, {"exit_code", static_cast<int>(error.kind())},
                     {"message", error.message()},      {"hint", error.hint()},
                     {"object", error.object()},        {"errno", error.os_error()}};
        if (error.card_status())
            text["card_status"] = *error.card_status();
        result({{"error", text}});
        std::cout.flush();
    }
    return static_cast<int>(error.kind());
}

void Tool::note(const std::string &text) const {
    if (!quiet_)
        std::cerr << name_ << ": " << text << std::endl;
}

void Tool::detail(const std::string &text) const {
    if (verbose_)
        note(text);
}

void Tool::line(const std::string &text) const {
    if (!json_)
        std::cout << text << '\n';
}

void Tool::result(const Json &value) const {
    if (!json_)
        return;
    Json whole = {{"schema", kJsonSchema}};
    whole.update(value);
    // Text from files and cards may be no UTF-8; output always is.
    std::cout << whole.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

std::string chosen_card(const std::string &card) {
    return card.empty() ? hsm::only_card() : card;
}

} // namespace k7::tool
