# SPDX-License-Identifier: GPL-2.0-or-later
# The driver's KUnit tests, on kernels that have KUnit. (The unit tests of user space run the same cases.)
# kernels: debug kcsan
. /guest/lib.sh

results=/sys/kernel/debug/kunit/k7hsm-transitions/results
check 'load the tests' insmod /lib/modules/k7hsm_test.ko
check 'they have run' cat $results
says 'and all have passed' '^ok 1 k7hsm-transitions$'
[ "$(grep -c '^    ok ' $results)" = 7 ] && ok 'each of the 7 cases' || not_ok "cases: $(grep -c '^    ok ' $results)"
check 'unload them' rmmod k7hsm_test

finish
