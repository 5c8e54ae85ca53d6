# SPDX-License-Identifier: GPL-2.0-or-later
# The driver and what a bus does to a card: loading on a card that is halted or gone, unloading, remove and rescan,
# suspend, PCIe errors.
# options: --add build/tests/ioctl_test
. /guest/lib.sh

driver=/sys/bus/pci/drivers/k7hsm
address=0000:01:00.0
device=/sys/bus/pci/devices/$address

# The card's node: a new one while anything, a debugging kernel for example, holds on to the old one.
find_card() {
	name=$(ls $device/k7hsm 2>/dev/null)
	card=/dev/${name:-none}
}
no_node() {
	if [ -e "$card" ]; then not_ok "$1: $card is there"; else ok "$1"; fi
}
load() { insmod /lib/modules/k7hsm.ko && find_card; }
state_is() { sysfs_is card_state "$1" "${card#/dev/}"; }
works() { find_card && ./ioctl_test --node "$card" request; }
log_has() { dmesg | grep -q "$1"; }
error() { qmp human-monitor-command "{\"command-line\": \"pcie_aer_inject_error $*\"}"; }

# Loading and unloading.
exec 3<>$card
if rmmod k7hsm 2>/dev/null; then not_ok 'a module in use was unloaded'; else ok 'a module in use stays'; fi
exec 3>&-
check 'an unused one can be unloaded' rmmod k7hsm
no_node 'the node has gone'
for round in 1 2 3 4 5 6 7 8 9 10; do
	load && rmmod k7hsm || not_ok "round $round of loading and unloading"
done
check 'loaded again' load
check 'it works' works

# A card that halts before the driver comes.
set_fault hang
wait_for 'the card halts' 20 state_is halted
check 'unload from a halted card' rmmod k7hsm
check 'load on a halted card' load
check 'it is seen as halted' state_is halted
set_fault none
check 'and a reset mends it' ./ioctl_test --node "$card" reset

# A card that is not there.
check 'unload' rmmod k7hsm
set_fault link-down
check 'load with a dead link' load
no_node 'no node for a dead card'
set_fault none
check 'bound when the link is back' sh -c "echo $address >$driver/bind"
wait_for 'works' 20 works

# Remove and rescan, with a file open: the number is not given away.
find_card
old=$card
exec 3<>$card
echo 1 >$device/remove
no_node 'the node goes with the device'
echo 1 >/sys/bus/pci/rescan
wait_for 'the card comes back' 20 works
find_card
if [ "$card" != "$old" ]; then ok 'under another number'; else not_ok 'the number of an open file was given away'; fi
exec 3>&-

# Suspend: nothing survives but what the card stores, and everything works again.
if [ -w /sys/power/pm_test ]; then
	exec 3<>$card
	echo devices >/sys/power/pm_test
	check 'suspend, to the devices and back' sh -c 'echo mem >/sys/power/state'
	wait_for 'works after resume' 20 works
	exec 3>&-
fi

# Errors that the root port reports.
error -c card0 BAD_TLP
sleep 1
check 'after a correctable error' works
error card0 COMP_ABORT
usleep 1500000
wait_for 'after a non-fatal error' 20 works
error card0 DLP
wait_for 'a fatal error is noticed' 10 log_has 'channel is frozen'
wait_for 'after a fatal error' 20 works

finish
