// SPDX-License-Identifier: GPL-2.0-or-later
//
// The ends of an HSM: hsm zeroize, hsm factory-reset, hsm decommission. As on the real card they need no password: who
// may reset the card may also end what it holds.
#include <nlohmann/json.hpp>

#include "utils/common/describe.hpp"
#include "utils/hsm/command.hpp"

namespace k7::tool::hsm_tool {
namespace {

struct Erase {
    const char *name;
    const char *question;
    const char *done;
    void (hsm::Card::*function)();
    bool everything; ///< also FMs, certificates and policies
};

std::string loss_of(const Erase &erase, const hsm::CardStatus &status) {
    std::string loss = smfs_loss(status) + role_loss(status);
    if (erase.everything)
        loss += fms_loss(status) + "  certificates, and all policies as they are set\n";
    return loss;
}

int run(const Context &context, const Erase &erase) {
    hsm::Card &card = context.card;
    card.require_firmware(erase.name);
    const hsm::CardStatus before = card.status();
    confirm(context, {erase.name, erase.question, loss_of(erase, before)});
    hsm::CardStatus after;
    carry_out(context, erase.name, [&] {
        (card.*erase.function)();
        after = card.status();
        verify(!after.initialised && card.identity().label.empty(), "the HSM is still initialised");
        verify(smfs_erased(before, after), "the SMFS was not erased");
        verify(!erase.everything || (after.fm_count == 0 && !after.fms_allowed), "FMs were not erased");
    });
    context.tool.line(std::string(erase.done) + "; verified.");
    if (!erase.everything && after.fm_count != 0)
        context.tool.line("Its FMs were not touched (" + std::to_string(after.fm_count) + ").");
    context.tool.line("Card " + card.name() + " is " + to_string(after.state) + ".");
    context.tool.result({{"card", card.name()},
                         {"action", erase.name},
                         {"before", to_json(before)},
                         {"after", to_json(after)},
                         {"verified", true}});
    return kExitDone;
}

} // namespace

void declare_erase(CommandLine &line, Options &options) {
    line.add_yes_option(options.yes);
}

int zeroize(const Context &context) {
    return run(context, {"zeroize", "Type the card's ESN to zeroize the HSM", "The HSM is zeroized",
                         &hsm::Card::zeroize, false});
}

int factory_reset(const Context &context) {
    return run(context, {"factory-reset", "Type the card's ESN to reset it to factory settings",
                         "The HSM is as a factory delivers it", &hsm::Card::factory_reset, true});
}

int decommission(const Context &context) {
    return run(context, {"decommission", "Type the card's ESN to decommission it", "The HSM is decommissioned",
                         &hsm::Card::decommission, true});
}

} // namespace k7::tool::hsm_tool
