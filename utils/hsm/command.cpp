// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/hsm/command.hpp"

#include "utils/common/audit.hpp"
#include "utils/common/confirm.hpp"
#include "utils/common/describe.hpp"

namespace k7::tool::hsm_tool {
namespace {

std::string counted(std::uint64_t count, const std::string &one, const std::string &many) {
    return std::to_string(count) + " " + (count == 1 ? one : many);
}

} // namespace

void confirm(const Context &context, const Action &action) {
    if (context.options.yes || action.loss.empty())
        return;
    const hsm::Identity identity = context.card.identity();
    confirm_typed(card_text(context.card, identity, context.card.status()) + "Will be lost:\n" + action.loss,
                  action.question, identity.esn);
}

void carry_out(const Context &context, const std::string &action, const std::function<void()> &work) {
    const std::string esn = context.card.info().esn;
    try {
        work();
    } catch (const hsm::Error &error) {
        audit(context.tool.name(), esn, action, error.message());
        throw;
    }
    audit(context.tool.name(), esn, action, "verified");
}

void verify(bool holds, const std::string &otherwise) {
    if (!holds)
        throw hsm::Error(hsm::ErrorKind::failed, "not verified: " + otherwise,
                         "look with `hsm show`, and run it again");
}

bool smfs_erased(const hsm::CardStatus &before, const hsm::CardStatus &after) {
    return after.smfs_files == 0 && after.smfs_generation > before.smfs_generation;
}

std::string role_loss(const hsm::CardStatus &status) {
    return status.initialised ? "  the role of its HSM SO and its label\n" : "";
}

std::string fms_loss(const hsm::CardStatus &status) {
    return status.fm_count == 0 ? "" : "  all FMs: " + counted(status.fm_count, "FM", "FMs") + "\n";
}

std::string smfs_loss(const hsm::CardStatus &status) {
    if (status.smfs_files == 0 && status.smfs_directories == 0)
        return {};
    return "  the whole SMFS: " + counted(status.smfs_files, "file", "files") + " in " +
           counted(status.smfs_directories, "directory", "directories") + ". Keys in it are gone for good\n";
}

} // namespace k7::tool::hsm_tool
