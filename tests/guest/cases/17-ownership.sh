# SPDX-License-Identifier: GPL-2.0-or-later
# Resets, erases, queries and claims that are in each other's way, or a ring or the boot loader in theirs.
# options: --timeout 300 --add build/tests/ioctl_test
. /guest/lib.sh

check 'load an FM' load_and_restart slow
exec ./ioctl_test stuck-reset busy-mailbox
