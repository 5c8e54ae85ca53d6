# SPDX-License-Identifier: GPL-2.0-or-later
# Random programs of system calls for a minute, guided by KCOV on the debug kernel; half as nobody. The seed of a run
# and the name of each program are in its output: `k7fuzz --replay NAME`.
# options: --add build/tests/k7fuzz
# kernels: debug kcsan
. /guest/lib.sh

seed=$(date +%s)
chmod 666 $card
check 'echo is on the card' load_and_restart echo
./k7fuzz --node $card --seconds 30 --seed "$seed" >/tmp/fuzz || not_ok "fuzzing as root with seed $seed"
grep -v '^# [0-9a-f.]*$' /tmp/fuzz
tail -n 1 /tmp/fuzz | grep -q '^ok' || tail -n 20 /tmp/fuzz
wait_for 'nobody gets a card that works' 20 k7reset $card
./k7fuzz --node $card --nobody --seconds 30 --seed "$seed" >/tmp/fuzz || not_ok "fuzzing as nobody with seed $seed"
grep -v '^# [0-9a-f.]*$' /tmp/fuzz
tail -n 1 /tmp/fuzz | grep -q '^ok' || tail -n 20 /tmp/fuzz
wait_for 'the card can be brought back' 20 k7reset $card
check 'and works' enquiry
finish
