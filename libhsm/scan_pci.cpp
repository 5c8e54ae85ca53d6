// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>

extern "C" {
#include <pci/pci.h>
}

#include "hsm/error.hpp"
#include "k7/hw.h"
#include "libhsm/inventory.hpp"
#include "libhsm/text.hpp"

namespace hsm {
namespace {

constexpr const char *kSysfs = "/sys/bus/pci/devices";

struct CleanUp {
    void operator()(pci_access *access) const noexcept { pci_cleanup(access); }
};
using Access = std::unique_ptr<pci_access, CleanUp>;

/// libpci's own handlers print, and exit() on an error.
void ignore_message(char *, ...) {}

/// Flies through libpci, which Debian builds with unwind tables; at worst what libpci held is lost.
__attribute__((noreturn)) void throw_message(char *, ...) {
    throw Error(ErrorKind::failed, std::string("libpci cannot read ") + kSysfs);
}

std::string driver_of(pci_dev *device) {
    pci_fill_info(device, PCI_FILL_DRIVER);
    const char *const name = pci_get_string_property(device, PCI_FILL_DRIVER);
    return name != nullptr ? name : "";
}

PciCard read_card(pci_dev *device) {
    PciCard card;
    card.address =
        format("%04x:%02x:%02x.%x", static_cast<unsigned>(device->domain), device->bus, device->dev, device->func);
    card.driver = driver_of(device);
    card.answers = pci_read_word(device, PCI_VENDOR_ID) == K7_PCI_VENDOR_ID;
    return card;
}

} // namespace

std::vector<PciCard> scan_pci() {
    std::error_code error;
    if (!std::filesystem::is_directory(kSysfs, error))
        return {}; // no PCI on this host
    const Access access(pci_alloc());
    access->method = PCI_ACCESS_SYS_BUS_PCI;
    access->error = throw_message;
    access->warning = ignore_message;
    access->debug = ignore_message;
    pci_init(access.get());
    pci_scan_bus(access.get());
    std::vector<PciCard> cards;
    for (pci_dev *device = access->devices; device != nullptr; device = device->next) {
        pci_fill_info(device, PCI_FILL_IDENT);
        if (device->vendor_id == K7_PCI_VENDOR_ID && device->device_id == K7_PCI_DEVICE_ID)
            cards.push_back(read_card(device));
    }
    return cards;
}

} // namespace hsm
