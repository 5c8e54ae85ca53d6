# SPDX-License-Identifier: GPL-2.0-or-later
# The driver's ABI, for programs of 64 and of 32 bits, and what it does when the card or the bus does something to it
# (tests/kmod).
# options: --timeout 600 --add build/tests/ioctl_test --add build/tests/compat_test
failed=0
if [ -e /proc/sys/abi/vsyscall32 ]; then
	./compat_test || failed=1
else
	echo "skip a 32-bit program: this kernel runs none"
fi
./ioctl_test || failed=1
exit $failed
