# SPDX-License-Identifier: GPL-2.0-or-later
# Another kernel takes over: over a card that still runs, and by kexec while the card is busy.
# options: --timeout 400 --memory 1G --add build/tests/ioctl_test --add @vmlinuz:/boot/vmlinuz
# kernels: debian-6.1 debian-6.12
. /guest/lib.sh

device=/sys/bus/pci/devices/0000:01:00.0

# In the second kernel, which has not loaded the driver yet.
second_kernel() {
	ok 'the second kernel runs'
	[ $((0x$(od -An -v -tx1 -j 4 -N 1 $device/config | tr -d ' ') & 4)) = 0 ] &&
		ok 'the card is no master of the bus' || not_ok 'the card is still master of the bus'
	echo 1 >$device/enable
	bar=$(sed -n '1s/ .*//p' $device/resource)
	running=0
	for ring in $(seq 0 15); do running=$((running + ($(devmem $((bar + 0x801c + 0x40 * ring)) 32) & 1))); done
	[ $running = 0 ] && ok 'no ring runs' || not_ok "$running rings still run"
	[ $(($(devmem $((bar + 0x44)) 32))) = 0 ] && ok 'no event interrupts' || not_ok 'events still interrupt'
	check 'load the driver' load_driver
	check 'the card works' ./ioctl_test request
	finish
}
[ ! -e /root/second ] || second_kernel

./ioctl_test stale-ring || not_ok "take over a card that still runs"

# The second kernel gets what this one has in its root, and comes here again, without the driver.
touch /root/second
sed -i 's/^K7_DRIVER=.*/K7_DRIVER=no/' /k7/config
(cd / && find . -xdev -path ./boot -prune -o -print | cpio -o -H newc) >/tmp/initrd 2>/dev/null
exec ./ioctl_test kexec
