# SPDX-License-Identifier: GPL-2.0-or-later
# takes: 480
# The same things a hundred times, on kernels that are not slow: loading and unloading, binding and unbinding, resets while an unprivileged user
# keeps the card busy.
# options: --timeout 900 --add build/tests/k7fuzz
. /guest/lib.sh

driver=/sys/bus/pci/drivers/k7hsm
address=0000:01:00.0
rounds=100
if [ "${K7_SLOWDOWN:-1}" != 1 ]; then
	rounds=25
	echo "skip rounds 26 to 100: this kernel is some $K7_SLOWDOWN times slower; stock kernels play them"
fi

find_card() {
	name=$(ls /sys/bus/pci/devices/$address/k7hsm 2>/dev/null)
	card=/dev/${name:-none}
}
works() { find_card && ctfm list --card "$card"; }

# count COMMAND...: how many of the rounds it succeeds in
count() {
	succeeded=0
	for round in $(seq $rounds); do
		"$@" >"$output" 2>&1 && succeeded=$((succeeded + 1))
	done
}
all() { if [ $succeeded = $rounds ]; then ok "$1"; else not_ok "$1: $succeeded of $rounds"; fi; }

reload() { rmmod k7hsm && load_driver; }
rebind() { echo $address >$driver/unbind && echo $address >$driver/bind; }

count reload
all "$rounds times unloaded and loaded"
count rebind
all "$rounds times unbound and bound"
find_card
check 'the card works' works

# Resets of each kind in turn, with somebody at the card all the time.
kind=0
reset() {
	kind=$(((kind + 1) % 5))
	case $kind in
	0) k7reset "$card" ;;
	1) k7reset --kind card "$card" ;;
	2) k7reset --kind function "$card" ;;
	3) k7reset --kind bus "$card" ;;
	4) echo 1 >/sys/bus/pci/devices/$address/reset ;;
	esac
}
chmod 666 "$card"
./k7fuzz --node "$card" --nobody --seconds 500 >/tmp/fuzz &
load=$!
count reset
all "$rounds resets under load"
kill $load
wait $load
if [ "$(wc -l </tmp/fuzz)" -gt 50 ]; then ok 'there was load'; else not_ok 'there was no load'; fi
check 'the card works afterwards' works
finish
