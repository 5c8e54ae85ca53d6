// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include <libudev.h>
#include <unistd.h>

#include "hsm/error.hpp"
#include "libhsm/decode.hpp"
#include "libhsm/inventory.hpp"
#include "libhsm/node_access.hpp"

namespace hsm {
namespace {

template <auto release>
struct Release {
    template <typename T>
    void operator()(T *object) const noexcept {
        release(object);
    }
};
using Udev = std::unique_ptr<udev, Release<udev_unref>>;
using Enumerator = std::unique_ptr<udev_enumerate, Release<udev_enumerate_unref>>;
using Device = std::unique_ptr<udev_device, Release<udev_device_unref>>;

constexpr const char *kClass = "k7hsm";
constexpr std::string_view kNodePrefix = "k7pf";

/// A sysfs attribute, empty when it is not there. The text comes from the driver, in part from the card.
std::string attribute(udev_device *device, const char *name) {
    const char *const value = device != nullptr ? udev_device_get_sysattr_value(device, name) : nullptr;
    return value != nullptr ? printable(value) : std::string();
}

std::uint32_t number(udev_device *device, const char *name) {
    const std::string text = attribute(device, name);
    std::uint32_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// "2.5 GT/s PCIe x1"
std::string link_text(udev_device *pci) {
    const std::string speed = attribute(pci, "current_link_speed");
    const std::string width = attribute(pci, "current_link_width");
    return speed.empty() || width.empty() || width == "0" ? std::string() : speed + " x" + width;
}

void check_access(BoundCard &card) {
    card.accessible = ::access(card.node.c_str(), R_OK | W_OK) == 0;
    if (card.accessible)
        return;
    if (errno == ENOENT)
        card.access_reason = card.node + " does not exist: is /dev mounted here, and in a container, is it passed in?";
    else
        card.access_reason =
            "no permission for " + card.node + " (" + node_owner_text(card.node) + "): " + node_access_hint(card.node);
}

/// @return false for a device that is not named as our cards are
bool read_card(udev_device *device, BoundCard &card) {
    const std::string_view name = udev_device_get_sysname(device);
    if (!name.starts_with(kNodePrefix))
        return false;
    const auto [end, error] = std::from_chars(name.data() + kNodePrefix.size(), name.data() + name.size(), card.index);
    if (error != std::errc() || end != name.data() + name.size())
        return false;
    card.node = "/dev/" + std::string(name);
    card.sysfs = udev_device_get_syspath(device);
    udev_device *const pci = udev_device_get_parent_with_subsystem_devtype(device, "pci", nullptr);
    card.pci_address = pci != nullptr ? udev_device_get_sysname(pci) : "";
    card.link = link_text(pci);
    card.esn = attribute(device, "esn");
    card.model = attribute(device, "model");
    card.label = attribute(device, "label");
    card.firmware_version = attribute(device, "firmware_version");
    card.boot_loader_version = attribute(device, "boot_loader_version");
    card.driver_state = attribute(device, "driver_state");
    card.state = parse_state(attribute(device, "card_state"));
    card.reason = parse_reason(attribute(device, "reason"));
    card.generation = number(device, "generation");
    card.fault_sequence = number(device, "fault_sequence");
    check_access(card);
    return true;
}

} // namespace

std::vector<BoundCard> scan_class_devices() {
    const Udev context(udev_new());
    const Enumerator enumerator(context ? udev_enumerate_new(context.get()) : nullptr);
    if (!enumerator)
        throw Error(ErrorKind::failed, std::string("libudev cannot be used: ") + std::strerror(errno));
    udev_enumerate_add_match_subsystem(enumerator.get(), kClass);
    udev_enumerate_scan_devices(enumerator.get());
    std::vector<BoundCard> cards;
    udev_list_entry *entry = nullptr;
    udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(enumerator.get())) {
        const Device device(udev_device_new_from_syspath(context.get(), udev_list_entry_get_name(entry)));
        BoundCard card;
        if (device && read_card(device.get(), card)) // it may be gone again
            cards.push_back(std::move(card));
    }
    return cards;
}

} // namespace hsm
