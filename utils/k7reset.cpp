// SPDX-License-Identifier: GPL-2.0-or-later
//
// k7reset: restart a card, wait until it is up, and say how it is.
#include <chrono>
#include <map>

#include <nlohmann/json.hpp>

#include "hsm/card.hpp"
#include "utils/common/audit.hpp"
#include "utils/common/describe.hpp"
#include "utils/common/progress.hpp"
#include "utils/common/tool.hpp"

namespace {

using k7::tool::CommandLine;
using k7::tool::Json;
using k7::tool::to_json;
using k7::tool::Tool;

struct Options {
    std::string card;
    hsm::ResetKind kind = hsm::ResetKind::firmware;
    hsm::BootMode mode = hsm::BootMode::operational;
    unsigned timeout_s = 0;
};

const std::map<std::string, hsm::ResetKind> kKinds = {{"firmware", hsm::ResetKind::firmware},
                                                      {"card", hsm::ResetKind::card},
                                                      {"function", hsm::ResetKind::function},
                                                      {"bus", hsm::ResetKind::bus}};
const std::map<std::string, hsm::BootMode> kModes = {{"operational", hsm::BootMode::operational},
                                                     {"maintenance", hsm::BootMode::maintenance},
                                                     {"boot-loader", hsm::BootMode::boot_loader}};

void declare(Tool &tool, Options &options) {
    CommandLine &line = tool.command_line();
    line.add("CARD", options.card,
             "Card: node (/dev/k7pf0), ESN, PCI address, or sim:STOREFILE. Default: the only card of this host");
    line.add("--kind", options.kind,
             "What is reset: firmware (default), card, function (PCIe FLR) or bus (secondary bus reset)", "KIND",
             kKinds);
    line.add("--mode", options.mode,
             "What it starts in: operational (default), maintenance (no FM runs) or boot-loader (no firmware)", "MODE",
             kModes);
    line.add("--timeout", options.timeout_s, "Longest wait for the card, in seconds (default: the driver's)", "S",
             {1, 600});
}

hsm::CardState wanted_state(hsm::BootMode mode) {
    switch (mode) {
    case hsm::BootMode::operational:
        return hsm::CardState::operational;
    case hsm::BootMode::maintenance:
        return hsm::CardState::maintenance;
    case hsm::BootMode::boot_loader:
        return hsm::CardState::boot;
    }
    return hsm::CardState::operational;
}

hsm::CardStatus reset(const Tool &tool, const Options &options, hsm::Card &card) {
    k7::tool::Progress progress(tool, "resetting");
    progress.step("resetting " + card.name());
    const hsm::CardStatus status = card.reset(options.kind, options.mode, std::chrono::seconds(options.timeout_s));
    k7::tool::audit(tool.name(), card.info().esn, "reset", to_string(status.state));
    return status;
}

int work(const Tool &tool, const Options &options) {
    const bool over_bus = options.kind == hsm::ResetKind::function || options.kind == hsm::ResetKind::bus;
    if (over_bus && options.mode != hsm::BootMode::operational)
        throw hsm::Error(hsm::ErrorKind::usage, "a function or bus reset always starts in operational mode",
                         "leave --mode out, or use --kind card");
    hsm::Card card = hsm::Card::open(k7::tool::chosen_card(options.card));
    const hsm::CardStatus status = reset(tool, options, card);
    const std::string trouble = card.trouble();
    tool.line(card.name() + ": " + (trouble.empty() ? to_string(status.state) : trouble));
    tool.result({{"card", card.name()}, {"status", to_json(status)}, {"trouble", trouble}});
    const bool reached = status.state == wanted_state(options.mode) ||
                         (options.mode == hsm::BootMode::operational && status.state == hsm::CardState::pre_init);
    if (reached)
        return k7::tool::kExitDone;
    tool.note("the card did not come up" +
              (status.reason == hsm::Reason::fm_fault
                   ? "; see `ctfm faults`, erase all FMs with `fmrecover --fm " + card.name() + "`"
                   : ""));
    return k7::tool::kExitNotOperational;
}

} // namespace

int main(int argc, char **argv) {
    Tool tool("k7reset", "Restart a card, wait until it is up, and say how it is.");
    Options options;
    declare(tool, options);
    return tool.run(argc, argv, [&] { return work(tool, options); });
}
