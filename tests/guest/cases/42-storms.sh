# SPDX-License-Identifier: GPL-2.0-or-later
# A card that does not stop calling on the interrupt line, in a machine with one processor: the work that could see to it
# does not run before the handler has.
# options: --timeout 200 --smp 1 --add build/tests/ioctl_test
. /guest/lib.sh

works() { ./ioctl_test request; }
storms() { sysfs counters/irq_storms; }
more_storms() { [ "$(storms)" -gt "$before" ]; }

check 'unload the driver' rmmod k7hsm
check 'load it with the line' insmod /lib/modules/k7hsm.ko irq_kind=intx
check 'the line is in use' sysfs_is interrupts intx
for fault in storm storm:100000 storm-events:20000; do
	before=$(storms)
	set_fault $fault
	wait_for "$fault: requests are answered" 20 works
	case $fault in storm*:20000) ;; *) wait_for "$fault: a storm is counted" 20 more_storms ;; esac
	set_fault none
	wait_for "$fault: it works afterwards" 20 works
done
finish
