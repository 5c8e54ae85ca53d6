# SPDX-License-Identifier: GPL-2.0-or-later
# The card is pulled while it is in use, and put back.
# options: --store @scratch/card.db
. /guest/lib.sh

check 'load slow' load_and_restart slow
exec 3<>$card
qmp device_del '{"id": "card0"}'
wait_for 'the node goes' 15 test ! -e $card
wait_for 'sysfs does not show it' 10 test ! -e /sys/class/k7hsm/k7pf0
# The node goes first, then the driver lets go of the card, then the slot is switched off.
wait_for 'the card goes' 15 test ! -e /sys/bus/pci/devices/0000:01:00.0
check_status 'enquiry finds no card' 3 enquiry --module 1
exec 3>&-
qmp @deleted '{"id": "card0"}'
qmp device_add '{"driver": "k7-hsm", "id": "card0", "bus": "rp0", "store": "@scratch/card.db"}'
wait_for 'the card comes back' 20 enquiry --check
check 'with its FMs' ctfm list
says 'from its store' slow

finish
