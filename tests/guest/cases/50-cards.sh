# SPDX-License-Identifier: GPL-2.0-or-later
# Several cards: numbers, gaps, and that work on one does not touch another.
# options: --cards 3 --smp 2
. /guest/lib.sh

check 'enquiry' enquiry
says 'module 1' '^Module #1:'
says 'module 3' '^Module #3:'
check_status 'which card? is asked' 2 ctfm load -f /fm/echo.fm -c $certificate
check 'load on card 2' ctfm load --card /dev/k7pf1 -f /fm/echo.fm -c $certificate
check 'reset card 2' k7reset /dev/k7pf1
check 'card 2 answers' fmcall --card /dev/k7pf1 a000 --text two
check_status 'card 1 has no such FM' 3 fmcall --card /dev/k7pf0 a000 --text one
check 'erase the FMs of card 1' fmrecover --fm --yes /dev/k7pf0
check 'card 2 still answers' fmcall --card /dev/k7pf1 a000 --text two
echo "$(basename "$(readlink -f /sys/class/k7hsm/k7pf1/device)")" >/sys/bus/pci/drivers/k7hsm/unbind
check 'enquiry with a gap' enquiry
says 'the gap is shown' '^Module #2: Not Present'
says 'module 3 keeps its number' '^Module #3:'

finish
