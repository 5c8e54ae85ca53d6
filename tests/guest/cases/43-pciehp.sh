# SPDX-License-Identifier: GPL-2.0-or-later
# Native PCIe hot plug (pciehp), which servers have; QEMU's machines use that of ACPI unless they are told not to. The
# card is in use whenever it goes.
# options: --store @scratch/card.db --add build/tests/ioctl_test
# vm: --qemu-arg "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"
. /guest/lib.sh

device=/sys/bus/pci/devices/0000:01:00.0
plug() {
	qmp @deleted '{"id": "card0"}'
	qmp device_add '{"driver": "k7-hsm", "id": "card0", "bus": "rp0", "store": "@scratch/card.db"}'
}
slot_of_card() {
	for each in /sys/bus/pci/slots/*; do
		[ "$(cat "$each/address")" != 0000:01:00 ] || echo "$each"
	done
}
slot_is() { [ "$(cat "$slot/power") $(cat "$slot/adapter")" = "$1 $2" ]; }
# The node: a new one while anything, a debugging kernel for example, holds on to the old one.
find_card() {
	name=$(ls $device/k7hsm 2>/dev/null)
	card=/dev/${name:-none}
}
works() { find_card && enquiry --check --card "$card"; }

# use NODE: calls of an FM, one after the other, until one fails; and an open file that does nothing.
use() {
	rm -f /tmp/ended
	(
		while fmcall --card "$1" -q a0fa --text 1000 >/dev/null 2>&1; do :; done
		touch /tmp/ended
	) &
	exec 3<>"$1"
}
# all_let_go HOW: the card has gone for the driver, for whoever used it, and for the slot.
all_let_go() {
	wait_for "$1: the node goes" 30 test ! -e "$card"
	wait_for "$1: who called an FM is told" 10 test -e /tmp/ended
	wait_for "$1: the slot is off and empty" 20 slot_is 0 0
	check_status "$1: enquiry finds no card" 3 enquiry --module 1
	exec 3>&-
}

slot=$(slot_of_card)
check 'pciehp has the slot' sh -c 'ls -d /sys/bus/pci_express/drivers/pciehp/0000:*'
check 'and shows a card that is on' slot_is 1 1
check 'load slow' load_and_restart slow

use "$card"
qmp device_del '{"id": "card0"}'
all_let_go 'the attention button'
plug
wait_for 'a card that is pushed in comes up' 30 works
check 'with its FMs' ctfm list
says 'from its store' slow

for round in 1 2; do
	use "$card"
	wait_for "round $round: switch the slot off" 10 sh -c "echo 0 >$slot/power" # refused while it is being switched on
	all_let_go "round $round: slot off"
	check_status "round $round: an empty slot cannot be switched on" 1 sh -c "echo 1 >$slot/power"
	plug
	wait_for "round $round: a card in it is switched on" 30 works
	check "round $round: and the slot says so" slot_is 1 1
done

# A reset of the bus goes through the slot, whose events it must not cause.
check 'it works, and can be reset in all ways' ./ioctl_test --node "$card" request reset busy-reset
check 'the slot has not noticed' slot_is 1 1
check 'nor has the node gone' enquiry --check --card "$card"

finish
