# SPDX-License-Identifier: GPL-2.0-or-later
# The driver's ABI, and what it does when the card or the bus does something to it (tests/kmod).
# options: --timeout 600 --add build/tests/ioctl_test
exec ./ioctl_test
