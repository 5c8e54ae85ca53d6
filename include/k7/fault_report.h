/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/**
 * @file fault_report.h
 * The report that the card keeps of what halted it. It survives resets and power
 * cuts, is fetched through the boot loader's mailbox (so also from a halted
 * card), and never holds FM memory, SMFS content, a key or the handle of one. The core that is kept
 * beside it does hold FM memory: struct k7_fault_core.
 */
#ifndef K7_FAULT_REPORT_H
#define K7_FAULT_REPORT_H

#include <linux/types.h>

/** Why the firmware halted; the text in brackets is what tools print. */
enum k7_fault_cause {
	K7_FAULT_NONE = 0,
	K7_FAULT_LOAD_ACCESS = 1,	/* load from an address that may not be read */
	K7_FAULT_STORE_ACCESS = 2,	/* store to an address that may not be written */
	K7_FAULT_FETCH_ACCESS = 3,	/* jump to an address that may not be executed */
	K7_FAULT_LOAD_MISALIGNED = 4,
	K7_FAULT_STORE_MISALIGNED = 5,
	K7_FAULT_FETCH_MISALIGNED = 6,
	K7_FAULT_ILLEGAL_INSTRUCTION = 7,
	K7_FAULT_BREAKPOINT = 8,	/* ebreak */
	K7_FAULT_BUDGET = 9,		/* ran longer than its instruction budget: hung */
	K7_FAULT_STACK_OVERFLOW = 10,	/* access inside the stack's guard */
	K7_FAULT_BAD_SERVICE = 11,	/* ecall with an unknown service number */
	K7_FAULT_ABORT = 12,		/* the FM gave up by itself */
	K7_FAULT_WATCHDOG = 32,		/* the firmware stopped answering; no FM is named */
	K7_FAULT_FIRMWARE = 33,		/* the firmware failed inside itself; no FM is named */
};

/** What the FM was doing. */
enum k7_fault_phase {
	K7_FAULT_PHASE_NONE = 0,
	K7_FAULT_PHASE_STARTUP = 1,	/* the start-up function: halts the card at every start */
	K7_FAULT_PHASE_CALL = 2,	/* a call from the host */
	K7_FAULT_PHASE_TIMER = 3,	/* a timer that the FM had started */
};

#define K7_FAULT_REPORT_VERSION	1
#define K7_FAULT_BACKTRACE_MAX	32
#define K7_FAULT_SYMBOL_MAX	64
#define K7_FM_FINGERPRINT_SIZE	32

/* Stands in registers, addresses and memory where the handle of a key of the FM was: "key*". */
#define K7_FAULT_KEY_HANDLE	0x2a79656b

/** struct k7_fault_report - little endian, 640 bytes.
 * @version:	K7_FAULT_REPORT_VERSION
 * @sequence:	1 for the first fault of this card, then counting up; 0: no fault
 * @time:	seconds since 1970, UTC, by the card's clock
 * @generation:	GENERATION register when it happened
 * @cause:	enum k7_fault_cause
 * @phase:	enum k7_fault_phase
 * @fm_id:	the FM at fault, 0 when none is
 * @fm_version:	its version, major in bits 15:8, minor in bits 7:0
 * @fm_serial:	its serial number
 * @pc:		address of the instruction that faulted (for a bad jump: the target)
 * @address:	data address for load and store causes, jump target for fetch causes
 * @instruction: the instruction word at @pc, 0 when it could not be fetched
 * @instructions: instructions that the call had run, the faulting one not counted
 * @regs:	x0 .. x31
 * @backtrace_count: entries used in @backtrace
 * @backtrace:	return addresses, innermost first; entry 0 is @pc
 * @symbol_offset: @pc minus the address of @symbol
 * @symbol:	function that holds @pc, terminated; empty when unknown
 * @fm_name:	product text of the FM header, padded with 0
 * @fingerprint: SHA-256 of the signed content (envelope and ELF) of the FM
 */
struct k7_fault_report {
	__le32 version;
	__le32 sequence;
	__le64 time;
	__le32 generation;
	__le32 cause;
	__le32 phase;
	__le32 fm_id;
	__le32 fm_version;
	__le32 fm_serial;
	__le32 pc;
	__le32 address;
	__le32 instruction;
	__le32 reserved0;
	__le64 instructions;
	__le32 regs[32];
	__le32 backtrace_count;
	__le32 symbol_offset;
	__le32 backtrace[K7_FAULT_BACKTRACE_MAX];
	char symbol[K7_FAULT_SYMBOL_MAX];
	char fm_name[16];
	__u8 fingerprint[K7_FM_FINGERPRINT_SIZE];
	__u8 reserved1[200];
};

#define K7_FAULT_CORE_VERSION	1
#define K7_FAULT_CORE_BYTES	0x10000	/* of FM memory in a core, at most */
#define K7_FAULT_CORE_RANGES	16

/** struct k7_fault_core_range - a piece of FM memory in a core
 * @address:	of its first byte in the FM's address space
 * @length:	bytes, a multiple of the FM's page
 */
struct k7_fault_core_range {
	__le32 address;
	__le32 length;
};

/** struct k7_fault_core - FM memory kept with a fault report, 144 bytes and the memory
 * @version:	K7_FAULT_CORE_VERSION
 * @sequence:	of the report that it belongs to; registers and cause are there
 * @size:	bytes of the whole core: this struct and the memory behind it
 * @range_count: ranges used, at most K7_FAULT_CORE_RANGES
 * @ranges:	ascending, without overlap; their bytes follow the struct one after the other
 *
 * What an FM writes itself: stack, data and heap, as far as K7_FAULT_CORE_BYTES go.
 * Never a request or reply of the host, never the handle of a key, never keys or SMFS
 * content that the FM did not itself read into its memory; what it did read may be
 * there. So it is for those who may administer the card.
 */
struct k7_fault_core {
	__le32 version;
	__le32 sequence;
	__le32 size;
	__le32 range_count;
	struct k7_fault_core_range ranges[K7_FAULT_CORE_RANGES];
};

/*
 * A core is read in pieces of K7_MB_DATA_BYTES: argument of K7_BOOT_FAULT_CORE.
 * sequence: of the report, modulo 2^24; 0: the last core
 */
#define K7_FAULT_CORE_PIECE(sequence, piece)	(((sequence) & 0xffffff) | ((__u32)(piece) << 24))
#define K7_FAULT_CORE_SEQUENCE_GET(arg)		((arg) & 0xffffff)
#define K7_FAULT_CORE_PIECE_GET(arg)		((arg) >> 24)

#endif /* K7_FAULT_REPORT_H */
