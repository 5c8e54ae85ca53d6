# SPDX-License-Identifier: GPL-2.0-or-later
# A card that does not stop calling on the interrupt line, in a machine with one processor: the work that could see to it
# does not run before the handler has.
# options: --timeout 200 --smp 1 --add build/tests/ioctl_test
. /guest/lib.sh

works() { ./ioctl_test request; }
storms() { sysfs counters/irq_storms; }
more_storms() { [ "$(storms)" -gt "$before" ]; }
interrupts() { awk '/k7pf/ { for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i } END { print sum + 0 }' /proc/interrupts; }

# storm_counted FAULT: it is played again and again, until the line was too fast for the driver, or never fast enough.
storm_counted() {
	most=0
	for play in 1 2 3 4 5 6 7 8; do
		for look in $(seq 20); do
			if more_storms; then ok "$1: a storm is counted"; return; fi
			from=$(interrupts) began=$(milliseconds)
			usleep 100000
			rate=$((($(interrupts) - from) * 100 / ($(milliseconds) - began + 1)))
			[ $rate -le $most ] || most=$rate
		done
		set_fault none
		set_fault "$1"
	done
	if [ $most -lt 228 ]; then
		echo "skip $1: a storm is counted: no more than $most interrupts in 100 ms came through"
	else
		not_ok "$1: no storm is counted, of $most interrupts in 100 ms"
	fi
}

check 'unload the driver' rmmod k7hsm
check 'load it with the line' insmod /lib/modules/k7hsm.ko irq_kind=intx
check 'the line is in use' sysfs_is interrupts intx
for fault in storm storm:100000 storm-events:20000; do
	before=$(storms)
	set_fault $fault
	wait_for "$fault: requests are answered" 20 works
	case $fault in storm-events*) ;; *) storm_counted $fault ;; esac
	set_fault none
	wait_for "$fault: it works afterwards" 20 works
done
finish
