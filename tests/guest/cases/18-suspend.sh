# SPDX-License-Identifier: GPL-2.0-or-later
# Suspend under load, to each level of pm_test, and to idle until a key wakes the machine.
# options: --add build/tests/ioctl_test
exec ./ioctl_test suspend-under-load
