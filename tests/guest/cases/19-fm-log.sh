# SPDX-License-Identifier: GPL-2.0-or-later
# What an FM prints comes into the kernel's log, named, but never so much that it drowns the rest.
. /guest/lib.sh

printed() { dmesg | grep -c "k7pf0: FM a0fe $1\$"; }
has_printed() { [ "$(printed "$1")" = "$2" ]; }
says_missing() { dmesg | grep -q 'k7pf0: [0-9]* lines of FM a0fe are not shown here'; }

check 'load chatty' load_and_restart chatty
wait_for 'what it says at its start' 5 has_printed 'chatty starts' 1
check 'it says three lines' fmcall a0fe --text 3
wait_for 'the last is printed' 5 has_printed 'line 3' 1
has_printed 'line 1' 1 && ok 'and the first, once' || not_ok "the first $(printed 'line 1') times"

# Longer than the limit's interval, so that it begins anew.
sleep 6
check 'it says thousand lines' fmcall a0fe --text 1000
wait_for 'some are printed' 5 has_printed 'line 50' 1
sleep 6
shown=$(printed 'line [0-9]*')
[ "$shown" -lt 300 ] && ok "not all are ($shown)" || not_ok "$shown of 1003 lines are in the kernel log"
check 'ctfm log has them' ctfm log
says 'to the last' 'line 1000'
check 'one more' fmcall a0fe --text 1
wait_for 'how many were left out is said' 5 says_missing
wait_for 'before the line itself' 5 has_printed 'line 1' 3

echo 0 >/sys/module/k7hsm/parameters/fm_log
before=$(printed 'line [0-9]*')
check 'turned off' fmcall a0fe --text 2
sleep 1
has_printed 'line [0-9]*' "$before" && ok 'nothing is printed' || not_ok 'it is still printed'
echo 1 >/sys/module/k7hsm/parameters/fm_log

# A line that nobody has fetched yet is in nobody's way, and an unbound card has none.
check 'three lines and away' fmcall a0fe --text 3
echo 0000:01:00.0 >/sys/bus/pci/drivers/k7hsm/unbind
echo 0000:01:00.0 >/sys/bus/pci/drivers/k7hsm/bind
check 'the card comes back' enquiry --check

finish
