// SPDX-License-Identifier: GPL-2.0-or-later
//
// fmsdk: what an FM developer types between two edits. Each subcommand is a file of utils/fmsdk/.

#include "utils/common/command_table.hpp"
#include "utils/fmsdk/subcommand.hpp"

namespace {

using namespace k7::fmsdk;

/// The only list of subcommands.
constexpr const Subcommand *kSubcommands[] = {&kNew, &kRun, &kGdb, &kGdbServer, &kProfile};

} // namespace

int main(int argc, char **argv) {
    k7::tool::Tool tool("fmsdk", "Begin FMs; run, debug and profile them on a card in this process.");
    Options options;
    for (const Subcommand *subcommand : kSubcommands) {
        k7::tool::CommandLine line = tool.command_line().add_subcommand(subcommand->name, subcommand->description);
        subcommand->declare(line, options);
    }
    tool.command_line().require_subcommands(1, 1);
    return tool.run(argc, argv, [&] {
        const Subcommand *const given = k7::tool::given_command(
            kSubcommands, [&](const Subcommand *subcommand) { return tool.command_line().has(subcommand->name); });
        return given->work(tool, options);
    });
}
