# SPDX-License-Identifier: GPL-2.0-or-later
# The card is taken away in each way there is, while threads wait in each call that can wait.
# Once with the hot plug of ACPI, which QEMU's machines have, and once with that of PCIe (pciehp).
# options: --add build/tests/ioctl_test
# vm:
# vm stock: --qemu-arg "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"
exec ./ioctl_test removal
