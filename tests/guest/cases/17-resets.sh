# SPDX-License-Identifier: GPL-2.0-or-later
# Resets of each kind and errors of each severity, under load; and a reset of the bus that nobody was told of.
# options: --add build/tests/ioctl_test
exec ./ioctl_test resets-under-load errors-under-load stray-bus-reset
