# SPDX-License-Identifier: GPL-2.0-or-later
# A card that lies, storms, dawdles or glitches, with a driver whose patience is short.
# options: --timeout 500 --add build/tests/ioctl_test
. /guest/lib.sh

check 'unload the driver' rmmod k7hsm
check 'load it with less patience' insmod /lib/modules/k7hsm.ko request_timeout_ms=2500
exec ./ioctl_test lies
