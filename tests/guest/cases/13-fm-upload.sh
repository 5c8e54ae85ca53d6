# SPDX-License-Identifier: GPL-2.0-or-later
# An FM comes to the card through the kernel's firmware upload. (Debian's 6.1 is built without it.)
# kernels: debian-6.12 debug kcsan
. /guest/lib.sh

upload=/sys/class/firmware/k7pf0

# Starts an upload and waits for its end.
cat >/tmp/upload <<'END'
echo 1 >"$1/loading"
cat "$2" >"$1/data"
echo 0 >"$1/loading"
left=$((600 * ${K7_PATIENCE:-1}))
while [ -e "$1" ] && [ "$(cat "$1/status" 2>&1)" != idle ] && [ $left -gt 0 ]; do
	left=$((left - 1))
	usleep 50000
done
[ $left -gt 0 ]
END

# upload FILE: while the HSM SO is logged in. upload_alone FILE: while nobody is
upload() { hsm login -- sh /tmp/upload $upload "$1"; }
upload_alone() { sh /tmp/upload $upload "$1"; }
error_is() { [ "$(cat $upload/error)" = "$1" ]; }
logged() { dmesg | tail -n 20 | grep -q "upload of an FM: $1"; }

check 'there is an upload for the card' cat $upload/status

check 'upload without the HSM SO' upload_alone /fm/echo.fm
check 'is refused' error_is preparing:hw-error
check 'and the log says why' logged 'begin refused: status 0x41'

# No certificate is on the card yet: nothing can be uploaded.
check 'upload without a certificate on the card' upload /fm/echo.fm
check 'is refused as invalid' error_is programming:firmware-invalid
check 'and the log says why' logged 'commit refused: status 0x12, the certificate may not sign'

check 'load and delete: the certificate stays' load_and_restart echo
check 'delete' ctfm delete -f a000 --yes
check 'restart' k7reset $card
check_status 'there is no echo' 3 fmcall -q a000 --text hello

check 'upload' upload /fm/echo.fm
check 'without an error' error_is ''
check 'restart' k7reset $card
check 'the uploaded FM can be called' fmcall -q a000 --text hello
says 'and replies' '^hello$'

# From elsewhere, while the command of `hsm login` runs.
check 'a login that another command has ended' hsm login -- sh -c "hsm logout && sh /tmp/upload $upload /fm/echo.fm"
says 'is reported' "The login of an .hsm login. is ended"
check 'and is good for nothing any more' error_is preparing:hw-error

# A spoiled byte in the middle.
cp /fm/echo.fm /tmp/spoiled.fm
size=$(wc -c </tmp/spoiled.fm)
printf '\125\252\125\252' | dd of=/tmp/spoiled.fm bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
check 'upload of a spoiled image' upload /tmp/spoiled.fm
check 'is invalid' error_is programming:firmware-invalid
check 'for its signature' logged 'commit refused: status 0x11'
head -c 5000 /fm/echo.fm >/tmp/cut.fm
check 'upload of a part of one' upload /tmp/cut.fm
check 'is invalid' error_is programming:firmware-invalid
head -c 5000000 /dev/zero >/tmp/large.fm
check 'upload of 5 MB' upload /tmp/large.fm
check 'is too large' error_is preparing:invalid-file-size

# An upload leaves nothing behind: a tool can load, and the FM that was there still works.
check 'ctfm loads after it' ctfm load -f /fm/crashy.fm
check 'echo still works' fmcall -q a000 --text again

# A card that cannot take it.
check 'into the boot loader' k7reset --mode boot-loader $card
check 'upload to a card without firmware' upload_alone /fm/echo.fm
check 'is an error of the hardware' error_is preparing:hw-error
check 'back to work' k7reset $card

# Unbinding ends an upload, and the module is not held by the interface.
set_fault hang
(upload_alone /fm/echo.fm) &
usleep 300000
check 'unload the driver while an upload hangs' rmmod k7hsm
wait
[ ! -e $upload ] && ok 'the upload has gone with it' || not_ok 'the upload is still there'
set_fault none
check 'load the driver again' load_driver
wait_for 'and the card works again' 30 k7reset --kind function $card

finish
