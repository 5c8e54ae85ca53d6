# SPDX-License-Identifier: GPL-2.0-or-later
# What an installed system makes of a card: udevd with the packaged rule, and the group of the packaged sysusers file.
# options: --udev --cards 2
. /guest/lib.sh

owner_is() { [ "$(stat -c '%U %G %a' "$1")" = "root hsmusers 660" ]; }
leads_to() { [ "$(readlink -f "$1")" = "$2" ]; }
gone() { [ ! -e "$1" ] && [ ! -L "$1" ]; }
as_nobody() { su nobody -s /bin/sh -c "ctfm list --card $1"; }
first=/sys/bus/pci/devices/0000:01:00.0
serial=/dev/k7/by-serial/$(sysfs esn)
path=/dev/k7/by-path/pci-0000:01:00.0
other=/dev/k7/by-serial/$(sysfs esn k7pf1)

# all_there NODE WHEN: group, mode and both links of the first card. udevd makes and removes one link after the other.
all_there() {
	wait_for "$2: the link by serial number leads to $1" 10 leads_to "$serial" "$1"
	wait_for "$2: so does the one by path" 10 leads_to "$path" "$1"
	check "$2: the node is the group's" owner_is "$1"
}

check 'the group exists' grep -q '^hsmusers:x:[0-9]*:$' /etc/group
all_there $card 'after loading'
wait_for 'the other card has its own link' 10 leads_to "$other" /dev/k7pf1
wait_for 'and path' 10 leads_to /dev/k7/by-path/pci-0000:02:00.0 /dev/k7pf1
check 'the other node is the group'\''s' owner_is /dev/k7pf1
check 'a tool takes the link for a card' ctfm list --card "$serial"
check_status 'whoever is not in the group may not use it' 5 as_nobody "$serial"
sed -i '/^hsmusers:/s/$/nobody/' /etc/group
check 'whoever is in it may' as_nobody "$serial"

check 'a reset' k7reset $card
all_there $card 'after a reset'

echo 1 >$first/remove
wait_for 'remove: the link by serial number goes' 10 gone "$serial"
wait_for 'and the one by path' 10 gone "$path"
check 'the other card keeps its link' leads_to "$other" /dev/k7pf1
echo 1 >/sys/bus/pci/rescan
wait_for 'rescan: the card comes back' 10 test -e $first/k7hsm
all_there "/dev/$(ls $first/k7hsm)" 'after remove and rescan'

# With a file open the card gets another number: that is what the links are for.
exec 3<>"$serial"
echo 1 >$first/remove
wait_for 'the link goes again' 10 gone "$serial"
echo 1 >/sys/bus/pci/rescan
wait_for 'the card comes back again' 10 test -e $first/k7hsm
all_there "/dev/$(ls $first/k7hsm)" 'with the old node still open'
exec 3>&-

check 'unload' rmmod k7hsm
wait_for 'no link is left' 10 gone "$serial"
wait_for 'not by path either' 10 gone "$path"
check 'load' load_driver
wait_for 'the card comes back with the driver' 10 test -e $first/k7hsm
all_there "/dev/$(ls $first/k7hsm)" 'after loading again'

finish
