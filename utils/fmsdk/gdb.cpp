// SPDX-License-Identifier: GPL-2.0-or-later
//
// fmsdk gdb and fmsdk gdbserver: an FM under gdb. The card debugs it (its property `debug`); the two speak over a pipe,
// so there is neither a port nor a socket that somebody else could come to.
#include <cerrno>
#include <csignal>
#include <cstring>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "utils/common/files.hpp"
#include "utils/fmsdk/calls.hpp"

namespace k7::fmsdk {
namespace {

using tool::Tool;

constexpr mode_t kPrivate = 0600;
constexpr const char *kGdbProgram = "gdb-multiarch";

int serve(const Tool &tool, const Options &options) {
    // gdb starts this on its own terminal, where Ctrl-C is meant for the FM.
    std::signal(SIGINT, SIG_IGN);
    requests_of(options); // what is wrong with them is said before anything runs
    hsm::ThrowawayCard card(elf_of(options), "debug=stdio");
    card.start();
    call_all(tool, options, card);
    return tool::kExitDone;
}

/// For the shell.
std::string quoted(const std::string &text) {
    std::string result = "'";
    for (const char c : text)
        result += c == '\'' ? "'\\''" : std::string(1, c);
    return result + "'";
}

std::string server_command(const Options &options) {
    std::string command = quoted(std::filesystem::read_symlink("/proc/self/exe")) + " gdbserver";
    const auto add = [&](const char *name, const std::vector<std::string> &values) {
        for (const std::string &value : values)
            command += std::string(" ") + name + "=" + quoted(value);
    };
    add("--text", options.texts);
    add("--hex", options.hexes);
    add("--file", options.files);
    return command + " " + quoted(std::filesystem::absolute(options.fm));
}

/// @return its exit status
int run_program(std::vector<std::string> arguments) {
    std::vector<char *> pointers;
    pointers.reserve(arguments.size() + 1);
    for (std::string &argument : arguments)
        pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_t child = 0;
    if (const int error = ::posix_spawnp(&child, pointers[0], nullptr, nullptr, pointers.data(), environ))
        throw hsm::Error(error == ENOENT ? hsm::ErrorKind::not_found : hsm::ErrorKind::failed,
                         "cannot run " + arguments[0] + ": " + std::strerror(error),
                         error == ENOENT ? "install the package gdb-multiarch" : "");
    std::signal(SIGINT, SIG_IGN); // from here on it is gdb's
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : tool::kExitFailed;
}

int debug(const Tool &tool, const Options &options) {
    requests_of(options);
    const hsm::Bytes elf = elf_of(options);
    const TemporaryDirectory directory;
    const std::string path = directory.file("fm.elf");
    tool::write_file(path, elf, kPrivate);
    std::vector<std::string> arguments{kGdbProgram, "-q"};
    if (options.batch)
        arguments.emplace_back("-batch");
    const auto execute = [&](const std::string &command) {
        arguments.emplace_back("-ex");
        arguments.push_back(command);
    };
    execute("set remotetimeout 600"); // a busy machine takes its time to switch a card on
    execute("target remote | " + server_command(options));
    for (const std::string &command : options.commands)
        execute(command);
    arguments.push_back(path);
    tool.detail("the FM's code for gdb is in " + path);
    return run_program(std::move(arguments));
}

void declare_debug(tool::CommandLine &line, Options &options) {
    declare_calls(line, options);
    line.add_repeated("--ex", options.commands, "Have gdb execute a command, once the FM is there; may be repeated",
                      "COMMAND");
    line.add_flag("--batch", options.batch, "End gdb after these commands");
}

} // namespace

const Subcommand kGdb = {"gdb", "Debug an FM with gdb, on a throw-away card", declare_debug, debug};
const Subcommand kGdbServer = {"gdbserver", "The FM's side for gdb: target remote | fmsdk gdbserver FM", declare_calls,
                               serve};

} // namespace k7::fmsdk
