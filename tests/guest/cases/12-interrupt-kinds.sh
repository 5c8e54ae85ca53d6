# SPDX-License-Identifier: GPL-2.0-or-later
# MSI-X, MSI and INTx of the card, seen from the bus: no driver is loaded, and messages are looked at in the pending bits
# of the function, which has them masked. INTx is the line's status bit and the card's own register.
# kernels: debian-6.1 debian-6.12
# options: --no-driver --cards 0 --device k7-hsm,id=card0,addr=10 --device k7-hsm,id=card1,addr=11,msix=off,vectors=3 --device k7-hsm,id=card2,addr=12,msix=off,msi=off,vectors=1 --device k7-hsm,id=card3,addr=13,msix=off,msi=off,intx=off --device k7-hsm,id=card4,addr=14,vectors=5
. /guest/lib.sh

# Offsets of include/k7/hw.h and the PCI specification.
MAILBOX=0x100 EVENT_MASK=0x44 EVENT_STATUS=0x40 INTX=0x48 RING4=0x8100
COMMAND=4 STATUS=6 PIN=61

pick() { device=/sys/bus/pci/devices/0000:00:$1.0 bar0=$(bar 1) bar2=$(bar 3); }
bar() { sed -n "$1s/ .*//p" "$device/resource"; }

# config OFFSET BYTES: an integer in the function's configuration space. set_config OFFSET BYTES VALUE
config() { echo $((0x$(od -An -v -tx1 -j $(($1)) -N "$2" "$device/config" | tr -d '\n' | awk '{ for (i = NF; i > 0; i--) printf "%s", $i }'))); }
set_config() {
	value=$3 bytes=
	for _ in $(seq "$2"); do
		bytes="$bytes\\x$(printf %02x $((value & 255)))" value=$((value >> 8))
	done
	printf "$bytes" | dd of="$device/config" bs=1 seek=$(($1)) conv=notrunc 2>/dev/null
}
# capability ID: its offset, 0 when the function does not have it
capability() {
	at=$(config 52 1)
	while [ "$at" != 0 ] && [ "$(config "$at" 1)" != "$1" ]; do at=$(config $((at + 1)) 1); done
	echo "$at"
}
register() { echo $(($(devmem $((bar0 + $1)) 32))); }
set_register() { devmem $((bar0 + $1)) 32 "$2"; }
is() {
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1: $2, not $3"; fi
}
becomes() {
	text=$1 wanted=$2 left=$((100 * ${K7_PATIENCE:-1}))
	shift 2
	while [ "$("$@")" != "$wanted" ] && [ $left -gt 0 ]; do usleep 50000 && left=$((left - 1)); done
	is "$text" "$("$@")" "$wanted"
}

switch_on() {
	echo 1 >"$device/enable"
	set_config $COMMAND 2 0x0406 # memory, bus master, INTx disabled
}
# seen: what the register has said since forget, each bit once; reading clears it.
forget() { echo 0 >/tmp/intx; }
seen() { echo $(($(cat /tmp/intx) | $(register $INTX))) >/tmp/intx.new && mv /tmp/intx.new /tmp/intx && cat /tmp/intx; }
intx_status() { echo $((($(config $STATUS 2) >> 3) & 1)); }
# event: an interrupt on vector 0, of a mailbox command's end
event() {
	set_register $EVENT_STATUS 0x3f
	set_register $EVENT_MASK 0x20
	set_register $MAILBOX 0x00010001
}
# ring_vector VECTOR: a ring that is enabled but never used, and a storm that raises its vector
ring_vector() {
	wait_for "the card serves rings" 20 serves_rings
	for field in 0=0x1000000 4=0 8=0x1001000 12=0 16=16 20=$1 24=1; do
		set_register $((RING4 + ${field%=*})) "${field#*=}"
	done
	set_fault storm:100 "$2"
}
# serves_rings: OPERATIONAL, or PRE_INIT, because the cards of these options are as delivered
serves_rings() { case $(($(register 0x0c) & 255)) in 2 | 3) ;; *) false ;; esac; }

# All kinds, nothing enabled: INTx.
pick 10
switch_on
is 'the function has MSI-X with 17 vectors' $(($(config $(($(capability 17) + 2)) 2) & 0x7ff)) 16
is 'MSI with 32 messages' $((($(config $(($(capability 5) + 2)) 2) >> 1) & 7)) 5
is 'and INTA' "$(config $PIN 1)" 1
is 'INTX reads 0' "$(register $INTX)" 0
event
becomes 'INTx: an event shows in the status' 1 intx_status
is 'INTx: the register says which vector' "$(register $INTX)" 1
is 'INTx: reading clears it' "$(register $INTX)" 0
is 'INTx: and lets the line go' "$(intx_status)" 0
ring_vector 5 card0
becomes 'INTx: a ring interrupts' 1 intx_status
forget
becomes 'INTx: with the bit of its vector, and that of the events' 33 seen
set_fault none card0

# MSI instead, with 8 of the 32 messages, all masked.
msi=$(capability 5)
event
becomes 'INTx is up once more' 1 intx_status
set_config $((msi + 0x10)) 4 0xffffffff
set_config $((msi + 2)) 2 0x31
is 'MSI: enabling it lets the line go' "$(intx_status)" 0
is 'MSI: INTX reads 0' "$(register $INTX)" 0
msi_pending() { config $((msi + 0x14)) 4; }
event
becomes 'MSI: an event is message 0' 1 msi_pending
set_config $((msi + 2)) 2 0
set_config $((msi + 2)) 2 0x21
set_fault storm:100 card0
becomes 'MSI: with 4 messages vector 5 is message 1' 3 msi_pending
is 'MSI: no INTx' "$(intx_status)" 0
set_config $((msi + 2)) 2 0

# MSI-X: the entries are masked after a reset.
msix=$(capability 17)
pba=$((bar2 + $(config $((msix + 8)) 4) - 2))
set_config $((msix + 2)) 2 0x8000
msix_pending() { echo $(($(devmem "$pba" 32))); }
set_fault storm:100 card0
becomes 'MSI-X: vectors 0 and 5 are pending' 33 msix_pending
is 'MSI-X: no INTx' "$(intx_status)" 0
is 'MSI-X: INTX reads 0' "$(register $INTX)" 0
echo 1 >"$device/reset"
is 'a function level reset disables MSI-X' $(($(config $((msix + 2)) 2) & 0x8000)) 0

# A reset takes a pending INTx with it.
switch_on
event
becomes 'INTx after the reset' 1 intx_status
echo 1 >"$device/reset"
switch_on
is 'a reset lets the line go' "$(intx_status)" 0
is 'and clears the register' "$(register $INTX)" 0

# The link is down: INTX reads as all else does.
set_fault link-down card0
is 'link-down: INTX reads all ones' "$(register $INTX)" $((0xffffffff))
set_fault none card0

pick 11
is 'msix=off: no MSI-X' "$(capability 17)" 0
is 'vectors=3: MSI with 4 messages' $((($(config $(($(capability 5) + 2)) 2) >> 1) & 7)) 2
pick 12
is 'msi=off: no MSI' "$(capability 5)" 0
is 'INTA is left' "$(config $PIN 1)" 1
switch_on
event
becomes 'vectors=1, INTx: an event' 1 intx_status
ring_vector 16 card2
becomes 'INTx: a ring interrupts, too' 1 intx_status
forget
becomes 'INTx has a bit for each vector' $((0x10001)) seen
pick 13
is 'all off: no MSI-X' "$(capability 17)" 0
is 'no MSI' "$(capability 5)" 0
is 'no pin' "$(config $PIN 1)" 0
switch_on
event
mailbox_done() { echo $(($(register $EVENT_STATUS) & 0x20)); }
becomes 'an event without any interrupt' 32 mailbox_done
is 'INTX reads 0' "$(register $INTX)" 0
is 'the status bit stays clear' "$(intx_status)" 0
pick 14
is 'vectors=5: MSI-X with 5 vectors' $(($(config $(($(capability 17) + 2)) 2) & 0x7ff)) 4
is 'vectors=5: MSI with 8 messages' $((($(config $(($(capability 5) + 2)) 2) >> 1) & 7)) 3

finish
