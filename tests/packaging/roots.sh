# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What check-dkms and check-packages share: counted checks, and a throw-away layer over a cached Debian root. To be
# sourced; $top is the project's folder.
scratch=$top/build/${0##*/}
root=$scratch/root
passed=0 failed=0 skipped=0

finish() {
	local tail=
	((skipped)) && tail=", $skipped skipped"
	echo "$passed passed, $failed failed$tail"
	((failed == 0 && passed + skipped > 0))
	exit
}

skip() {
	echo "skip $1: $2"
	skipped=$((skipped + 1))
}

# check NAME COMMAND...: passed when the command succeeds; shows the end of what it said when it does not.
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1 </dev/null); then
		echo "ok $name"
		passed=$((passed + 1))
	else
		echo "not ok $name"
		tail -n 30 <<<"$output" | sed 's/^/    /'
		failed=$((failed + 1))
	fi
}

in_root() {
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# A layer over the cached root, so that each run begins with the same one. The mounts are this script's own (unshare).
enter() {
	local base
	base=$("$top/tests/packaging/dkms-root" "$1") || return 1
	mount -t tmpfs tmpfs "$scratch/layer" && mkdir "$scratch/layer/upper" "$scratch/layer/work" &&
		mount -t overlay overlay -o "lowerdir=$base,upperdir=$scratch/layer/upper,workdir=$scratch/layer/work" "$root" &&
		mount -t proc proc "$root/proc" && mount --bind /dev "$root/dev" &&
		mkdir "$root/k7hsm" && mount --bind "$top" "$root/k7hsm" && mount -o remount,bind,ro "$root/k7hsm"
}

leave() {
	umount -R "$root" && umount "$scratch/layer"
}

# Files that the root has; not those that tools rewrite (caches, logs, lists of installed packages, DKMS's own key).
listing() {
	(cd "$root" && find boot etc lib/modules usr var/lib/dkms var/lib/systemd run -xdev ! -type d | sort |
		grep -Ev '^etc/(group|gshadow|passwd|shadow|subuid|subgid)-?$|^etc/\.pwd\.lock$|/modules\.[a-z.]+$|/mok\.(key|pub)$')
}

same_files() {
	diff <(echo "$1") <(echo "$2")
}

# own_mounts ARGUMENT...: starts the script anew, once, so that its mounts end with it, whatever happens.
own_mounts() {
	[[ -n ${K7_UNSHARED:-} ]] || K7_UNSHARED=1 exec unshare --mount --propagation private "$0" "$@"
	mkdir -p "$root" "$scratch/layer"
}

need_root() {
	[[ $EUID -ne 0 ]] || return 0
	skip roots "must be root, for debootstrap and chroot"
	finish
}
