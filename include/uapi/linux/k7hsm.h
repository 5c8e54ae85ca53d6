/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * User space interface of the k7hsm driver: /dev/k7pf0, /dev/k7pf1, ...
 *
 * An open file is a channel: its requests are answered to it alone, and what
 * the card keeps for them (a half-sent FM image, a session) ends when the file
 * is closed. All ioctls may be called from several threads at once.
 *
 * Extension: each struct begins with its size as user space knows it. A smaller
 * struct than the driver's is taken as ended with zeros, down to the size of
 * the first published version; a larger one is accepted when what the driver
 * does not know is zero. Reserved fields and unknown flags must be zero. Times
 * are milliseconds. Pointers are __u64.
 *
 * Errors, the same for every ioctl:
 *
 *   ENOTTY      no such ioctl
 *   EINVAL      a field has a value that is not allowed, a reserved field is not 0,
 *               or size is smaller than the first version of the struct
 *   E2BIG       size is larger than the driver knows and the rest is not zero
 *   EOPNOTSUPP  a flag or command that this driver does not know
 *   EFAULT      a pointer is bad
 *   EMSGSIZE    a payload is longer than k7_ioc_info.payload_max
 *   EPERM       CAP_SYS_ADMIN is missing (commands of access ADMIN, erase, reset)
 *   EBADF       the file was not opened for writing (likewise)
 *   EBUSY       another process holds what is needed (an erase or reset is running)
 *   ENOMEM      no memory
 *   EAGAIN      the card is being reset: try again
 *   EINTR       a signal came; a request that was already sent is abandoned
 *   EHOSTDOWN   the card's firmware is not running (halted, failed, tampered, or
 *               in the boot loader): K7_IOC_QUERY tells why
 *   ECANCELED   the card was reset or halted while the request was in flight; it
 *               may or may not have been carried out
 *   ETIMEDOUT   the card did not answer in time
 *   EIO         the card broke its own protocol
 *   ENODEV      the card is gone, or the driver was unbound; nothing on this file
 *               will work any more
 *
 * An error that the card itself reports is no errno: the ioctl returns 0 and
 * card_status holds the card's status code (include/k7/status.h), not 0.
 *
 * poll(): EPOLLPRI when an event waits (K7_IOC_EVENT), EPOLLERR | EPOLLHUP when
 * the card is gone for good.
 */
#ifndef _UAPI_LINUX_K7HSM_H
#define _UAPI_LINUX_K7HSM_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Raised when something is added; nothing that was there ever changes. */
#define K7HSM_ABI_LEVEL		1

/**
 * enum k7_driver_state - life cycle of the driver's side of a card
 * @K7_DRIVER_NEW:	probe has begun
 * @K7_DRIVER_INIT:	registers mapped, boot loader being asked
 * @K7_DRIVER_LIVE:	usable; whether the firmware runs is the card's state
 * @K7_DRIVER_RESETTING: a reset or erase is running
 * @K7_DRIVER_DELETING:	being removed
 * @K7_DRIVER_DEAD:	gone
 */
enum k7_driver_state {
	K7_DRIVER_NEW = 0,
	K7_DRIVER_INIT = 1,
	K7_DRIVER_LIVE = 2,
	K7_DRIVER_RESETTING = 3,
	K7_DRIVER_DELETING = 4,
	K7_DRIVER_DEAD = 5,
};

/**
 * struct k7_ioc_info - what the driver knows, without asking the card (136 bytes)
 * @size:	in: sizeof(struct k7_ioc_info); out: bytes filled
 * @abi_level:	out: K7HSM_ABI_LEVEL of the driver
 * @driver_version: out: version text of the module
 * @index:	out: N of /dev/k7pfN
 * @driver_state: out: enum k7_driver_state
 * @card_state:	out: the card's STATE register (state in 7:0, reason in 15:8),
 *		read now; 0xffffffff when the card does not answer
 * @generation:	out: raised by every reset and firmware start of the card
 * @fault_sequence: out: sequence of the card's last fault report, 0: none
 * @features:	out: feature bits of the card
 * @payload_max: out: largest request or reply payload in bytes
 * @channels:	out: files that can be open at the same time
 * @rings:	out: ring pairs in use
 * @channel:	out: number of this file's channel
 * @esn:	out: electronic serial number, padded with 0
 * @pci_address: out: domain in 31:16, bus in 15:8, slot and function in 7:0
 * @reserved:	0
 *
 * K7_IOC_INFO works in every state, also when the card is gone. Any open file.
 */
struct k7_ioc_info {
	__u32 size;
	__u32 abi_level;
	char driver_version[32];
	__u32 index;
	__u32 driver_state;
	__u32 card_state;
	__u32 generation;
	__u32 fault_sequence;
	__u32 features;
	__u32 payload_max;
	__u32 channels;
	__u32 rings;
	__u32 channel;
	char esn[16];
	__u32 pci_address;
	__u32 reserved[9];
};

#define K7_QUERY_IDENTITY	1	/* reply: struct k7_identity (include/k7/payload.h) */
#define K7_QUERY_STATE		2	/* reply: struct k7_card_state */
/* reply: struct k7_fault_report; arg: sequence, 0: the last */
#define K7_QUERY_FAULT_REPORT	3

/**
 * struct k7_ioc_query - ask the card's boot loader (40 bytes)
 * @size:	in: sizeof(struct k7_ioc_query)
 * @query:	in: K7_QUERY_*
 * @arg:	in: argument of the query
 * @data_len:	in: bytes of room at @data_addr; out: bytes of reply written there
 * @data_addr:	in: where the reply goes
 * @card_status: out: status code of the card, 0: success
 * @reply_len:	out: bytes that the card's reply has (may be more than @data_len)
 * @reserved:	0
 *
 * Needs no firmware: works on a halted card. Bounded by the mailbox timeout
 * (about a second). Any open file, no privilege.
 */
struct k7_ioc_query {
	__u32 size;
	__u32 query;
	__u32 arg;
	__u32 data_len;
	__u64 data_addr;
	__u32 card_status;
	__u32 reply_len;
	__u64 reserved;
};

/**
 * struct k7_ioc_request - send a request to the firmware and take its reply (96 bytes)
 * @size:	in: sizeof(struct k7_ioc_request)
 * @opcode:	in: command (include/k7/commands.def)
 * @flags:	in: 0
 * @timeout_ms:	in: longest wait, 0: the driver's default; clamped to its maximum
 * @arg:	in: arguments of the command
 * @in_addr:	in: request payload, @in_len bytes
 * @out_addr:	in: where the reply payload goes
 * @in_len:	in: bytes of request payload
 * @out_len:	in: bytes of room at @out_addr; out: bytes of reply written there
 * @card_status: out: status code of the card, 0: success. With an error the reply
 *		payload is text that says why
 * @result:	out: value of the command
 * @generation:	out: the card's generation in which the request ran
 * @reserved:	0
 *
 * Blocks until the reply is there. Commands of access ADMIN need CAP_SYS_ADMIN and
 * a file opened for writing.
 */
struct k7_ioc_request {
	__u32 size;
	__u32 opcode;
	__u32 flags;
	__u32 timeout_ms;
	__u32 arg[4];
	__u64 in_addr;
	__u64 out_addr;
	__u32 in_len;
	__u32 out_len;
	__u32 card_status;
	__u32 result;
	__u32 generation;
	__u32 reserved[7];
};

#define K7_ERASE_FMS		1	/* all FMs; the SMFS stays */
#define K7_ERASE_SMFS		2	/* SMFS: key first, then content; FMs stay */

/**
 * struct k7_ioc_erase - erase through the boot loader (24 bytes)
 * @size:	in: sizeof(struct k7_ioc_erase)
 * @target:	in: K7_ERASE_FMS or K7_ERASE_SMFS
 * @card_status: out: status code of the card, 0: success
 * @card_state:	out: STATE register afterwards
 * @reserved:	0
 *
 * Works on a halted card. A running firmware is stopped first: requests in flight
 * end with ECANCELED, and the card stays in the boot loader until K7_IOC_RESET.
 * Needs CAP_SYS_ADMIN and a file opened for writing.
 */
struct k7_ioc_erase {
	__u32 size;
	__u32 target;
	__u32 card_status;
	__u32 card_state;
	__u64 reserved;
};

#define K7_RESET_FIRMWARE	1	/* boot loader stops and starts the firmware */
#define K7_RESET_CARD		2	/* the boot loader resets the whole card */
#define K7_RESET_FUNCTION	3	/* PCIe function level reset (FLR) */
#define K7_RESET_BUS		4	/* secondary bus reset of the slot */

#define K7_MODE_OPERATIONAL	0
#define K7_MODE_MAINTENANCE	1	/* firmware without FMs */
#define K7_MODE_BOOT_LOADER	2	/* no firmware */

/**
 * struct k7_ioc_reset - reset the card and wait until it is up (32 bytes)
 * @size:	in: sizeof(struct k7_ioc_reset)
 * @kind:	in: K7_RESET_*
 * @mode:	in: K7_MODE_*, the mode to start in; for K7_RESET_FUNCTION and
 *		K7_RESET_BUS only K7_MODE_OPERATIONAL
 * @timeout_ms:	in: longest wait for the card to come up, 0: default
 * @card_state:	out: STATE register afterwards. That the card halted again while it
 *		started is no error here: look at this field
 * @generation:	out: generation afterwards
 * @reserved:	0
 *
 * Requests in flight on any file end with ECANCELED. Needs CAP_SYS_ADMIN and a
 * file opened for writing.
 */
struct k7_ioc_reset {
	__u32 size;
	__u32 kind;
	__u32 mode;
	__u32 timeout_ms;
	__u32 card_state;
	__u32 generation;
	__u64 reserved;
};

#define K7_EVENT_STATE_CHANGED	(1u << 0)	/* the card's state changed */
#define K7_EVENT_NEW_FAULT	(1u << 1)	/* there is a new fault report */
#define K7_EVENT_FMS_CHANGED	(1u << 2)	/* FM loaded, deleted or erased */
#define K7_EVENT_SMFS_CHANGED	(1u << 3)	/* SMFS activated or erased */
#define K7_EVENT_FM_LOG		(1u << 4)	/* an FM wrote to its log */
#define K7_EVENT_RESET		(1u << 16)	/* the driver has reset the card */

/**
 * struct k7_ioc_event - wait for events (40 bytes)
 * @size:	in: sizeof(struct k7_ioc_event)
 * @mask:	in: events to take, 0: all; out: unchanged
 * @timeout_ms:	in: longest wait, 0: do not wait, 0xffffffff: for ever
 * @events:	out: events that happened on this card since this file took them last
 *		(or was opened); 0 after a timeout
 * @card_state:	out: STATE register now
 * @generation:	out: generation now
 * @fault_sequence: out: sequence of the last fault report
 * @reserved:	0
 *
 * Taking an event clears it for this file only. Any open file, no privilege.
 */
struct k7_ioc_event {
	__u32 size;
	__u32 mask;
	__u32 timeout_ms;
	__u32 events;
	__u32 card_state;
	__u32 generation;
	__u32 fault_sequence;
	__u32 reserved[3];
};

#define K7HSM_IOC_MAGIC		0xB7
#define K7_IOC_INFO		_IOWR(K7HSM_IOC_MAGIC, 0x00, struct k7_ioc_info)
#define K7_IOC_QUERY		_IOWR(K7HSM_IOC_MAGIC, 0x01, struct k7_ioc_query)
#define K7_IOC_REQUEST		_IOWR(K7HSM_IOC_MAGIC, 0x02, struct k7_ioc_request)
#define K7_IOC_ERASE		_IOWR(K7HSM_IOC_MAGIC, 0x03, struct k7_ioc_erase)
#define K7_IOC_RESET		_IOWR(K7HSM_IOC_MAGIC, 0x04, struct k7_ioc_reset)
#define K7_IOC_EVENT		_IOWR(K7HSM_IOC_MAGIC, 0x05, struct k7_ioc_event)

#endif /* _UAPI_LINUX_K7HSM_H */
