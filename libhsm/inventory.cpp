// SPDX-License-Identifier: Apache-2.0
#include "libhsm/inventory.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "hsm/error.hpp"
#include "k7/hw.h"

namespace hsm {
namespace {

constexpr const char *kDriver = "k7hsm";

std::string upper(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return result;
}

/// Words of the driver are the names of the enums: FM_FAULT, PRE_INIT.
template <typename Enum>
Enum parse_word(std::string_view text, Enum last, Enum otherwise) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size())
        return static_cast<Enum>(number);
    std::string wanted = upper(text);
    std::ranges::replace_if(
        wanted, [](char c) { return c == '-' || c == ' '; }, '_');
    for (unsigned value = 0; value <= static_cast<unsigned>(last); ++value) {
        std::string name = upper(to_string(static_cast<Enum>(value)));
        std::ranges::replace_if(
            name, [](char c) { return c == '-' || c == ' '; }, '_');
        // The texts for people say "firmware failure" where the enum says FIRMWARE.
        if (name == wanted || name == wanted + "_FAILURE")
            return static_cast<Enum>(value);
    }
    return otherwise;
}

std::string unbound_reason(const PciCard &card, bool driver_loaded) {
    if (!card.answers)
        return "the card at " + card.address + " does not answer (link down): check the slot, power cycle the host";
    if (!card.driver.empty())
        return "the card at " + card.address + " is held by driver " + card.driver + ": unbind it from there first";
    if (!driver_loaded)
        return "the card at " + card.address + " has no driver, module k7hsm is not loaded: modprobe k7hsm";
    return "the card at " + card.address + " has no driver bound: see `dmesg | grep k7hsm`, or echo " + card.address +
           " > /sys/bus/pci/drivers/k7hsm/bind";
}

/// "00:03.0" with the domain that it lacks.
std::string full_pci_address(std::string_view text) {
    const auto colons = std::ranges::count(text, ':');
    return colons == 1 ? "0000:" + std::string(text) : std::string(text);
}

bool is_pci_address(std::string_view text) {
    const bool shape = text.find(':') != std::string_view::npos && text.find('.') != std::string_view::npos;
    return shape && std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) || c == ':' || c == '.'; });
}

bool is_esn(std::string_view text) {
    return text.size() == 14 && text[4] == '-' && text[9] == '-' &&
           std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) || c == '-'; });
}

std::string cards_text(const Inventory &inventory) {
    std::string text;
    for (const BoundCard &card : inventory.cards)
        text += (text.empty() ? "" : ", ") + card.node + (card.esn.empty() ? "" : " (" + card.esn + ")");
    return text;
}

/// The error for a card that is not among the usable ones.
Error missing(const std::string &what, const Inventory &inventory) {
    if (!inventory.cards.empty())
        return {ErrorKind::not_found, what, "cards here: " + cards_text(inventory)};
    if (!inventory.unbound.empty())
        return {ErrorKind::not_operational, what, inventory.unbound.front().reason};
    return {ErrorKind::not_found, what,
            std::string("no K7 card is on this host's PCI bus") +
                (inventory.driver_loaded ? "" : ", and module k7hsm is not loaded")};
}

} // namespace

CardState parse_state(std::string_view text) {
    return parse_word(text, CardState::tampered, CardState::gone);
}
Reason parse_reason(std::string_view text) {
    return parse_word(text, Reason::stopped, Reason::none);
}

const BoundCard *Inventory::module(std::uint32_t number) const noexcept {
    const auto found = std::ranges::find(cards, number, &BoundCard::module);
    return found != cards.end() ? &*found : nullptr;
}

std::uint32_t Inventory::last_module() const noexcept {
    return cards.empty() ? 0 : cards.back().module();
}

Inventory join(std::vector<BoundCard> bound, const std::vector<PciCard> &on_bus, bool driver_loaded) {
    Inventory inventory;
    inventory.driver_loaded = driver_loaded || !bound.empty();
    inventory.cards = std::move(bound);
    std::ranges::sort(inventory.cards, {}, &BoundCard::index);
    for (const PciCard &card : on_bus) {
        const bool has_node =
            std::ranges::find(inventory.cards, card.address, &BoundCard::pci_address) != inventory.cards.end();
        if (!has_node)
            inventory.unbound.push_back(
                {card.address, card.driver, card.answers, unbound_reason(card, inventory.driver_loaded)});
    }
    return inventory;
}

std::string find_node(std::string_view selector, const Inventory &inventory) {
    const auto by = [&](auto member, const std::string &value, const std::string &what) {
        const auto found = std::ranges::find(inventory.cards, value, member);
        if (found == inventory.cards.end())
            throw missing("no card " + what + " " + value, inventory).with_object(value);
        return found->node;
    };
    if (is_esn(selector))
        return by(&BoundCard::esn, upper(selector), "with ESN");
    if (is_pci_address(selector)) {
        const std::string address = full_pci_address(selector);
        for (const UnboundCard &card : inventory.unbound)
            if (card.pci_address == address)
                throw Error(ErrorKind::not_operational, "cannot use the card at " + address, card.reason)
                    .with_object(address);
        return by(&BoundCard::pci_address, address, "at");
    }
    throw Error(ErrorKind::usage, "'" + std::string(selector) + "' names no card",
                "give a node (/dev/k7pf0), an ESN (XXXX-XXXX-XXXX) or a PCI address (0000:00:03.0)")
        .with_object(std::string(selector));
}

std::string only_card(const Inventory &inventory) {
    if (inventory.cards.empty())
        throw missing("no usable card", inventory);
    if (inventory.cards.size() > 1)
        throw Error(ErrorKind::usage, "there are " + std::to_string(inventory.cards.size()) + " cards: say which",
                    "cards here: " + cards_text(inventory));
    return inventory.cards.front().node;
}

Inventory enumerate() {
    std::error_code error;
    const std::string module = std::string("/sys/module/") + kDriver;
    Inventory inventory = join(scan_class_devices(), scan_pci(), std::filesystem::exists(module, error));
    std::ifstream(module + "/version") >> inventory.driver_version;
    return inventory;
}

std::string find_node(std::string_view selector) {
    return find_node(selector, enumerate());
}
std::string only_card() {
    return only_card(enumerate());
}

} // namespace hsm
