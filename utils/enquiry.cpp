// SPDX-License-Identifier: GPL-2.0-or-later
//
// enquiry: what cards this host has, and how they are.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>

#include <nlohmann/json.hpp>

#include "hsm/card.hpp"
#include "hsm/enumerate.hpp"
#include "utils/common/enquiry_text.hpp"
#include "utils/common/module_view.hpp"
#include "utils/common/tool.hpp"

namespace {

using k7::tool::CommandLine;
using k7::tool::Json;
using k7::tool::ModuleView;
using k7::tool::Tool;

constexpr double kTimeoutS = 5.0;

struct Options {
    std::string card;
    std::optional<std::uint32_t> module;
    double timeout_s = kTimeoutS;
    bool check = false;
};

void declare(Tool &tool, Options &options) {
    CommandLine &line = tool.command_line();
    line.add("-d,--card", options.card, "Only this card: node, ESN, PCI address, or sim:STOREFILE", "CARD");
    line.add("-m,--module", options.module, "Only this module; /dev/k7pf0 is module 1; 0: only the Server block", "N");
    line.add("--timeout", options.timeout_s, "Longest wait for all cards together, in seconds", "S", {0.1, 600.0})
        .shows_default();
    line.add_flag("--check", options.check, "Exit with 4 when a module that is shown is not operational and healthy");
}

/// An in-process card has no place in sysfs: it is module 1 of a host with one card.
hsm::Inventory in_process(const std::string &selector) {
    hsm::BoundCard card;
    card.node = selector;
    card.accessible = true;
    hsm::Inventory inventory;
    inventory.driver_loaded = true;
    inventory.cards.push_back(card);
    return inventory;
}

/// Keep what was asked for. @throws hsm::Error not_found
void select(hsm::Inventory &inventory, const Options &options) {
    if (options.card.empty() || options.card.starts_with("sim:"))
        return;
    const std::string node =
        options.card.starts_with("/") ? options.card : hsm::find_node(options.card); // says why if there is none
    std::erase_if(inventory.cards, [&](const hsm::BoundCard &card) { return card.node != node; });
    inventory.unbound.clear();
    if (inventory.cards.empty())
        throw hsm::Error(hsm::ErrorKind::not_found, "no card at " + options.card,
                         "`enquiry` without --card shows the cards that are there");
}

hsm::Inventory take_inventory(const Options &options) {
    if (options.card.starts_with("sim:"))
        return in_process(options.card);
    hsm::Inventory inventory = hsm::enumerate();
    select(inventory, options);
    return inventory;
}

k7::tool::ServerView server_view(const hsm::Inventory &inventory, const std::vector<ModuleView> &modules) {
    k7::tool::ServerView server;
    server.modules = static_cast<std::uint32_t>(inventory.cards.size());
    server.driver_loaded = inventory.driver_loaded;
    server.driver_version = inventory.driver_version;
    for (const ModuleView &module : modules) {
        const std::string &esn = module.identity ? module.identity->esn : module.card.esn;
        if (!esn.empty())
            server.esns.push_back(esn);
        if (module.identity)
            server.payload_max = std::max(server.payload_max, module.identity->payload_max);
        if (module.driver && server.driver_version.empty())
            server.driver_version = module.driver->driver_version;
    }
    return server;
}

const ModuleView *find(const std::vector<ModuleView> &modules, std::uint32_t number) {
    const auto found =
        std::ranges::find(modules, number, [](const ModuleView &module) { return module.card.module(); });
    return found != modules.end() ? &*found : nullptr;
}

/// Numbers of the modules to show, gaps included.
std::vector<std::uint32_t> wanted_numbers(const hsm::Inventory &inventory, const Options &options) {
    if (options.module)
        return *options.module == 0 ? std::vector<std::uint32_t>() : std::vector{*options.module};
    std::vector<std::uint32_t> numbers;
    const std::uint32_t first = options.card.empty() || inventory.cards.empty() ? 1 : inventory.cards.front().module();
    for (std::uint32_t number = first; number <= inventory.last_module(); ++number)
        numbers.push_back(number);
    return numbers;
}

void show_unbound(const Tool &tool, const hsm::Inventory &inventory, Json &list) {
    for (const hsm::UnboundCard &card : inventory.unbound) {
        tool.note(card.reason);
        list.push_back({{"pci_address", card.pci_address},
                        {"driver", card.driver},
                        {"answers", card.answers},
                        {"reason", card.reason}});
    }
}

/// @throws hsm::Error when there is no card to speak of
void require_cards(const hsm::Inventory &inventory, const Options &options) {
    if (options.module && *options.module == 0)
        return;
    if (inventory.cards.empty() && inventory.unbound.empty())
        throw hsm::Error(hsm::ErrorKind::not_found, "no K7 card is on this host's PCI bus",
                         inventory.driver_loaded ? "check the slot, or rescan the bus"
                                                 : "check the slot; module k7hsm is not loaded either");
    if (inventory.cards.empty())
        throw hsm::Error(hsm::ErrorKind::not_operational, "no card can be used", inventory.unbound.front().reason);
}

struct Shown {
    Json modules = Json::array();
    bool all_healthy = true;
    bool any_present = false;
};

Shown show_modules(const Tool &tool, const std::vector<std::uint32_t> &numbers,
                   const std::vector<ModuleView> &modules) {
    Shown shown;
    for (const std::uint32_t number : numbers) {
        const ModuleView *const module = find(modules, number);
        if (!tool.json())
            std::cout << (module != nullptr ? module_text(*module, tool.verbose()) : k7::tool::absent_text(number));
        if (module == nullptr) {
            shown.modules.push_back({{"module", number}, {"present", false}});
            continue;
        }
        shown.modules.push_back(module_json(*module));
        shown.all_healthy = shown.all_healthy && module->healthy();
        shown.any_present = true;
        // The field's "unknown" does not say why the card was not heard.
        if (module->contact != k7::tool::Contact::answered)
            tool.note("Module #" + std::to_string(number) + ": " + module->reason());
    }
    return shown;
}

int work(const Tool &tool, const Options &options) {
    const hsm::Inventory inventory = take_inventory(options);
    require_cards(inventory, options);
    const auto timeout = std::chrono::milliseconds(static_cast<std::int64_t>(options.timeout_s * 1000));
    const std::vector<ModuleView> modules = k7::tool::ask_modules(inventory.cards, timeout);
    const k7::tool::ServerView server = server_view(inventory, modules);
    if (!tool.json())
        std::cout << server_text(server);
    const Shown shown = show_modules(tool, wanted_numbers(inventory, options), modules);
    Json unbound = Json::array();
    show_unbound(tool, inventory, unbound);
    const bool healthy = shown.all_healthy && unbound.empty();
    tool.result(
        {{"server", server_json(server)}, {"healthy", healthy}, {"modules", shown.modules}, {"unbound", unbound}});
    if (options.module && *options.module != 0 && !shown.any_present)
        throw hsm::Error(hsm::ErrorKind::not_found, "module " + std::to_string(*options.module) + " is not present");
    return options.check && !healthy ? k7::tool::kExitNotOperational : k7::tool::kExitDone;
}

} // namespace

int main(int argc, char **argv) {
    Tool tool("enquiry", "Show the cards of this host and how they are.");
    Options options;
    declare(tool, options);
    const int code = tool.run(argc, argv, [&] { return work(tool, options); });
    // A thread may still wait for a dead card: end without waiting for it and without pulling the libraries from under
    // it.
    std::cout.flush();
    std::quick_exit(code);
}
