// SPDX-License-Identifier: GPL-2.0-or-later
//
// The subcommands of fmsdk. To add one: its options here, its file with a Subcommand, a line in the table of
// utils/fmsdk.cpp, and its section in docs/man/fmsdk.1.
#pragma once

#include <string>
#include <vector>

#include "utils/common/tool.hpp"

namespace k7::fmsdk {

struct Options {
    // new
    std::string name;
    std::string id;
    bool cpp = false;
    // all that call an FM
    std::string fm;
    std::vector<std::string> texts;
    std::vector<std::string> hexes;
    std::vector<std::string> files;
    // run
    unsigned timeout_s = 0;
    // gdb
    std::vector<std::string> commands;
    bool batch = false;
    // profile
    unsigned repeat = 1;
    std::string lcov;
};

struct Subcommand {
    const char *name;
    const char *description;
    void (*declare)(tool::CommandLine &line, Options &options);
    int (*work)(const tool::Tool &tool, const Options &options);
};

extern const Subcommand kGdb;
extern const Subcommand kGdbServer;
extern const Subcommand kProfile;
extern const Subcommand kNew;
extern const Subcommand kRun;

/// Where the SDK is: $K7_FMSDK, or beside this program, installed or in its source tree. @throws hsm::Error not_found
[[nodiscard]] std::string sdk_directory();

} // namespace k7::fmsdk
