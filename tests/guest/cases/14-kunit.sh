# SPDX-License-Identifier: GPL-2.0-or-later
# What only a kernel of our own has: the driver's KUnit tests (the unit tests of user space run the same cases), and
# requests that fail by the kernel's fault injection.
# kernels: debug
. /guest/lib.sh

results=/sys/kernel/debug/kunit/k7hsm-transitions/results
check 'load the KUnit tests' insmod /lib/modules/k7hsm_test.ko
check 'they have run' cat $results
says 'and all have passed' '^ok 1 k7hsm-transitions$'
[ "$(grep -c '^    ok ' $results)" = 7 ] && ok 'each of the 7 cases' || not_ok "cases: $(grep -c '^    ok ' $results)"
check 'unload them' rmmod k7hsm_test

fail=/sys/kernel/debug/k7hsm/k7pf0/fail_request
# What is under way, such as the end of the last channel, does not count.
nothing_in_flight() { ! grep -q 'opcode=' /sys/kernel/debug/k7hsm/k7pf0/requests; }
inject() {
	sleep 1
	wait_for 'nothing is in flight' 10 nothing_in_flight
	echo "$1" >$fail/errno
	echo "$2" >$fail/times
	echo 100 >$fail/probability
}
check 'a request succeeds' ctfm list
inject 12 1
check_status 'the next one fails' 1 ctfm list
says 'with the error that was chosen' 'Cannot allocate memory\|ENOMEM\|out of memory'
check 'the one after it does not' ctfm list
inject 0 1
check_status 'a value that is no errno' 1 ctfm list
inject 5 -1
check_status 'requests fail as long as they shall' 1 ctfm list
check_status 'all of them' 1 ctfm list
echo 0 >$fail/probability
check 'and then no more' ctfm list
check 'load and call' load_and_restart echo
check 'with no fault left' fmcall -q a000 --text hello

finish
