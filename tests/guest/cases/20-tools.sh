# SPDX-License-Identifier: GPL-2.0-or-later
# The tools on the real driver: the good path, bad input, missing rights. (The same input over the in-process card is in
# tests/cli; here is what needs a kernel.)
. /guest/lib.sh

check 'enquiry' enquiry
says 'module 1 is there' '^Module #1:'
says 'and operational' 'mode                 operational'
check 'enquiry --json' enquiry --json
says 'schema number' '"schema": *1'

# Nodes that are not a card.
check_status 'a node that does not exist' 3 fmrecover --fm --yes /dev/k7pf7
says 'is named' '/dev/k7pf7'
check_status 'a node that is no card' 3 fmrecover --fm --yes /dev/null
says 'is named' '/dev/null'
check_status 'an ESN that no card has' 3 fmrecover --fm --yes FFFF-FFFF-FFFF

# A card by its ESN and by its PCI address.
esn=$(sysfs esn)
check 'a card by its ESN' ctfm list --card "$esn"
check 'a card by its PCI address' ctfm list --card "$(basename "$(readlink -f /sys/class/k7hsm/k7pf0/device)")"

# Rights.
check_status 'nobody may not recover' 5 su nobody -s /bin/sh -c "fmrecover --fm --yes $card"
says 'the remedy names the group or root' 'hsmusers\|root'
check 'nobody may enquire' su nobody -s /bin/sh -c enquiry
says 'and sees the card' "$esn"
check_status 'nobody may not list FMs' 5 su nobody -s /bin/sh -c 'ctfm list'
echo "operator:x:1500:$(grep ^hsmusers: /etc/group | cut -d: -f3)::/:/bin/sh" >>/etc/passwd
chgrp hsmusers $card && chmod 660 $card
check 'a member of hsmusers lists FMs' su operator -s /bin/sh -c 'ctfm list'
check_status 'but may not load one' 5 su operator -s /bin/sh -c "ctfm load -f /fm/echo.fm -c $certificate"
check_status 'and may not reset' 5 su operator -s /bin/sh -c "k7reset $card"

# Without a terminal, destructive work needs --yes.
check_status 'fmrecover asks' 6 fmrecover --smfs $card

# Who has the card open is named; what was done is in the system log.
sleep 60 3<$card &
holder=$!
wait_for 'somebody else has the card open' 5 grep -qx sleep /proc/$holder/comm
check 'fmrecover with the card open elsewhere' fmrecover --fm --dry-run $card
says 'names who has it open' "sleep (pid $holder)"
kill $holder
syslogd -O /tmp/messages
wait_for 'the system log listens' 5 test -S /dev/log
check 'fmrecover' fmrecover --fm --yes $card
wait_for 'one line in the system log' 5 grep "fmrecover.*esn=$esn action=erase-fm .*result=verified" /tmp/messages

# Load, restart, call, delete.
check 'load' ctfm load -f /fm/echo.fm -c $certificate
says 'a restart is needed' Restart
check 'restart' k7reset $card
for kind in firmware card function bus; do
	check "k7reset --kind $kind" k7reset --kind $kind $card
	check "echo answers after it" fmcall a000 --text "hello after $kind"
	says 'with what was sent' "hello after $kind"
done
check 'delete' ctfm delete --yes a000
check_status 'a call of what is not there' 3 fmcall a000 --text x

# No driver bound: the tools say so.
address=$(basename "$(readlink -f /sys/class/k7hsm/k7pf0/device)")
echo "$address" >/sys/bus/pci/drivers/k7hsm/unbind
check_status 'no driver bound' 4 ctfm list --card "$address"
says 'is said' driver
timed enquiry
if grep -q "$address" $output; then ok 'enquiry shows the card that has no driver'; else not_ok 'enquiry does not show it'; fi
echo "$address" >/sys/bus/pci/drivers/k7hsm/bind
check 'bound again, it works' enquiry --check

finish
