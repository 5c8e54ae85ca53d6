/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/**
 * @file fm_abi.h
 * The boundary between a Functionality Module (FM) and the card: address space,
 * header, services. Shared by card/, fmsdk/ and libhsm/ (which signs images).
 *
 * An FM is a freestanding ELF executable for RV32IM, Zba and Zbb (ELF32, little
 * endian, ET_EXEC, EM_RISCV, soft float, no compressed instructions). Each FM has an
 * address space of its own of K7_FM_SPACE bytes. Permissions are per page of
 * 4 KiB, a page is never writable and executable, and what is not listed here
 * is not mapped: touching it is a fault, and a fault halts the card.
 *
 * FM source uses the names in fmsdk/include; this header is what lies below.
 */
#ifndef K7_FM_ABI_H
#define K7_FM_ABI_H

#ifdef __ASSEMBLER__
#define K7_FM_U(x) x
#else
#include <stdint.h>
#define K7_FM_U(x) x##u
#endif

/* ---- Identity ------------------------------------------------------------- */

/** FM IDs that an image may carry. */
#define K7_FM_ID_MIN K7_FM_U(0xa000)
#define K7_FM_ID_MAX K7_FM_U(0xafff)
/** FMs that a card holds at most. */
#define K7_FM_COUNT_MAX K7_FM_U(32)

/* ---- Address space -------------------------------------------------------- */

#define K7_FM_PAGE K7_FM_U(0x1000)
/** Size of the address space; every address at or above it is unmapped. */
#define K7_FM_SPACE K7_FM_U(0x01000000)

/** PT_LOAD segments lie in [BASE, END). The FM header is the first thing at BASE. */
#define K7_FM_IMAGE_BASE K7_FM_U(0x00010000)
#define K7_FM_IMAGE_END K7_FM_U(0x00800000)

/** Heap: readable and writable from the start, zero-filled, K7_FM_HEAP_SIZE bytes. */
#define K7_FM_HEAP_BASE K7_FM_U(0x00810000)
#define K7_FM_HEAP_SIZE K7_FM_U(0x00040000)

/** Request of the running call, read only; mapped while the call runs, in whole pages. */
#define K7_FM_REQUEST_BASE K7_FM_U(0x00a00000)
/** Reply of the running call, read and write; K7_FM_MESSAGE_MAX bytes while the call runs. */
#define K7_FM_REPLY_BASE K7_FM_U(0x00b00000)
/** Largest request and largest reply in bytes. */
#define K7_FM_MESSAGE_MAX K7_FM_U(0x00010000)

/** Stack: grows down from TOP; the 64 KiB below it stay unmapped as its guard. */
#define K7_FM_STACK_TOP K7_FM_U(0x00ff0000)
#define K7_FM_STACK_SIZE K7_FM_U(0x00010000)
#define K7_FM_STACK_GUARD K7_FM_U(0x00010000)

/** Return address of every call from the card; a jump to it ends the call. */
#define K7_FM_EXIT_ADDRESS K7_FM_U(0xfffff000)

/* ---- Limits of an image --------------------------------------------------- */

/** Largest signed image (.fm file) in bytes. */
#define K7_FM_IMAGE_MAX K7_FM_U(0x00400000)
/** Largest sum of all PT_LOAD memory sizes of one FM (its quota), in bytes. */
#define K7_FM_MEMORY_MAX K7_FM_U(0x00200000)
/** Instructions that one call, or the start-up, may run before it counts as hung. */
#define K7_FM_BUDGET_DEFAULT 500000000ull
/**
 * What the services of one call, or of the start-up, may cost together; then it counts as hung as well. A unit is about a
 * microsecond; docs/fm-sdk.md has what each costs.
 */
#define K7_FM_WORK_MAX K7_FM_U(30000000)

/* ---- Header ---------------------------------------------------------------
 *
 * DEFINE_FM_HEADER puts a struct k7_fm_header in section .fm_header, which the
 * SDK's linker script places at K7_FM_IMAGE_BASE. The signed image is, as the
 * content of a CMS SignedData: one struct k7_fm_envelope, then the ELF file.
 * The envelope repeats the header; the card refuses the image if they differ.
 */
#define K7_FM_HEADER_MAGIC K7_FM_U(0x484d464b)   /* "KFMH" read as bytes */
#define K7_FM_ENVELOPE_MAGIC K7_FM_U(0x454d464b) /* "KFME" read as bytes */
#define K7_FM_HEADER_VERSION K7_FM_U(1)

#ifndef __ASSEMBLER__

/** The FM's own header, little endian, 72 bytes. */
struct k7_fm_header {
    uint32_t magic;          /**< K7_FM_HEADER_MAGIC */
    uint32_t header_version; /**< K7_FM_HEADER_VERSION */
    uint32_t fm_id;          /**< K7_FM_ID_MIN .. K7_FM_ID_MAX */
    uint16_t fm_version;     /**< major in the high byte, minor in the low byte */
    uint16_t reserved0;      /**< 0 */
    uint32_t serial;         /**< serial number that the developer gives */
    uint32_t reserved1;      /**< 0 */
    char manufacturer[32];   /**< ASCII, padded with 0; no terminator needed */
    char product[16];        /**< ASCII, padded with 0; no terminator needed */
};

/** What mkfm puts before the ELF file, little endian, 96 bytes. */
struct k7_fm_envelope {
    uint32_t magic;             /**< K7_FM_ENVELOPE_MAGIC */
    uint32_t envelope_size;     /**< sizeof(struct k7_fm_envelope): where the ELF starts */
    uint32_t elf_size;          /**< bytes of ELF that follow, to the end of the content */
    uint32_t reserved;          /**< 0 */
    uint64_t build_time;        /**< seconds since 1970, UTC */
    struct k7_fm_header header; /**< copy of the bytes at K7_FM_IMAGE_BASE */
};

#ifdef __cplusplus
#define K7_FM_ASSERT static_assert
#else
#define K7_FM_ASSERT _Static_assert
#endif
K7_FM_ASSERT(sizeof(struct k7_fm_header) == 72, "the FM header is 72 bytes on every side");
K7_FM_ASSERT(sizeof(struct k7_fm_envelope) == 96, "the FM envelope is 96 bytes on every side");

#endif /* __ASSEMBLER__ */

/* ---- Services --------------------------------------------------------------
 *
 * `ecall` with the number in a7, arguments in a0 .. a5, result in a0. All other
 * registers keep their values. A bad pointer or length gives an error result,
 * never a fault; an unknown number is a fault (K7_FM_FAULT_BAD_SERVICE).
 * Pointers must lie in pages that the FM itself may read, or write, for the
 * whole length. Result < 0x80000000 is success for services that give a value;
 * errors are the K7_FM_E_* below (FMSW_*), or SMFS_ERR_* for SMFS services.
 */
#define K7_FM_SVC_REGISTER_RANDOM 1 /* (fm_id, handler): handler(token, request, length) */
#define K7_FM_SVC_REGISTER_STREAM 2 /* (fm_id, handler): handler(token) */
#define K7_FM_SVC_SEND_REPLY 3      /* (token, status): ends the message */
#define K7_FM_SVC_GET_FMID 4        /* () -> FM ID */
#define K7_FM_SVC_REPLY_BUFFER 5    /* (token, length) -> K7_FM_REPLY_BASE; sets the reply's length */
#define K7_FM_SVC_IO_READ 6         /* (token, buffer, length) -> bytes read from the request stream */
#define K7_FM_SVC_IO_WRITE 7        /* (token, buffer, length) -> bytes appended to the reply */
#define K7_FM_SVC_IO_READ_POSITION 8   /* (token, advance) -> position after advancing */
#define K7_FM_SVC_IO_REQUEST_LENGTH 9  /* (token) -> length of the request */
#define K7_FM_SVC_IO_REPLY_CAPACITY 10 /* (token) -> bytes that the host takes */
#define K7_FM_SVC_IO_WRITE_POSITION 11 /* (token, advance) -> length of the reply after advancing */
#define K7_FM_SVC_LOG 16            /* (text, length): one line for the FM log, cut at 256 bytes */
#define K7_FM_SVC_ABORT 17          /* (text, length): give up on purpose; never returns: a fault */
#define K7_FM_SVC_TIME 18           /* (uint64_t *microseconds since 1970, UTC) -> 0 */
#define K7_FM_SVC_MONOTONIC 19      /* (uint64_t *microseconds since firmware start) -> 0 */
#define K7_FM_SVC_RANDOM 20         /* (buffer, length up to 65536) -> 0 */
#define K7_FM_SVC_TIMER_START 21    /* (timer, first, period, handler) -> 0; milliseconds; handler(timer) */
#define K7_FM_SVC_TIMER_STOP 22     /* (timer) -> 0, also when it does not run */
#define K7_FM_SVC_SHA256 24         /* (data, length, uint8_t digest[32]) -> 0 */
#define K7_FM_SVC_HMAC_SHA256 25    /* (key, key_length, data, length, uint8_t mac[32]) -> 0 */
#define K7_FM_SVC_SMFS_CREATE_DIR 32   /* (path, entries) -> 0 */
#define K7_FM_SVC_SMFS_CREATE_FILE 33  /* (path, size) -> 0 */
#define K7_FM_SVC_SMFS_OPEN 34         /* (path, uint32_t *handle) -> 0 */
#define K7_FM_SVC_SMFS_CLOSE 35        /* (handle) -> 0 */
#define K7_FM_SVC_SMFS_READ 36         /* (handle, offset, buffer, length) -> 0; never beyond the file's size */
#define K7_FM_SVC_SMFS_WRITE 37        /* (handle, offset, buffer, length) -> 0; committed when it returns */
#define K7_FM_SVC_SMFS_DELETE 38       /* (path) -> 0; a file or an empty directory */
#define K7_FM_SVC_SMFS_RENAME 39       /* (path, new name in the same directory) -> 0 */
#define K7_FM_SVC_SMFS_ATTR 40         /* (path, uint32_t attr[2] = {size, is directory}) -> 0 */
#define K7_FM_SVC_SMFS_FREE 41         /* (uint32_t *bytes) -> 0 */
#define K7_FM_SVC_SMFS_FIND_INIT 42    /* (directory path, name pattern with '*' and '?', uint32_t *search) -> 0 */
#define K7_FM_SVC_SMFS_FIND 43         /* (search, char name[K7_FM_SMFS_NAME_MAX]) -> 0 or NOT_FOUND at the end */
#define K7_FM_SVC_SMFS_FIND_CLOSE 44   /* (search) -> 0 */
#define K7_FM_SVC_SMFS_FILE_ATTR 45    /* (handle, uint32_t attr[2]) -> 0 */

/* Results of the dispatch and general services (FMSW_*). */
#define K7_FM_OK 0
#define K7_FM_E_BAD_POINTER K7_FM_U(0x80000001)
#define K7_FM_E_INSUFFICIENT_RESOURCES K7_FM_U(0x80000002)
#define K7_FM_E_BAD_FM_NUMBER K7_FM_U(0x80000003)
#define K7_FM_E_ALREADY_REGISTERED K7_FM_U(0x80000004)
#define K7_FM_E_BAD_TOKEN K7_FM_U(0x80000005)
#define K7_FM_E_BAD_LENGTH K7_FM_U(0x80000006)
#define K7_FM_E_NOT_READY K7_FM_U(0x80000007)

/* Results of the SMFS services; numbers as in the ProtectToolkit SMFS reference. */
#define K7_FM_SMFS_OK 0
#define K7_FM_SMFS_ERROR 1
#define K7_FM_SMFS_NOT_INITED 2
#define K7_FM_SMFS_MEMORY 3
#define K7_FM_SMFS_NAME_TOO_LONG 4
#define K7_FM_SMFS_RESOURCES 5
#define K7_FM_SMFS_PARAMETER 6
#define K7_FM_SMFS_ACCESS 7
#define K7_FM_SMFS_NOT_FOUND 8
#define K7_FM_SMFS_BUSY 9
#define K7_FM_SMFS_EXIST 10
#define K7_FM_SMFS_FILE_TYPE 11

/** Timers of one FM, numbered from 0. */
#define K7_FM_TIMERS_MAX 8
/** Shortest and longest time of a timer, in milliseconds: an FM that is called all the time keeps others waiting. */
#define K7_FM_TIMER_SHORTEST K7_FM_U(10)
#define K7_FM_TIMER_LONGEST K7_FM_U(86400000)

/** SMFS limits: a name with its terminator, a path, open files, searches (SMFS reference). */
#define K7_FM_SMFS_NAME_MAX 17
#define K7_FM_SMFS_PATH_MAX 100
#define K7_FM_SMFS_OPEN_MAX 32
#define K7_FM_SMFS_SEARCH_MAX 16

#endif /* K7_FM_ABI_H */
