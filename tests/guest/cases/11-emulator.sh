# SPDX-License-Identifier: GPL-2.0-or-later
# The emulator runs code that another processor has just patched as it is now, not as it was: else guests die now and then
# of an int3 that is long gone (card/qemu/patches/7.2-translation.patch). Each trace event that is switched on or off
# patches the places that report it, while the other processors run there.
# kernels: debian-6.12
# options: --smp 4
. /guest/lib.sh

tracing=/sys/kernel/tracing
[ -d $tracing/events ] || mount -t tracefs tracefs $tracing
busy() { while :; do cat /proc/[0-9]*/stat /proc/interrupts >/dev/null 2>&1 && usleep 1000; done; }
for i in 1 2 3 4; do busy & done
now() { cut -d. -f1 /proc/uptime; }
end=$(($(now) + 20)) patched=0
while [ "$(now)" -lt $end ] || [ $patched -lt 5 ]; do
	for events in sched irq timer syscalls kmem; do
		echo 1 >$tracing/events/$events/enable
		echo 0 >$tracing/events/$events/enable
		patched=$((patched + 1))
	done
done
kill $(jobs -p)
ok "the kernel was patched $patched times while it ran"
finish
