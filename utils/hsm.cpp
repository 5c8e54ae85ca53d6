// SPDX-License-Identifier: GPL-2.0-or-later
//
// hsm: administer an HSM: its SO, its policies, its end. The commands are in utils/hsm/, a file for each
// group.
#include <map>

#include "utils/common/command_table.hpp"
#include "utils/common/tool.hpp"
#include "utils/hsm/command.hpp"

namespace {

using k7::tool::CommandLine;
using k7::tool::Tool;
using namespace k7::tool::hsm_tool;

/// A command: `hsm VERB`, or `hsm NOUN VERB`. The table is the only list of commands.
struct Command {
    const char *noun;
    const char *verb;
    const char *description;
    int (*function)(const Context &context);
    void (*declare)(CommandLine &line, Options &options);
};

constexpr Command kCommands[] = {
    {"", "show", "Show the HSM, its SO's state and what it holds; works on a halted card", show, declare_nothing},
    {"", "init", "Give the HSM a label and an SO; on one that has them, erases the SMFS", initialise,
     declare_initialise},
    {"", "change-password", "Give the HSM SO another password", change_password, declare_change_password},
    {"", "login", "Log the SO in while a command runs, and out at its end; the kernel's upload takes FMs meanwhile",
     login_and_run, declare_login},
    {"", "logout", "Log the SO out of every `hsm login` that is in progress, also of another terminal", logout,
     declare_nothing},
    {"", "restart", "Restart the firmware, and FMs with it", restart, declare_nothing},
    {"", "zeroize", "Erase the SMFS and the SO's role; FMs and policies stay", zeroize, declare_erase},
    {"", "factory-reset", "Erase everything and reset all policies", factory_reset, declare_erase},
    {"", "decommission", "As factory-reset, and the card says so from then on", decommission, declare_erase},
    {"policy", "list", "List the policies", list_policies, declare_nothing},
    {"policy", "set", "Set a policy", set_policy, declare_set_policy},
    {"smfs", "info", "Show the state of the SMFS, its space, and what protects it", show_smfs, declare_nothing},
    {"smfs", "check", "Have the card read all of the SMFS, and list what is damaged", check_smfs, declare_nothing},
    // A noun of its own is a line here, a description in kNouns, and a file in utils/hsm/.
};

const std::map<std::string, const char *> kNouns = {{"policy", "The policies: list, set"},
                                                    {"smfs", "The Secure Memory File System: info, check"}};

void declare(Tool &tool, Options &options) {
    CommandLine &line = tool.command_line();
    line.add_card_option(options.card);
    std::map<std::string, CommandLine> parents{{"", line}};
    for (const auto &[noun, description] : kNouns) {
        CommandLine parent = line.add_subcommand(noun, description);
        parent.require_subcommands(1, 1);
        parents.emplace(noun, parent);
    }
    for (const Command &command : kCommands) {
        CommandLine subcommand = parents.at(command.noun).add_subcommand(command.verb, command.description);
        command.declare(subcommand, options);
    }
    line.require_subcommands(1, 1);
}

bool is_given(const CommandLine &line, const Command &command) {
    if (command.noun[0] == '\0')
        return line.has(command.verb);
    return line.has(command.noun) && line.subcommand(command.noun).has(command.verb);
}

int work(Tool &tool, const Options &options) {
    const Command &given = k7::tool::given_command(
        kCommands, [&](const Command &command) { return is_given(tool.command_line(), command); });
    hsm::Card card = hsm::Card::open(k7::tool::chosen_card(options.card));
    return given.function({tool, options, card});
}

} // namespace

int main(int argc, char **argv) {
    Tool tool("hsm", "Administer an HSM: its SO, its policies, its end.");
    Options options;
    declare(tool, options);
    return tool.run(argc, argv, [&] { return work(tool, options); });
}
