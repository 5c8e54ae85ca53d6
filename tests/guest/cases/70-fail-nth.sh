# SPDX-License-Identifier: GPL-2.0-or-later
# takes: 450
# Every allocation and every user copy in probe, open and each ioctl fails once. Memory and locks are judged by the
# debug kernel, but for DMA: its checker gives up at the first allocation that fails. All other cases have it.
# options: --timeout 900 --add build/tests/k7failnth --append dma_debug=off
# kernels: debug
. /guest/lib.sh

check 'echo is on the card' load_and_restart echo
./k7failnth $card || not_ok 'k7failnth'
check 'the card works afterwards' fmcall a000 --text 'still here'
finish
