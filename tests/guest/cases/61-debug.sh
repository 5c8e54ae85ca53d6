# SPDX-License-Identifier: GPL-2.0-or-later
# An FM of a card in the guest under gdb, which runs on the host (tests/guest/gdb/crashy.gdb).
# options: --card-opt debug=unix:@scratch/debug
. /guest/lib.sh

call() { fmcall --timeout 120 a002 --text "$1"; }
# Before gdb has attached the answer is 5.
add_as_changed() { call 'add 2 3' | grep -qx 99; }

check 'enquiry' enquiry --verbose
says 'says that the card is for debugging' DEBUG
check 'load crashy' load_and_restart crashy
echo '@gdb crashy'
wait_for 'gdb changes the result of a call' 120 add_as_changed
check 'gdb mends a call that crashes' call crash
says 'which answers' kept
check_status 'gdb lets the next one crash' 4 call crash
check 'the fault is kept' ctfm faults
says 'as that of any FM' 'store access fault'
check 'the card can be brought back' k7reset $card
check 'and runs without the debugger' call 'add 2 3'
says 'as ever' '^5$'

finish
