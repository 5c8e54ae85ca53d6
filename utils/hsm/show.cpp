// SPDX-License-Identifier: GPL-2.0-or-later
//
// hsm show, hsm restart.
#include <nlohmann/json.hpp>

#include "utils/common/audit.hpp"
#include "utils/common/describe.hpp"
#include "utils/hsm/command.hpp"

namespace k7::tool::hsm_tool {
namespace {

std::string yes_no(bool is) {
    return is ? "yes" : "no";
}

std::string fms_text(const hsm::CardStatus &status) {
    if (status.fms_allowed)
        return "yes";
    return status.fms_were_allowed ? "no (but they were)" : "no (and never were)";
}

std::string attempts_text(const hsm::CardStatus &status) {
    return status.initialised ? std::to_string(status.login_attempts) + " left" : "none (there is no HSM SO)";
}

} // namespace

void declare_nothing(CommandLine & /*line*/, Options & /*options*/) {}

/// All of it from the boot loader, so that it works on a halted card.
int show(const Context &context) {
    const hsm::Identity identity = context.card.identity();
    const hsm::CardStatus status = context.card.status();
    context.tool.line(card_text(context.card, identity, status) + //
                      "HSM\n" +                                   //
                      "  initialised     " + yes_no(status.initialised) +
                      (status.decommissioned ? " (decommissioned)" : "") + "\n" +                   //
                      "  login attempts  " + attempts_text(status) + "\n" +                         //
                      "  FMs allowed     " + fms_text(status) + "\n" +                              //
                      "  FMs             " + std::to_string(status.fm_count) + "\n" +               //
                      "  fault policy    " + (status.isolates_faults ? "isolate" : "halt") + "\n" + //
                      "  SMFS            " + (status.smfs_active ? "activated" : "not activated") + ", " +
                      std::to_string(status.smfs_files) +
                      " files, activation by itself: " + (status.smfs_auto_activation ? "on" : "off"));
    context.tool.result({{"card", context.card.name()}, {"identity", to_json(identity)}, {"status", to_json(status)}});
    return kExitDone;
}

int restart(const Context &context) {
    const hsm::CardStatus status = context.card.reset(hsm::ResetKind::firmware);
    audit(context.tool.name(), context.card.info().esn, "restart", to_string(status.state));
    const std::string trouble = context.card.trouble();
    context.tool.line(context.card.name() + ": " + (trouble.empty() ? to_string(status.state) : trouble));
    context.tool.result({{"card", context.card.name()}, {"status", to_json(status)}, {"trouble", trouble}});
    return hsm::firmware_runs(status.state) ? kExitDone : kExitNotOperational;
}

} // namespace k7::tool::hsm_tool
