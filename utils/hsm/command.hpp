// SPDX-License-Identifier: GPL-2.0-or-later
//
// The commands of `hsm`: one function each, in the file of its group; utils/hsm.cpp has the table of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hsm/card.hpp"
#include "utils/common/tool.hpp"

namespace k7::tool::hsm_tool {

struct Options {
    std::string card;
    std::string label;
    std::string password_file;     ///< of the password that the SO has
    std::string new_password_file; ///< of the one that is set
    std::string policy;
    std::string value;
    std::vector<std::string> command; ///< to run while the SO is logged in
    bool yes = false;
};

/// What every command gets; the card is open.
struct Context {
    const Tool &tool;
    const Options &options;
    hsm::Card &card;
};

/// An action that destroys, as a person sees it.
struct Action {
    std::string name;     ///< for the system log: "zeroize"
    std::string question; ///< "Type the card's ESN to zeroize the HSM"
    std::string loss;     ///< what will be lost, a line each; empty: nothing
};

/// Show the card and what will be lost, and have the card's ESN typed, unless --yes says so or nothing is lost.
/// @throws hsm::Error (refused)
void confirm(const Context &context, const Action &action);

/// Run @p work, one line in the system log whatever comes of it. @param work throws unless it has verified what it did
void carry_out(const Context &context, const std::string &action, const std::function<void()> &work);

/// @throws hsm::Error (failed, "not verified: ...") unless @p holds
void verify(bool holds, const std::string &otherwise);

/// Was the SMFS erased between the two?
bool smfs_erased(const hsm::CardStatus &before, const hsm::CardStatus &after);

/// Lines for Action::loss; empty when there is none of it.
std::string role_loss(const hsm::CardStatus &status);
std::string fms_loss(const hsm::CardStatus &status);
std::string smfs_loss(const hsm::CardStatus &status);

// ---- role.cpp ----
int initialise(const Context &context);
void declare_initialise(CommandLine &line, Options &options);
int change_password(const Context &context);
void declare_change_password(CommandLine &line, Options &options);
int login_and_run(const Context &context);
int logout(const Context &context);
void declare_login(CommandLine &line, Options &options);

// ---- erase.cpp ----
int zeroize(const Context &context);
int factory_reset(const Context &context);
int decommission(const Context &context);
void declare_erase(CommandLine &line, Options &options);

// ---- policy.cpp ----
int list_policies(const Context &context);
int set_policy(const Context &context);
void declare_set_policy(CommandLine &line, Options &options);

// ---- smfs.cpp ----
int show_smfs(const Context &context);
int check_smfs(const Context &context);

// ---- show.cpp ----
int show(const Context &context);
int restart(const Context &context);
void declare_nothing(CommandLine &line, Options &options);

} // namespace k7::tool::hsm_tool
