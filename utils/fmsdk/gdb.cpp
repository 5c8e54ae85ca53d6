// SPDX-License-Identifier: GPL-2.0-or-later
//
// fmsdk gdb and fmsdk gdbserver: an FM under gdb. The card debugs it (its property `debug`); the two speak over a pipe,
// so there is neither a port nor a socket that somebody else could come to.
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "utils/common/files.hpp"
#include "utils/common/process.hpp"
#include "utils/fmsdk/calls.hpp"

namespace k7::fmsdk {
namespace {

using tool::Tool;

constexpr mode_t kPrivate = 0600;
constexpr const char *kGdbProgram = "gdb-multiarch";

int serve(const Tool &tool, const Options &options) {
    // gdb starts this on its own terminal, where Ctrl-C is meant for the FM.
    std::signal(SIGINT, SIG_IGN);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // without gdb there is nobody to run the FM for
    const std::vector<hsm::SecureBytes> requests = requests_of(options);
    hsm::ThrowawayCard card(elf_of(options), "debug=stdio");
    card.start();
    call_all(tool, requests, options.repeat, card);
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
    std::string command = "exec " + quoted(std::filesystem::read_symlink("/proc/self/exe")) + " gdbserver";
    const auto add = [&](const char *name, const std::vector<std::string> &values) {
        for (const std::string &value : values)
            command += std::string(" ") + name + "=" + quoted(value);
    };
    add("--text", options.texts);
    add("--hex", options.hexes);
    add("--file", options.files);
    return command + " " + quoted(std::filesystem::absolute(options.fm));
}

/// A file without a name, so that nothing stays behind whatever ends this program. gdb opens it by our process.
class NamelessFile {
  public:
    explicit NamelessFile(hsm::ByteView content) : descriptor_(::memfd_create("fm.elf", MFD_CLOEXEC)) {
        if (descriptor_ < 0)
            throw hsm::Error(hsm::ErrorKind::failed, std::string("no memory for gdb's file: ") + std::strerror(errno));
        tool::write_file(path(), content, kPrivate);
    }
    NamelessFile(const NamelessFile &) = delete;
    NamelessFile &operator=(const NamelessFile &) = delete;
    ~NamelessFile() { ::close(descriptor_); }
    [[nodiscard]] std::string path() const {
        return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(descriptor_);
    }

  private:
    int descriptor_;
};

int debug(const Tool &tool, const Options &options) {
    requests_of(options); // what is wrong with them is said before anything runs
    const hsm::Bytes elf = elf_of(options);
    const NamelessFile file(elf);
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
    arguments.push_back(file.path());
    tool.detail("the FM's code for gdb is in " + file.path());
    return tool::run_program(std::move(arguments), "install the package gdb-multiarch");
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
