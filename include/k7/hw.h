/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The K7 card as the bus shows it: PCI identity, registers of BAR0, boot loader
 * mailbox, command rings. Shared by the driver and the card; the rules that go
 * with it, for both sides, are in docs/card-interface.md.
 *
 * All registers are 32 bits wide, little endian, and accessed as aligned 32-bit
 * words. A read of all ones means that the card is gone; no register has that
 * value otherwise.
 */
#ifndef K7_HW_H
#define K7_HW_H

#include <linux/types.h>

/* ---- PCI identity ---- */
#define K7_PCI_VENDOR_ID		0x1234
#define K7_PCI_DEVICE_ID		0x4b37
#define K7_PCI_CLASS			0x100000
#define K7_PCI_REVISION			0x01
#define K7_PCI_SUBSYSTEM_VENDOR_ID	0x1234
#define K7_PCI_SUBSYSTEM_ID		0x0001
#define K7_BAR_REGISTERS		0
#define K7_BAR_MSIX			2
#define K7_BAR0_BYTES			0x10000

/* ---- Identity and state registers ---- */
#define K7_REG_MAGIC		0x0000	/* R: K7_MAGIC */
#define K7_REG_VERSION		0x0004	/* R: major in 31:16, minor in 15:0 */
#define K7_REG_FEATURES		0x0008	/* R: K7_FEATURE_* */
#define K7_REG_STATE		0x000c	/* R: enum k7_state in 7:0, enum k7_reason in 15:8 */
#define K7_REG_GENERATION	0x0010	/* R: raised by each reset and each firmware start */
#define K7_REG_FAULT_SEQUENCE	0x0014	/* R: sequence of the last fault report, 0: none */
#define K7_REG_LIMITS		0x0018	/* R: ring pairs in 7:0, log2 of ring entries in 15:8 */
#define K7_REG_PAYLOAD_MAX	0x001c	/* R: bytes of request and of reply, at most */
#define K7_REG_CHANNEL_MAX	0x0020	/* R: channel ids are 1 .. this */
#define K7_REG_HEARTBEAT	0x0024	/* R: counts while the firmware is alive */
#define K7_REG_BULK_MAX		0x0028	/* R: bytes of a payload that is a list, at most; 0: none */
#define K7_REG_ESN		0x0030	/* R: 16 bytes ASCII, padded with 0 */
#define K7_REG_EVENT_STATUS	0x0040	/* R, write 1 to clear: K7_EVENT_* */
#define K7_REG_EVENT_MASK	0x0044	/* RW: events that raise vector 0; 0 after reset */
#define K7_REG_INTX		0x0048	/* R: vectors raised since the last read; see below */

#define K7_MAGIC		0x5348374b	/* "K7HS" read as bytes */
#define K7_VERSION_MAJOR	1
#define K7_VERSION_MINOR	1
#define K7_VERSION		((K7_VERSION_MAJOR << 16) | K7_VERSION_MINOR)
#define K7_VERSION_GET_MAJOR(v)	((v) >> 16)
#define K7_ESN_SIZE		16

#define K7_FEATURE_FM		(1u << 0)	/* runs Functionality Modules */
#define K7_FEATURE_SMFS		(1u << 1)	/* has a Secure Memory File System */
#define K7_FEATURE_ARM		(1u << 2)	/* rings: K7_RING_ON_DEMAND and K7_RING_DOORBELL */
#define K7_FEATURE_BULK		(1u << 3)	/* request payloads may be lists: K7_SQE_LIST */
#define K7_FEATURE_DEBUG	(1u << 30)	/* FMs are open to a debugger */

#define K7_STATE_GET(v)		((v) & 0xff)
#define K7_REASON_GET(v)	(((v) >> 8) & 0xff)
#define K7_LIMITS_RINGS(v)	((v) & 0xff)
#define K7_LIMITS_ENTRIES_LOG2(v) (((v) >> 8) & 0xff)

/*
 * Card states. Rings work in OPERATIONAL, PRE_INIT and MAINTENANCE only. When
 * STATE reads any other state, the card has stopped all DMA to ring memory and
 * payloads, all rings are disabled and nothing that was in flight completes.
 */
enum k7_state {
	K7_STATE_BOOT = 1,		/* boot loader only; the firmware is starting or stopped */
	K7_STATE_OPERATIONAL = 2,
	K7_STATE_PRE_INIT = 3,		/* firmware runs, not initialised; no FM runs */
	K7_STATE_MAINTENANCE = 4,	/* firmware runs for service; no FM command works */
	K7_STATE_HALTED = 5,		/* firmware dead after a fault; boot loader alive */
	K7_STATE_FAILED = 6,		/* hardware failed; boot loader answers queries only */
	K7_STATE_TAMPERED = 7,
};

enum k7_reason {
	K7_REASON_NONE = 0,
	K7_REASON_FM_FAULT = 1,		/* HALTED: see the fault report */
	K7_REASON_WATCHDOG = 2,		/* HALTED: the firmware stopped answering */
	K7_REASON_FIRMWARE = 3,		/* HALTED: the firmware failed inside itself */
	K7_REASON_STORE = 4,		/* FAILED: the store cannot be read or written */
	K7_REASON_HARDWARE = 5,		/* FAILED: self test */
	K7_REASON_STOPPED = 6,		/* BOOT: stopped by the boot loader on request */
};

/* ---- Events: EVENT_STATUS collects, vector 0 fires when status & mask becomes non-zero ---- */
#define K7_EVENT_STATE		(1u << 0)	/* STATE changed */
#define K7_EVENT_FAULT		(1u << 1)	/* there is a new fault report */
#define K7_EVENT_FM_LIST	(1u << 2)	/* FM loaded, deleted or erased */
#define K7_EVENT_SMFS		(1u << 3)	/* SMFS activated or erased */
#define K7_EVENT_LOG		(1u << 4)	/* an FM wrote to its log */
#define K7_EVENT_MAILBOX	(1u << 5)	/* a mailbox command has ended */
#define K7_EVENT_ALL		0x3fu
#define K7_VECTOR_EVENTS	0
#define K7_VECTOR_RING(n)	(1 + (n))

/*
 * Interrupts go out as MSI-X, as MSI, or over the INTx line, whichever the host
 * has enabled. MSI and INTx have no table: a host that gives the card fewer
 * messages than vectors sets VECTOR of its rings accordingly. The INTx line is
 * up while bits of K7_REG_INTX are set; reading the register clears it, which
 * lets the line go, and tells a handler on a shared line whether this card
 * called: 0 means it did not. With MSI-X or MSI the register reads as 0.
 */

/* ---- Boot loader mailbox: no DMA, no interrupt needed ----
 *
 * Driver: wait until BUSY is clear; write ARG0 .. ARG3; write COMMAND with a tag;
 * poll STATUS until BUSY is clear and the tag is the one written; read LENGTH
 * and that many bytes of DATA (in 32-bit words). A COMMAND written while BUSY is
 * set is ignored. The boot loader answers in every state, within
 * K7_MAILBOX_TIMEOUT_MS (erases: K7_MAILBOX_ERASE_TIMEOUT_MS).
 */
#define K7_REG_MB_COMMAND	0x0100	/* W: opcode in 15:0, tag in 30:16 */
#define K7_REG_MB_STATUS	0x0104	/* R: K7_ST_* in 15:0, tag in 30:16, BUSY in 31 */
#define K7_REG_MB_LENGTH	0x0108	/* R: bytes of reply in DATA */
#define K7_REG_MB_ARG(n)	(0x0110 + 4 * (n))	/* RW: n = 0 .. 3 */
#define K7_REG_MB_DATA		0x1000	/* R: reply */
#define K7_MB_DATA_BYTES	0x1000
#define K7_MB_BUSY		(1u << 31)
#define K7_MB_STATUS_GET(v)	((v) & 0xffff)
#define K7_MB_TAG_GET(v)	(((v) >> 16) & 0x7fff)
#define K7_MB_COMMAND(opcode, tag) ((opcode) | (((tag) & 0x7fffu) << 16))
#define K7_MAILBOX_TIMEOUT_MS		3000
#define K7_MAILBOX_ERASE_TIMEOUT_MS	10000

/* Boot loader commands. Replies are in include/k7/payload.h and fault_report.h. */
enum k7_boot_opcode {
	K7_BOOT_IDENTIFY = 1,		/* -> struct k7_identity */
	K7_BOOT_STATE = 2,		/* -> struct k7_card_state */
	K7_BOOT_FAULT_REPORT = 3,	/* arg0: sequence, 0: last -> struct k7_fault_report */
	K7_BOOT_ERASE_FMS = 4,		/* stops firmware (BOOT unless HALTED), erases all FMs */
	K7_BOOT_ERASE_SMFS = 5,		/* stops it likewise, erases SMFS key, then content */
	K7_BOOT_START_FIRMWARE = 6,	/* k7_boot_mode; (re)starts; answers before it is up */
	K7_BOOT_STOP_FIRMWARE = 7,	/* state BOOT, reason STOPPED; waits until it has stopped */
	K7_BOOT_RESET = 8,		/* arg0: enum k7_boot_mode; answers, then card resets */
	K7_BOOT_FAULT_CORE = 9,		/* arg0: K7_FAULT_CORE_PIECE() -> bytes of k7_fault_core */
};

enum k7_boot_mode {
	K7_BOOT_MODE_OPERATIONAL = 0,
	K7_BOOT_MODE_MAINTENANCE = 1,	/* firmware without FMs: state MAINTENANCE */
	K7_BOOT_MODE_STAY = 2,		/* stay in the boot loader: state BOOT, reason STOPPED */
};

/* ---- Command rings ----
 *
 * Ring pair n: a submission ring of struct k7_sqe and a completion ring of
 * struct k7_cqe, both with SIZE entries (a power of two, 2 .. 1 << log2 limit),
 * each aligned to 4096 bytes. Enable by writing the bases, SIZE and VECTOR, then
 * CONTROL; STATUS shows ENABLED at once, or ERROR if a field is wrong or the
 * firmware is not running. To disable write 0 to CONTROL and wait for ENABLED to
 * clear: after that the card does not touch the rings or any payload of theirs.
 *
 * The driver fills entries at SQ tail and writes the new tail (an index, 0 ..
 * SIZE - 1) to SQ_TAIL. The ring is full when advancing tail would reach head.
 * Completions come in any order. A completion is new when its phase bit differs
 * from the one of the last round; the phase starts at 1 and the ring memory must
 * be zero when it is enabled. The driver writes the index after the last
 * completion that it has consumed to CQ_HEAD. The card never overwrites a
 * completion that is not consumed: it waits.
 */
#define K7_RING_MAX		16
#define K7_RING_ENTRIES_MAX_LOG2 10
#define K7_REG_RING(n)		(0x8000 + 0x40 * (n))
#define K7_RING_SQ_BASE_LO	0x00	/* RW while disabled */
#define K7_RING_SQ_BASE_HI	0x04
#define K7_RING_CQ_BASE_LO	0x08
#define K7_RING_CQ_BASE_HI	0x0c
#define K7_RING_SIZE		0x10
#define K7_RING_VECTOR		0x14	/* MSI-X vector for completions */
#define K7_RING_CONTROL		0x18	/* RW: K7_RING_ENABLE */
#define K7_RING_STATUS		0x1c	/* R: K7_RING_ENABLED, K7_RING_ERROR */
#define K7_RING_SQ_TAIL		0x20	/* W: doorbell */
#define K7_RING_CQ_HEAD		0x24	/* W: doorbell */
#define K7_RING_SQ_HEAD		0x28	/* R */
#define K7_RING_CQ_TAIL		0x2c	/* R */
#define K7_RING_DOORBELL	0x30	/* W: SQ tail, CQ head and arming: K7_DOORBELL() */
#define K7_RING_ENABLE		(1u << 0)
#define K7_RING_ON_DEMAND	(1u << 1)	/* with ENABLE: interrupt only when armed */
#define K7_RING_ENABLED		(1u << 0)
#define K7_RING_ERROR		(1u << 1)
#define K7_RING_ALIGN		4096

/*
 * Interrupts on demand. A ring enabled with K7_RING_ON_DEMAND raises its vector
 * only when it is armed: a doorbell with K7_DOORBELL_ARM asks for one interrupt as
 * soon as a completion is there that the CQ head of the same write does not count
 * as consumed, be it already there or yet to come. The interrupt disarms. A host
 * that polls for a while and arms before it sleeps gets no interrupt that it does
 * not need. Without K7_RING_ON_DEMAND every completion interrupts (coalesced).
 *
 * A doorbell takes the CQ head first, then the SQ tail, then arms. Short commands
 * may be complete when the write returns. SQ_TAIL and CQ_HEAD stay as they are for
 * hosts that write them one by one.
 */
#define K7_DOORBELL(sq_tail, cq_head)	((sq_tail) | ((cq_head) << 16))
#define K7_DOORBELL_TAIL_GET(v)		((v) & 0xfff)
#define K7_DOORBELL_HEAD_GET(v)		(((v) >> 16) & 0xfff)
#define K7_DOORBELL_ARM			(1u << 31)

/* Largest request and reply payload in bytes, the value of PAYLOAD_MAX of this card. */
#define K7_PAYLOAD_MAX		0x10000
#define K7_CHANNEL_MAX		1024

/*
 * A request payload in pieces (K7_SQE_LIST): the card reads @in_segments entries of
 * struct k7_segment at @in_addr (8-byte aligned), then the pieces one after the
 * other. Their lengths add up to @in_len, no piece is empty. Only commands whose
 * in_max in commands.def is above PAYLOAD_MAX take more than PAYLOAD_MAX bytes.
 */
#define K7_BULK_MAX		0x400000	/* value of BULK_MAX of this card */
#define K7_SEGMENTS_MAX		1024

/**
 * struct k7_segment - a piece of a request payload, 16 bytes
 * @addr:	bus address; the card only reads
 * @len:	bytes, not 0
 * @reserved:	0
 */
struct k7_segment {
	__le64 addr;
	__le32 len;
	__le32 reserved;
};

#define K7_SQE_LIST		(1u << 0)	/* in k7_sqe.flags: the request payload is a list */

/**
 * struct k7_sqe - submission entry, 64 bytes
 * @opcode:	K7_CMD_* (include/k7/commands.def)
 * @flags:	K7_SQE_*
 * @tag:	chosen by the driver, repeated in the completion; unique in flight on a ring
 * @channel:	channel that the request belongs to, 1 .. CHANNEL_MAX; 0: the driver itself
 * @in_len:	bytes of request payload at @in_addr, 0 .. PAYLOAD_MAX (K7_SQE_LIST: BULK_MAX)
 * @in_addr:	bus address; the card only reads
 * @out_addr:	bus address; the card only writes, at most @out_len bytes
 * @out_len:	room for the reply payload, 0 .. PAYLOAD_MAX
 * @arg:	arguments of the command
 * @in_segments: K7_SQE_LIST: number of segments at @in_addr, 1 .. K7_SEGMENTS_MAX; else 0
 * @reserved:	0
 */
struct k7_sqe {
	__le16 opcode;
	__le16 flags;
	__le32 tag;
	__le32 channel;
	__le32 in_len;
	__le64 in_addr;
	__le64 out_addr;
	__le32 out_len;
	__le32 arg[4];
	__le32 in_segments;
	__le32 reserved[2];
};

/**
 * struct k7_cqe - completion entry, 32 bytes; the last word is written last
 * @tag:	of the request
 * @out_len:	bytes of reply written, never more than the request's out_len. With an
 *		error status the reply is text (UTF-8, no terminator) that says why.
 * @result:	value of the command; FM_CALL: status that the FM gave
 * @sq_head:	submission entries before this index have been fetched
 * @status:	enum k7_status
 * @phase:	bit 0: phase
 */
struct k7_cqe {
	__le32 tag;
	__le32 out_len;
	__le32 result;
	__le16 sq_head;
	__le16 reserved0;
	__le32 reserved1[3];
	__le16 status;
	__le16 phase;
};

#define K7_CQE_PHASE		(1u << 0)

enum k7_command {
#define K7_COMMAND(name, opcode, in_min, in_max, states, access) K7_CMD_##name = opcode,
#include <k7/commands.def>
#undef K7_COMMAND
};

#endif /* K7_HW_H */
