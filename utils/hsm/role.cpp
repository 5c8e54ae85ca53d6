// SPDX-License-Identifier: GPL-2.0-or-later
//
// The HSM SO: hsm init, hsm change-password, hsm login, hsm logout.
#include <nlohmann/json.hpp>

#include "utils/common/files.hpp"
#include "utils/common/password.hpp"
#include "utils/common/process.hpp"
#include "utils/hsm/command.hpp"

namespace k7::tool::hsm_tool {
namespace {

void add_new_password_option(CommandLine &line, Options &options, const std::string &otherwise) {
    line.add("--new-password-file", options.new_password_file,
             "File whose first line is the password to set. Default: " + otherwise, "FILE");
}

/// Log in, if there is an SO, and get the password to set: --password-file means both, and is read once, as it may be
/// standard input.
hsm::SecureBytes log_in_and_get_new_password(const Context &context, bool has_so) {
    const Options &options = context.options;
    const std::string file = password_file(options.password_file);
    hsm::SecureBytes password;
    if (has_so) {
        password = so_password(context.tool, file);
        context.card.login(password);
    }
    if (!options.new_password_file.empty() || file.empty())
        return new_so_password(context.tool, options.new_password_file);
    return has_so ? password : new_so_password(context.tool, file);
}

} // namespace

void declare_initialise(CommandLine &line, Options &options) {
    line.add("--label", options.label, "Name for the HSM, 1 to 31 printable ASCII characters", "TEXT").required();
    line.add_password_option(options.password_file);
    add_new_password_option(line, options, "that of --password-file");
    line.add_yes_option(options.yes);
}

int initialise(const Context &context) {
    hsm::Card &card = context.card;
    hsm::Card::check_label(context.options.label);
    refuse_one_input_for_two(context.options.new_password_file, password_file(context.options.password_file));
    card.require_firmware("initialise the HSM");
    const hsm::CardStatus before = card.status();
    const std::string again = before.initialised ? role_loss(before) + smfs_loss(before) : "";
    confirm(context, {"init", "Type the card's ESN to initialise it anew", again});
    hsm::CardStatus after;
    carry_out(context, "init", [&] {
        card.initialise(context.options.label, log_in_and_get_new_password(context, before.initialised));
        after = card.status();
        verify(after.initialised && card.identity().label == context.options.label, "the card has another label");
        verify(!before.initialised || smfs_erased(before, after), "the SMFS was not erased");
    });
    context.tool.line("The HSM is initialised: label '" + context.options.label + "'; verified.");
    if (!after.fms_allowed)
        context.tool.line("It takes no FMs yet. To allow them, for good: hsm policy set fm on");
    context.tool.result({{"card", card.name()}, {"label", context.options.label}, {"verified", true}});
    return kExitDone;
}

void declare_change_password(CommandLine &line, Options &options) {
    line.add_password_option(options.password_file);
    add_new_password_option(line, options, "asked on the terminal");
}

int change_password(const Context &context) {
    hsm::Card &card = context.card;
    refuse_one_input_for_two(context.options.new_password_file, password_file(context.options.password_file));
    card.require_firmware("change the password");
    carry_out(context, "change-password", [&] {
        login(context.tool, card, context.options.password_file);
        const hsm::SecureBytes password = new_so_password(context.tool, context.options.new_password_file);
        card.change_password(password);
        card.login(password);
    });
    context.tool.line("The HSM SO has a new password; verified.");
    context.tool.result({{"card", card.name()}, {"verified", true}});
    return kExitDone;
}

void declare_login(CommandLine &line, Options &options) {
    line.add_password_option(options.password_file);
    line.add_rest("COMMAND", options.command, "Command to run meanwhile, with its arguments, after --").required();
}

int login_and_run(const Context &context) {
    hsm::Card &card = context.card;
    card.require_firmware("log in");
    card.login(so_password(context.tool, context.options.password_file), true);
    const int status = run_program(context.options.command);
    card.logout();
    return status;
}

int logout(const Context &context) {
    context.card.require_firmware("log out");
    std::uint32_t ended = 0;
    carry_out(context, "logout", [&] { ended = context.card.end_shared_logins(); });
    context.tool.line(ended == 0   ? "No `hsm login` was in progress."
                      : ended == 1 ? "The login of an `hsm login` is ended; its command goes on without it."
                                   : "The logins of " + std::to_string(ended) +
                                         " `hsm login` are ended; their commands go on without them.");
    context.tool.result({{"card", context.card.name()}, {"ended", ended}});
    return kExitDone;
}

} // namespace k7::tool::hsm_tool
