# SPDX-License-Identifier: GPL-2.0-or-later
# FM faults through the driver: each halts the card, is named, and a reset brings the card back. (Every fault there is
# runs in the unit tests; here are the ones that differ for the host.)
. /guest/lib.sh

check 'load faults' load_and_restart faults
for fault in null-write wild-read call-wild illegal endless-loop stack-overflow bad-service abort; do
	check_status "$fault halts the card" 4 fmcall a0f0 --text "$fault"
	check "$fault: the report" ctfm faults
	says "$fault: names the FM" 'a0f0'
	check "$fault: reset brings it back" k7reset $card
done
check 'the FM works again' fmcall a0f0 --text none
says 'and says so' alive

# A start-up that never ends halts the card at every start, by its budget.
check 'load startup-loop' ctfm load -f /fm/startup-loop.fm -c $certificate
check_status 'the card does not come up' 4 k7reset $card
check_status 'nor after another reset' 4 k7reset --kind function $card
timed fmrecover --fm --yes $card
[ $status = 0 ] && ok "fmrecover brings it back ($took ms)" || not_ok "fmrecover ended with $status"

# An FM that attacks every service leaves the card well.
check 'load hostile' load_and_restart hostile
check 'hostile: everything is refused' fmcall a0f6 --text attack
check 'the card is well' enquiry --check

finish
