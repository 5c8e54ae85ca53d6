# SPDX-License-Identifier: GPL-2.0-or-later
# A card whose root key is a secret object of QEMU, and whose count of changes is kept outside of its store.
# options: --store @scratch/card.db --qemu-arg "-object secret,id=root,data=0123456789abcdef0123456789abcdef" --qemu-arg "-object secret,id=other,data=fedcba9876543210fedcba9876543210" --card-opt root-key-secret=root --card-opt counter=@scratch/counter
. /guest/lib.sh

plug='"driver": "k7-hsm", "id": "card0", "bus": "rp0", "store": "@scratch/card.db", "counter": "@scratch/counter"'
unplugged() { [ ! -e /sys/bus/pci/devices/0000:01:00.0 ]; }

check 'load vault' load_and_restart vault
check 'it keeps a secret' fmcall -q a001 --text 'put pin 0815'
check 'which outlives a restart' k7reset $card
check 'and is there' fmcall a001 --text 'get pin'
says 'as it was' 0815

qmp device_del '{"id": "card0"}'
wait_for 'the card goes' 30 unplugged
qmp @deleted '{"id": "card0"}'
qmp @refused device_add "{$plug}"
qmp @refused device_add "{$plug, \"root-key-secret\": \"other\"}"
qmp @refused device_add "{$plug, \"root-key-secret\": \"none\"}"
sleep 1
check_status 'no card came of it' 3 enquiry --module 1
qmp device_add "{$plug, \"root-key-secret\": \"root\"}"
wait_for 'with its root key the card comes back' 30 enquiry --check
check 'and has what it kept' fmcall a001 --text 'get pin'
says 'as it was before' 0815

finish
