# SPDX-License-Identifier: GPL-2.0-or-later
# What one can see of the driver: attributes and their documents, uevents, trace events, debugfs, core dumps; and that
# none of it shows a payload.
# options: --add docs/ABI:/abi
. /guest/lib.sh

class=/sys/class/k7hsm/k7pf0
debugfs=/sys/kernel/debug/k7hsm/k7pf0
tracing=/sys/kernel/tracing
seen=/tmp/seen
mkdir $seen
[ -d $tracing/events ] || mount -t tracefs tracefs $tracing

# ---- Each attribute has its paragraph, each paragraph its attribute ----

documented() { sed -n "s|^What:[[:space:]]*$2/k7pf<N>/||p" "/abi/testing/$1" | sort >/tmp/documented; }

# What the driver core gives every class device is not ours to document.
(cd $class/ && find . -type f ! -path './power/*' ! -path './dev' | sed 's|^\./||' | sort) >/tmp/existing
documented sysfs-class-k7hsm /sys/class/k7hsm
check 'sysfs: what exists is documented, and the reverse' diff /tmp/documented /tmp/existing
(cd $debugfs && find . -mindepth 1 ! -path './fail_request/*' -o -name errno | sed 's|^\./||' | sort) >/tmp/existing
documented debugfs-k7hsm /sys/kernel/debug/k7hsm
[ -d $debugfs/fail_request ] || sed -i '/^fail_request/d' /tmp/documented
check 'debugfs: likewise' diff /tmp/documented /tmp/existing

readable() {
	for file in $(find $class/ -type f ! -path '*/power/*'); do
		cat "$file" || return 1
	done
}
check 'every attribute can be read' readable
only_root() { [ -z "$(find $debugfs -type f -perm /077)" ]; }
check 'debugfs is for root only' only_root

# ---- Sensors, where the kernel has hwmon ----

sensor() { cat $class/device/hwmon/hwmon*/"$1"; }
sensor_is() { [ "$(sensor "$1" 2>&1)" = "$2" ]; }
if [ -d /sys/class/hwmon ]; then
	check 'temperature in millidegrees' sensor_is temp1_input 38000
	check 'core voltage' sensor_is in0_input 900
	check 'battery voltage' sensor_is in1_input 3000
	check 'with labels' sensor_is in1_label battery
	check 'its name' sensor_is name k7hsm
	qmp qom-set '{"path": "/machine/peripheral/card0", "property": "temperature", "value": 61500}'
	wait_for 'a new temperature is seen' 10 sensor_is temp1_input 61500
	check 'reset' k7reset --kind function $card
	check 'they survive a reset' sensor_is temp1_input 61500
	qmp qom-set '{"path": "/machine/peripheral/card0", "property": "temperature", "value": 0}'
	wait_for 'a sensor that has gone has no data' 10 sensor_is temp1_input \
		"cat: read error: No data available"
fi

# ---- Traces and uevents, while the card works, is reset and halts ----

echo 8192 >$tracing/buffer_size_kb
echo 1 >$tracing/events/k7hsm/enable

cat >/tmp/on-uevent <<'END'
#!/bin/sh
[ "$SUBSYSTEM" = k7hsm ] && echo "$ACTION $DRIVER_STATE $CARD_STATE $REASON $GENERATION" >>/tmp/uevents
END
chmod +x /tmp/on-uevent
: >/tmp/uevents
uevent /tmp/on-uevent &
listener=$!
# Bound to NETLINK_KOBJECT_UEVENT.
wait_for 'somebody listens to uevents' 5 grep -q "^[0-9a-f]* 15 *$listener " /proc/net/netlink
uevent_seen() { grep -q "^$1\$" /tmp/uevents; }

generation=$(sysfs generation)
resets=$(sysfs counters/resets)
check 'load echo' ctfm load -f /fm/echo.fm -c $certificate
check 'load slow' ctfm load -f /fm/slow.fm
check 'load crashy' ctfm load -f /fm/crashy.fm
check 'restart' k7reset $card
next=$(sysfs generation)
[ "$next" -gt "$generation" ] && ok "a reset raises the generation, $generation to $next" ||
	not_ok "generation is $next after $generation"
[ "$(sysfs counters/resets)" = $((resets + 1)) ] && ok 'and counts as one' || not_ok "resets: $(sysfs counters/resets)"
wait_for 'uevent: resetting' 5 uevent_seen 'change resetting operational none [0-9]*'
wait_for 'uevent: live, with the new generation' 5 uevent_seen "change live operational none $next"

# A payload that is easy to find, in a file: not in anybody's command line.
marker=K7SECRET$(hexdump -n 12 -e '3/4 "%08X"' /dev/urandom)
for i in 1 2 3 4 5 6 7 8; do printf %s "$marker"; done >/tmp/payload
check 'echo replies it' fmcall -q a000 --in /tmp/payload --out /tmp/reply
check 'as it was' cmp /tmp/payload /tmp/reply

# Each reply of slow takes the card most of a second; echo waits behind them, with the payload. A guest that is slow
# itself needs more of them until echo has come.
slow_call() { fmcall -q --timeout 100 a0fa --text 490000000 >/dev/null 2>&1 & }
waits() { grep "opcode=FM_CALL.* in_len=$1 " $debugfs/requests; }
slow=${K7_SLOWDOWN:-1}
for call in $(seq $((2 + 2 * slow + 4 * (${K7_PATIENCE:-1} / slow - 1)))); do
	slow_call
	slow_calls="$slow_calls $!"
done
wait_for 'debugfs: a request is in flight' 30 waits 9
fmcall -q --timeout 100 a000 --in /tmp/payload --out /tmp/reply 2>/dev/null &
behind=$!
wait_for 'debugfs: and one behind it' 30 waits 256
cat $debugfs/requests >$seen/requests
cat $debugfs/rings >$seen/rings
cat $debugfs/registers >$seen/registers
grep -q 'ring=0 .* up=1 ' $seen/rings && ok 'debugfs: ring 0 is up' || not_ok "rings: $(cat $seen/rings)"
grep -q '^MAGIC *0x5348374b$' $seen/registers && ok 'debugfs: registers by name' || not_ok 'registers'
if grep -q INTX $seen/registers; then not_ok 'INTX was read, which clears it'; else ok 'INTX is left alone'; fi

# It halts with the payload in flight: a core dump, and everybody is told.
dumps() { ls /sys/class/devcoredump/devcd*/data; }
if dumps >/dev/null 2>&1; then not_ok 'a core dump before any fault'; else ok 'no core dump before'; fi
fmcall -q --timeout 100 a002 --text crash >/dev/null 2>&1
crash=$?
[ $crash = 4 ] && ok 'crashy halts the card' || not_ok "fmcall crash ended with $crash"
wait $slow_calls $behind
wait_for 'uevent: halted by an FM' 5 uevent_seen 'change live halted fm-fault [0-9]*'
wait_for 'a core dump of it' 5 dumps
cat /sys/class/devcoredump/devcd*/data >$seen/coredump
for line in '^k7hsm core dump, format 1$' '^cause: new fault of the card$' '^card_state: halted$' '^fm_id: 0xa002$' \
	'^fm_name: crashy$' '^cause: 2 store access fault$' '^symbol: write_slot$' '^x31: 0x' '^backtrace1: 0x' \
	'^ring=0 .* up=1 ' '^ring=[0-9]* tag=.* opcode=FM_CALL ' '^STATE '; do
	cp $seen/coredump "$output"
	says "core dump: $line" "$line"
done
other_may_not() { ! su -s /bin/sh nobody -c 'cat /sys/class/devcoredump/devcd*/data'; }
check 'the core dump is for root only' other_may_not
for data in /sys/class/devcoredump/devcd*/data; do echo 1 >"$data"; done
no_dumps() { ! dumps; }
wait_for 'the core dump goes' 10 no_dumps

check 'function level reset' k7reset --kind function $card
wait_for 'uevent: live again' 5 uevent_seen "change live operational none $(sysfs generation)"
# A reset that fails is worth a core dump, too.
set_fault hang-mailbox
check_status 'a reset without a boot loader fails' 4 k7reset $card
wait_for 'a core dump of it' 5 dumps
cat /sys/class/devcoredump/devcd*/data >$seen/coredump-reset
cp $seen/coredump-reset "$output"
says 'core dump: the reset' '^cause: firmware restart failed: -110$'
says 'core dump: no report' '^none: the boot loader does not answer (-110)$'
says 'core dump: the state' '^driver_state: resetting$'
says 'core dump: the rings before it' '^ring=0 .* up=1 '
set_fault none
wait_for 'the card can be reset again' 20 k7reset --kind card $card

echo 0 >$tracing/events/k7hsm/enable
cat $tracing/trace >$seen/trace
cp $seen/trace "$output"
for line in 'k7_driver_state: k7pf0 from=live to=resetting' 'k7_driver_state: k7pf0 from=resetting to=live' \
	'k7_card_state: k7pf0 from=operational to=halted reason=fm-fault' \
	'k7_reset: k7pf0 kind="function level reset" reason=user error=0 duration_ns=[1-9]' \
	'k7_doorbell: k7pf0 ring=[0-9]* sq_tail=[0-9]* cq_head=[0-9]* armed=[01] batch=[1-9]' \
	'k7_interrupt: k7pf0 ring=[0-9]* count=[0-9]' \
	'k7_request_submit: .*opcode=FM_CALL channel=[1-9][0-9]* in_len=256 ' \
	'k7_request_done: .*opcode=FM_CALL .*reply_len=256 status=OK error=0 latency_ns=[1-9]' \
	'k7_request_done: .*opcode=FM_CALL .*status=none error=-125 '; do
	says "trace: $line" "$line"
done

# The end of a request has the card, ring, tag, opcode and channel of its submission, and each has one of both.
events() { sed -n "s/.*k7_request_$1: \(k7pf[0-9]* ring=[0-9]* tag=[^ ]* opcode=[^ ]* channel=[0-9]*\) .*/\1/p" $seen/trace; }
events submit | sort >/tmp/submitted
events done | sort >/tmp/done
check "trace: $(wc -l </tmp/submitted) submissions and their ends are pairs" cmp /tmp/submitted /tmp/done
[ "$(wc -l </tmp/submitted)" -gt 20 ] && [ -z "$(uniq -d /tmp/submitted)" ] && ok 'no two with one name' ||
	not_ok 'submissions: too few, or two of one name'
if grep -q 'opcode=0x' $seen/trace; then not_ok 'an opcode without a name'; else ok 'every opcode has a name'; fi

# ---- Nothing of the payload anywhere ----

cat $debugfs/counters >$seen/counters
readable >$seen/sysfs
dmesg >$seen/dmesg
cat $debugfs/requests >>$seen/requests
# As text, as bytes with or without spaces between, as words of 32 bits: some bytes of it are enough.
as_text=K7SECRET
as_bytes=$(printf %s "$marker" | hexdump -v -n 12 -e '1/1 "%02x *"')
as_words=$(printf %s "$marker" | hexdump -v -n 8 -e '1/4 "%08x|"')
nowhere() { ! grep -rEil "$1" $seen; }
check 'the payload is nowhere as text' nowhere "$as_text"
check 'nor as bytes' nowhere "${as_bytes% \*}"
check 'nor as words' nowhere "${as_words%|}"
# The search must find a payload that is there.
finds() {
	pattern=$1
	shift
	"$@" </tmp/payload >$seen/plant
	if nowhere "$pattern" >/dev/null; then not_ok "the search does not find what '$*' shows"; else ok "the search finds what '$*' shows"; fi
	rm $seen/plant
}
finds "$as_text" cat
finds "${as_bytes% \*}" hexdump -C
finds "${as_words%|}" hexdump -ve '1/4 "0x%08x "'
ls $seen | sort | tr '\n' ' ' >"$output"
says 'in trace, debugfs, core dump, sysfs and log' 'coredump coredump-reset counters dmesg registers requests rings sysfs trace'

# ---- Removal while somebody reads ----

(while cat $debugfs/registers $debugfs/requests $class/* >/dev/null 2>&1 || [ -e $card ]; do :; done) &
reader=$!
echo 0000:"$(basename "$(readlink -f $class/device)" | cut -d: -f2-)" >/sys/bus/pci/drivers/k7hsm/unbind
wait $reader
wait_for 'uevent: deleting' 5 uevent_seen "change deleting operational none [0-9]*"
wait_for 'uevent: removed' 5 grep -q '^remove ' /tmp/uevents
kill $listener
[ ! -e $debugfs ] && ok 'unbinding takes debugfs along' || not_ok 'debugfs is still there'
check 'the module can be unloaded' rmmod k7hsm
[ ! -e /sys/kernel/debug/k7hsm ] && ok 'and leaves nothing in debugfs' || not_ok 'debugfs/k7hsm is still there'

finish
