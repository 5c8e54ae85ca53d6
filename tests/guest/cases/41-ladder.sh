# SPDX-License-Identifier: GPL-2.0-or-later
# The rungs of the ladder, each provoked by a fault of its own, with a driver whose patience is short; and channels that
# are closed while the card is busy for longer than that. The driver fetches no lines of FMs: its own request, on a card
# that is made slow, would be late as well, and have the card reset under a test's request that has the time.
# options: --add build/tests/ioctl_test
. /guest/lib.sh

check 'load the slow FM' load_and_restart slow
check 'unload the driver' rmmod k7hsm
check 'load it with less patience' insmod /lib/modules/k7hsm.ko request_timeout_ms=2500 fm_log=0
exec ./ioctl_test ladder closing
