/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The names of states and reasons, once: for sysfs, uevents, the log and trace
 * events. They are interface: a name never changes its meaning.
 *
 * Needs nothing of the kernel but the headers that define the values.
 */
#ifndef K7_NAMES_H
#define K7_NAMES_H

#define K7_DRIVER_STATE_NAMES(NAME)		\
	NAME(K7_DRIVER_NEW, "new")		\
	NAME(K7_DRIVER_INIT, "init")		\
	NAME(K7_DRIVER_LIVE, "live")		\
	NAME(K7_DRIVER_RESETTING, "resetting")	\
	NAME(K7_DRIVER_DELETING, "deleting")	\
	NAME(K7_DRIVER_DEAD, "dead")

#define K7_CARD_STATE_NAMES(NAME)		\
	NAME(K7_STATE_BOOT, "boot")		\
	NAME(K7_STATE_OPERATIONAL, "operational")	\
	NAME(K7_STATE_PRE_INIT, "pre-init")	\
	NAME(K7_STATE_MAINTENANCE, "maintenance")	\
	NAME(K7_STATE_HALTED, "halted")		\
	NAME(K7_STATE_FAILED, "failed")		\
	NAME(K7_STATE_TAMPERED, "tampered")

#define K7_CARD_REASON_NAMES(NAME)		\
	NAME(K7_REASON_NONE, "none")		\
	NAME(K7_REASON_FM_FAULT, "fm-fault")	\
	NAME(K7_REASON_WATCHDOG, "watchdog")	\
	NAME(K7_REASON_FIRMWARE, "firmware")	\
	NAME(K7_REASON_STORE, "store")		\
	NAME(K7_REASON_HARDWARE, "hardware")	\
	NAME(K7_REASON_STOPPED, "stopped")

/* For tables that the value is the index of. */
#define K7_NAME_AT(value, name)	[value] = name,

#endif /* K7_NAMES_H */
