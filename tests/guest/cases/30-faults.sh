# SPDX-License-Identifier: GPL-2.0-or-later
# Each fault that the card can play, as the host sees it: bounded time, a clear state, and a way back.
. /guest/lib.sh

back_to_work() {
	set_fault none
	wait_for "after $1: the card can be reset" 20 k7reset --kind card $card
	check "after $1: healthy again" enquiry --check
}

bounded() {
	if [ "$took" -le $(($2 * ${K7_PATIENCE:-1})) ]; then ok "$1 took $took ms"; else not_ok "$1 took $took ms, more than $2"; fi
}

check 'load echo' load_and_restart echo

# hang: the firmware stops; its watchdog halts it.
set_fault hang
timed fmcall a000 --text x
bounded 'a call of hung firmware' 20000
wait_for 'hang: the card halts' 10 sysfs_is card_state halted
check_status 'hang: fmcall fails with 4' 4 fmcall a000 --text x
check 'hang: enquiry' enquiry
says 'names the watchdog' '[Ww]atchdog'
back_to_work hang

# hang-mailbox: not even the boot loader answers.
set_fault hang-mailbox
timed enquiry
bounded 'enquiry without a boot loader' 15000
says 'and it says why it knows nothing' 'did not answer in time'
timed fmrecover --fm --yes $card
[ $status -ne 0 ] && ok 'fmrecover reports that it could not' || not_ok 'fmrecover claims success'
bounded 'fmrecover without a boot loader' 60000
back_to_work hang-mailbox

# lose-irq: completions come, interrupts do not.
set_fault lose-irq
timed fmcall a000 --text 'no interrupt'
[ $status = 0 ] && ok 'a lost interrupt loses no reply' || not_ok "a lost interrupt: status $status"
bounded 'that call' 15000
back_to_work lose-irq

# drop-completion: the reply never comes.
set_fault drop-completion
timed fmcall a000 --text 'no completion'
[ $status -ne 0 ] && ok 'a dropped completion is an error' || not_ok 'a dropped completion went unnoticed'
bounded 'that call' 20000
back_to_work drop-completion

# dma-error: the card cannot reach memory.
set_fault dma-error
timed fmcall a000 --text 'no dma'
[ $status -ne 0 ] && ok 'a DMA error is an error' || not_ok 'a DMA error went unnoticed'
bounded 'that call' 20000
back_to_work dma-error

# hardware-failed
set_fault hardware-failed
wait_for 'hardware-failed: the state is seen' 20 sysfs_is card_state failed
check_status 'hardware-failed: --check says so' 4 enquiry --check
back_to_work hardware-failed

# link-down: the card reads as all ones.
set_fault link-down
wait_for 'link-down: seen' 20 sysfs_is driver_state dead
timed fmcall a000 --text x
[ $status -ne 0 ] && ok 'link-down: a call fails' || not_ok 'link-down: a call works'
bounded 'that call' 5000
timed enquiry
bounded 'enquiry of a card that is gone' 10000
check 'the module can be removed' rmmod k7hsm
set_fault none
check 'and loaded again' load_driver
wait_for 'healthy again' 10 enquiry --check

finish
