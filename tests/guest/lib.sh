# SPDX-License-Identifier: GPL-2.0-or-later
# Words of the guest tests, for busybox sh. A case ends with `finish`.
card=/dev/k7pf0
certificate=/fm/developer.crt
failures=0
output=/tmp/output

ok() { echo "ok $1"; }
not_ok() {
	echo "not ok $1"
	failures=$((failures + 1))
}

# check TEXT COMMAND...: the command ends with 0.
check() {
	text=$1
	shift
	if "$@" >"$output" 2>&1 </dev/null; then ok "$text"; else
		not_ok "$text: '$*' ended with $?"
		sed 's/^/    /' "$output"
	fi
}

# check_status TEXT STATUS COMMAND...: the command ends with exactly this status.
check_status() {
	text=$1 wanted=$2
	shift 2
	"$@" >"$output" 2>&1 </dev/null
	status=$?
	if [ "$status" = "$wanted" ]; then ok "$text"; else
		not_ok "$text: '$*' ended with $status, not $wanted"
		sed 's/^/    /' "$output"
	fi
}

# says TEXT PATTERN: the last command's output holds it.
says() {
	if grep -q -- "$2" "$output"; then ok "$1"; else
		not_ok "$1: no '$2' in"
		sed 's/^/    /' "$output"
	fi
}

milliseconds() { echo $(($(cut -d' ' -f1 /proc/uptime | tr -d .) * 10)); }

# timed COMMAND...: runs it with its output to $output; sets $status and $took (milliseconds).
timed() {
	begin=$(milliseconds)
	"$@" >"$output" 2>&1 </dev/null
	status=$?
	took=$(($(milliseconds) - begin))
}

# wait_for TEXT SECONDS COMMAND...: polls until the command ends with 0.
wait_for() {
	text=$1 left=$(($2 * 20 * ${K7_PATIENCE:-1}))
	shift 2
	while [ $left -gt 0 ]; do
		if "$@" >"$output" 2>&1 </dev/null; then
			ok "$text"
			return 0
		fi
		left=$((left - 1))
		usleep 50000
	done
	not_ok "$text: '$*' still fails"
	sed 's/^/    /' "$output"
	return 1
}

# qmp COMMAND JSON: ends when QEMU has carried it out. What that does to the guest may come later: use wait_for.
qmp() {
	echo "@qmp $*"
	read -r _
}
# set_fault FAULT [CARD]: ends when the card plays it.
set_fault() {
	qmp qom-set "{\"path\": \"/machine/peripheral/${2:-card0}\", \"property\": \"fault\", \"value\": \"$1\"}"
}

sysfs() { cat "/sys/class/k7hsm/${2:-k7pf0}/$1"; }
sysfs_is() { [ "$(sysfs "$1" "$3")" = "$2" ]; }

load_driver() { insmod /lib/modules/k7hsm.ko; }
load_and_restart() { ctfm load -f "/fm/$1.fm" -c $certificate && k7reset $card; }

finish() { exit $((failures > 0)); }
