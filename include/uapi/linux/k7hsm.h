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
 *   EBUSY       another process holds what is needed (an erase or reset is running,
 *               or another file has claimed the card)
 *   ENOMEM      no memory, or payloads of this card take too much of it (64 MiB for
 *               those of more than 256 bytes, replies that are not collected included)
 *   EAGAIN      the card is being reset: try again. On a file opened with O_NONBLOCK
 *               also: it would have to wait
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
 * poll(): EPOLLPRI when an event waits (K7_IOC_EVENT), EPOLLIN when a completion
 * waits (K7_IOC_COLLECT), EPOLLOUT when K7_IOC_SUBMIT takes a submission,
 * EPOLLERR | EPOLLHUP when the card is gone for good.
 *
 * Three ways to send a request, with the same checks and permissions:
 * K7_IOC_REQUEST waits for its reply; K7_IOC_SUBMIT and K7_IOC_COLLECT send and
 * take many at once; io_uring sends them as K7_URING_CMD_REQUEST.
 */
#ifndef _UAPI_LINUX_K7HSM_H
#define _UAPI_LINUX_K7HSM_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Raised when something is added; nothing that was there ever changes. */
#define K7HSM_ABI_LEVEL		2

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

#define K7_DRIVER_HAS_SUBMIT	(1u << 0)	/* K7_IOC_SUBMIT and K7_IOC_COLLECT */
#define K7_DRIVER_HAS_URING	(1u << 1)	/* K7_URING_CMD_REQUEST (the kernel has io_uring) */
#define K7_DRIVER_HAS_BULK	(1u << 2)	/* payloads up to bulk_max (K7_COMMAND_BULK) */
#define K7_DRIVER_HAS_CLAIM	(1u << 3)	/* K7_IOC_CLAIM */

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
 * @driver_features: out: K7_DRIVER_HAS_*
 * @bulk_max:	out: largest request payload in bytes of a command with K7_COMMAND_BULK
 * @in_flight_max: out: submissions of this file that can wait to be collected, at most
 * @claimed:	out: 0: nobody has claimed the card; 1: this file; 2: another file
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
	__u32 driver_features;
	__u32 bulk_max;
	__u32 in_flight_max;
	__u32 claimed;
	__u32 reserved[5];
};

#define K7_QUERY_IDENTITY	1	/* reply: struct k7_identity (include/k7/payload.h) */
#define K7_QUERY_STATE		2	/* reply: struct k7_card_state */
/* reply: struct k7_fault_report; arg: sequence, 0: the last */
#define K7_QUERY_FAULT_REPORT	3
/*
 * reply: bytes of struct k7_fault_core from 4096 times the piece on, none at its end;
 * arg: piece in 31:24, sequence of the report in 23:0, 0: the last.
 * Holds FM memory: needs CAP_SYS_ADMIN and a file opened for writing.
 */
#define K7_QUERY_FAULT_CORE	4

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
 * (about a second). Any open file, no privilege, but for K7_QUERY_FAULT_CORE.
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
 * @in_len:	in: bytes of request payload, at most payload_max of K7_IOC_INFO, or bulk_max
 *		for a command with K7_COMMAND_BULK: then the card reads the caller's pages
 *		themselves, which must not be changed before the ioctl has returned
 * @out_len:	in: bytes of room at @out_addr; out: bytes of reply written there
 * @card_status: out: status code of the card, 0: success. With an error the reply
 *		payload is text that says why
 * @result:	out: value of the command
 * @generation:	out: the card's generation in which the request ran
 * @reserved:	0
 *
 * Blocks until the reply is there. On a file with O_NONBLOCK it fails with EAGAIN
 * instead of waiting for room on the way to the card; the reply itself is waited for
 * nevertheless: K7_IOC_SUBMIT is there for who does not want that. Commands of access
 * ADMIN need CAP_SYS_ADMIN and a file opened for writing.
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

#define K7_COMMAND_ADMIN	(1u << 0)	/* needs CAP_SYS_ADMIN and a writable file */
#define K7_COMMAND_OPERATIONAL	(1u << 1)	/* works in card state OPERATIONAL only */
#define K7_COMMAND_BULK		(1u << 2)	/* takes payloads up to bulk_max */
#define K7_COMMAND_PERMITTED	(1u << 3)	/* this caller may send it on this file now */

/**
 * struct k7_command_info - a command that can be sent (48 bytes)
 * @opcode:	value for k7_ioc_request.opcode and k7_submission.opcode
 * @flags:	K7_COMMAND_*
 * @in_min:	bytes of request payload, at least
 * @in_max:	bytes of request payload, at most
 * @name:	name as in include/k7/commands.def, padded with 0
 * @reserved:	0
 */
struct k7_command_info {
	__u32 opcode;
	__u32 flags;
	__u32 in_min;
	__u32 in_max;
	char name[24];
	__u32 reserved[2];
};

/**
 * struct k7_ioc_commands - which commands are there? (32 bytes)
 * @size:	in: sizeof(struct k7_ioc_commands)
 * @count:	in: room at @commands_addr, in entries; out: entries written
 * @commands_addr: in: where an array of struct k7_command_info goes
 * @total:	out: entries that there are (may be more than @count)
 * @entry_size:	in: sizeof(struct k7_command_info) as the caller knows it
 * @reserved:	0
 *
 * Works in every state, asks no card. Any open file, no privilege.
 */
struct k7_ioc_commands {
	__u32 size;
	__u32 count;
	__u64 commands_addr;
	__u32 total;
	__u32 entry_size;
	__u64 reserved;
};

#define K7_CLAIM_RELEASE	0
#define K7_CLAIM_TAKE		1

/**
 * struct k7_ioc_claim - have the card for oneself (16 bytes)
 * @size:	in: sizeof(struct k7_ioc_claim)
 * @action:	in: K7_CLAIM_TAKE or K7_CLAIM_RELEASE
 * @reserved:	0
 *
 * For maintenance: while a file has claimed the card, requests, erases and resets of
 * all other files fail with EBUSY; K7_IOC_INFO, QUERY, COMMANDS, EVENT and COLLECT
 * work. Fails with EBUSY when another file has requests in flight or the claim.
 * Taking or releasing twice is no error. Closing the file releases; a reset does not.
 * Needs CAP_SYS_ADMIN and a file opened for writing.
 */
struct k7_ioc_claim {
	__u32 size;
	__u32 action;
	__u64 reserved;
};

/**
 * struct k7_submission - a request to be sent without waiting for it (80 bytes)
 * @user_data:	handed back in the completion; not looked at
 * @opcode:	command (include/k7/commands.def)
 * @flags:	0
 * @in_addr:	request payload, @in_len bytes; may be used again when the submission was
 *		taken (with more than payload_max bytes: when it has completed)
 * @out_addr:	where the reply payload goes, in the memory of whoever collects it; it is
 *		written when the completion is collected, not before
 * @in_len:	bytes of request payload, as in struct k7_ioc_request
 * @out_len:	bytes of room at @out_addr, at most payload_max
 * @timeout_ms:	completes with ETIMEDOUT after this, 0: the driver's default; clamped
 * @reserved0:	0
 * @arg:	arguments of the command
 * @reserved:	0
 *
 * For io_uring this is the command area of an SQE of 128 bytes (see below).
 */
struct k7_submission {
	__u64 user_data;
	__u32 opcode;
	__u32 flags;
	__u64 in_addr;
	__u64 out_addr;
	__u32 in_len;
	__u32 out_len;
	__u32 timeout_ms;
	__u32 reserved0;
	__u32 arg[4];
	__u64 reserved[2];
};

/**
 * struct k7_ioc_submit - send requests (32 bytes)
 * @size:	in: sizeof(struct k7_ioc_submit)
 * @count:	in: submissions at @submissions_addr, 1 .. 256; out: taken from the first on
 * @submissions_addr: in: array of struct k7_submission
 * @entry_size:	in: sizeof(struct k7_submission) as the caller knows it
 * @flags:	in: 0
 * @reserved:	0
 *
 * All that is taken goes to the card with one doorbell. Fails only when the first
 * submission cannot be taken; with a later one it ends early, and @count says where.
 * At most in_flight_max submissions of a file wait to be collected: beyond that it
 * waits for room, or fails with EAGAIN on a file with O_NONBLOCK. Each submission
 * taken leads to exactly one completion, unless the file is closed before.
 */
struct k7_ioc_submit {
	__u32 size;
	__u32 count;
	__u64 submissions_addr;
	__u32 entry_size;
	__u32 flags;
	__u64 reserved;
};

/**
 * struct k7_completion - how a submission has ended (40 bytes)
 * @user_data:	of the submission
 * @error:	0: the card answered and the rest holds; else an errno of the list above,
 *		positive (ETIMEDOUT, ECANCELED, ENODEV, EIO, EHOSTDOWN, EFAULT for @out_addr)
 * @card_status: status code of the card, 0: success
 * @result:	value of the command
 * @out_len:	bytes of reply written
 * @generation:	the card's generation in which the request ran
 * @reserved:	0
 */
struct k7_completion {
	__u64 user_data;
	__u32 error;
	__u32 card_status;
	__u32 result;
	__u32 out_len;
	__u32 generation;
	__u32 reserved[3];
};

/**
 * struct k7_ioc_collect - take completions (40 bytes)
 * @size:	in: sizeof(struct k7_ioc_collect)
 * @count:	in: room at @completions_addr, in entries, 1 .. 256; out: entries written
 * @completions_addr: in: where an array of struct k7_completion goes
 * @entry_size:	in: sizeof(struct k7_completion) as the caller knows it
 * @wait:	in: wait until this many are there, 0: take what is there. Never waits for
 *		more than this file has in flight
 * @timeout_ms:	in: longest wait, 0xffffffff: for ever; then what is there is taken
 * @reserved0:	0
 * @reserved:	0
 *
 * In the order in which they have ended. On a file with O_NONBLOCK it does not wait,
 * and fails with EAGAIN when there is none. Works on a card that is gone: what was in
 * flight has ended with ENODEV. Several threads may collect; each completion goes to
 * one of them.
 */
struct k7_ioc_collect {
	__u32 size;
	__u32 count;
	__u64 completions_addr;
	__u32 entry_size;
	__u32 wait;
	__u32 timeout_ms;
	__u32 reserved0;
	__u64 reserved;
};

#define K7HSM_IOC_MAGIC		0xB7
#define K7_IOC_INFO		_IOWR(K7HSM_IOC_MAGIC, 0x00, struct k7_ioc_info)
#define K7_IOC_QUERY		_IOWR(K7HSM_IOC_MAGIC, 0x01, struct k7_ioc_query)
#define K7_IOC_REQUEST		_IOWR(K7HSM_IOC_MAGIC, 0x02, struct k7_ioc_request)
#define K7_IOC_ERASE		_IOWR(K7HSM_IOC_MAGIC, 0x03, struct k7_ioc_erase)
#define K7_IOC_RESET		_IOWR(K7HSM_IOC_MAGIC, 0x04, struct k7_ioc_reset)
#define K7_IOC_EVENT		_IOWR(K7HSM_IOC_MAGIC, 0x05, struct k7_ioc_event)
#define K7_IOC_COMMANDS		_IOWR(K7HSM_IOC_MAGIC, 0x06, struct k7_ioc_commands)
#define K7_IOC_CLAIM		_IOWR(K7HSM_IOC_MAGIC, 0x07, struct k7_ioc_claim)
#define K7_IOC_SUBMIT		_IOWR(K7HSM_IOC_MAGIC, 0x08, struct k7_ioc_submit)
#define K7_IOC_COLLECT		_IOWR(K7HSM_IOC_MAGIC, 0x09, struct k7_ioc_collect)

/*
 * io_uring: IORING_OP_URING_CMD on the node with this cmd_op, in a ring with SQEs of
 * 128 bytes (IORING_SETUP_SQE128) and CQEs of 32 (IORING_SETUP_CQE32). The command
 * area holds a struct k7_submission; its user_data is not used. Completion: res is
 * the number of reply bytes written, or a negative errno; big_cqe[0] holds the card
 * status in 31:0 and the result in 63:32. The reply is written by the submitting
 * task. Other rings: EINVAL.
 */
#define K7_URING_CMD_REQUEST	_IOWR(K7HSM_IOC_MAGIC, 0x40, struct k7_submission)

#endif /* _UAPI_LINUX_K7HSM_H */
