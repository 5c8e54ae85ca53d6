/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/**
 * @file payload.h
 * What requests and replies hold: firmware commands (include/k7/commands.def)
 * and boot loader queries (include/k7/hw.h). Shared by the card and libhsm; the
 * driver passes payloads on and looks only into struct k7_identity.
 *
 * Little endian, naturally aligned, no hidden padding; reserved fields are 0.
 * A structure only ever grows at its end: readers take the length that came.
 */
#ifndef K7_PAYLOAD_H
#define K7_PAYLOAD_H

#include <linux/types.h>

/** struct k7_identity - reply of K7_BOOT_IDENTIFY, 256 bytes. Texts: ASCII, padded with 0.
 * Versions: major in 31:16, minor in 15:8, patch in 7:0.
 */
struct k7_identity {
	char model[16];
	char esn[16];		/* XXXX-XXXX-XXXX */
	char label[32];		/* given by the HSM SO; empty when not initialised */
	char part_number[16];
	__le32 hardware_version;
	__le32 boot_loader_version;
	__le32 firmware_version;
	__le32 interface_version;	/* as in K7_REG_VERSION */
	char firmware_build[64];	/* free text */
	__le32 features;		/* K7_FEATURE_* */
	__le32 rings;
	__le32 ring_entries;		/* per ring, at most */
	__le32 payload_max;		/* bytes */
	__le32 channels;
	__le32 fm_capacity;		/* FMs that fit */
	__le32 fm_image_max;		/* bytes of an .fm file */
	__le32 fm_memory_max;		/* bytes of memory of one FM */
	__u8 reserved[64];
};

enum k7_smfs_state {
	K7_SMFS_INACTIVE = 0,	/* holds content, not activated */
	K7_SMFS_ACTIVE = 1,
	K7_SMFS_DAMAGED = 2,	/* not what was written, or older: the card's log says what */
};

/** struct k7_card_state - reply of K7_BOOT_STATE, 128 bytes */
struct k7_card_state {
	__le32 state;		/* enum k7_state */
	__le32 reason;		/* enum k7_reason */
	__le32 generation;
	__le32 boot_mode;	/* enum k7_boot_mode of the last start */
	__le64 uptime_ms;	/* since power on */
	__le64 time;		/* card's clock: seconds since 1970, UTC */
	__le32 fault_sequence;
	__le32 fm_count;	/* FMs in the store, running or not */
	__le64 fm_bytes;	/* bytes of images in the store */
	__le32 smfs_state;	/* enum k7_smfs_state */
	__le32 smfs_generation;	/* raised by each erase of the SMFS */
	__le32 smfs_files;
	__le32 smfs_directories;	/* without the root */
	__le64 smfs_used;	/* bytes */
	__le64 smfs_capacity;	/* bytes */
	__le32 resets;		/* since power on */
	__le32 faults;		/* since power on */
	__le32 temperature_mc;	/* signed, millidegrees Celsius; 0: no such sensor, as below */
	__le32 core_mv;		/* millivolts */
	__le32 battery_mv;
	__le32 security;	/* K7_SECURITY_*; 0 in FAILED */
	__le32 login_attempts;	/* of the HSM SO that are left; 0: not initialised */
	__le32 reserved[5];
};

#define K7_SECURITY_INITIALISED		(1u << 0)
#define K7_SECURITY_FMS_ALLOWED		(1u << 1)	/* policy K7_POLICY_FM */
#define K7_SECURITY_FMS_WERE_ALLOWED	(1u << 2)	/* now or ever; nothing clears it */
#define K7_SECURITY_SMFS_AUTO		(1u << 3)	/* policy K7_POLICY_SMFS_AUTO_ACTIVATION */
#define K7_SECURITY_ISOLATE		(1u << 4)	/* policy K7_POLICY_FAULT is ISOLATE */
#define K7_SECURITY_DECOMMISSIONED	(1u << 5)	/* and not initialised since */

/** GET_RANDOM: arg0 = bytes wanted, 1 .. PAYLOAD_MAX. Reply: that many bytes. */

/** What an FM is. */
enum k7_fm_status {
	K7_FM_STATUS_LOADED = 1,	/* in the store: needs a restart to activate */
	K7_FM_STATUS_ENABLED = 2,	/* running */
	K7_FM_STATUS_FAULTED = 3,	/* it faulted and was stopped: K7_POLICY_FAULT_ISOLATE */
	K7_FM_STATUS_FAILED = 4,	/* it did not start: startup says why */
};

enum k7_fm_startup {
	K7_FM_STARTUP_NOT_STARTED = 0,	/* not applicable: FM not started */
	K7_FM_STARTUP_OK = 1,
	K7_FM_STARTUP_FAILED = 2,	/* start-up function failed; startup_value: its error */
	K7_FM_STARTUP_REFUSED = 3,	/* the card did not run it; startup_value: enum k7_status */
};

/** struct k7_fm_info - one FM, 192 bytes */
struct k7_fm_info {
	__le32 fm_id;
	__le32 fm_version;	/* major in 15:8, minor in 7:0 */
	__le32 serial;
	__le32 status;		/* enum k7_fm_status */
	__le32 startup;		/* enum k7_fm_startup */
	__le32 startup_value;	/* as startup says */
	__le32 image_size;	/* bytes of the .fm file */
	__le32 memory_size;	/* bytes of memory of all segments */
	__le64 build_time;	/* seconds since 1970, UTC, as mkfm wrote it */
	__le64 load_time;	/* seconds since 1970, UTC, by the card's clock */
	__le64 calls;		/* since firmware start */
	char manufacturer[32];	/* padded with 0 */
	char product[16];	/* padded with 0 */
	__u8 fingerprint[32];	/* SHA-256 of the signed content */
	char certificate[32];	/* label of the certificate that it was signed with */
	__le32 smfs_used;	/* bytes of the files in its own SMFS tree */
	__le32 smfs_nodes;	/* files and directories; both 0 while the SMFS is inactive */
	__u8 reserved[16];
};

/** struct k7_fm_list - reply of FM_LIST: ordered by FM ID. A replaced FM that still
 * runs in its old version is listed once, as the new version with status LOADED.
 */
struct k7_fm_list {
	__le32 count;
	__le32 reserved;
	struct k7_fm_info fms[];
};

/** struct k7_fm_load - request of FM_LOAD_BEGIN: 48 bytes, then certificate_size bytes of
 * X.509 certificate (DER). Without one, label names a stored certificate; without
 * both, any stored certificate that fits the image is used. The certificate is
 * stored, under label (default: its common name), when the load is committed.
 * One load at a time per card; it belongs to its channel and ends with it.
 *
 * FM_LOAD_DATA: arg0 = offset (must be the number of bytes sent so far), payload = bytes.
 * FM_LOAD_COMMIT: checks everything, stores in one transaction, replies struct k7_fm_info. An image
 * of a lower version than the FM that it would replace is refused (IMAGE_OLDER) without
 * K7_FM_LOAD_ALLOW_DOWNGRADE.
 * FM_LOAD_ABORT: forgets the load.
 */
enum k7_fm_load_flags {
	K7_FM_LOAD_ALLOW_DOWNGRADE = 1 << 0,	/* a lower version may replace a higher one */
};

struct k7_fm_load {
	__le32 image_size;	/* bytes of the .fm file, 1 .. fm_image_max */
	__le32 certificate_size;	/* 0 .. 0x4000 - 48 */
	__le32 flags;		/* enum k7_fm_load_flags */
	__le32 reserved;
	char label[32];		/* padded with 0 */
};

/** FM_DELETE: arg0 = FM ID. */
/** FM_CALL: arg0 = FM ID; payload = request; reply = the FM's reply; result = the FM's status. */
/** FM_LOG: arg0 = first line number wanted; result = number of the line after the last one
 * returned. Reply: text, a line each "FMID text\n"; lines that were dropped are skipped.
 */

/** struct k7_certificate_info - one stored certificate, 128 bytes; CERT_LIST replies
 * a struct k7_certificate_list
 */
struct k7_certificate_info {
	char label[32];
	char subject[64];	/* common name, cut */
	__u8 fingerprint[32];	/* SHA-256 of the DER */
};

struct k7_certificate_list {
	__le32 count;
	__le32 reserved;
	struct k7_certificate_info certificates[];
};

/** What protects the SMFS besides its own key. */
#define K7_SMFS_HAS_ROOT_KEY	(1u << 0)	/* sealed under a key outside of the store */
#define K7_SMFS_HAS_COUNTER	(1u << 1)	/* an old copy of the store is noticed */

/** SMFS_INFO replies struct k7_smfs_info, 64 bytes (32 in older firmware).
 * SMFS_ACTIVATE: no payload.
 */
struct k7_smfs_info {
	__le32 state;		/* enum k7_smfs_state */
	__le32 generation;
	__le32 files;
	__le32 directories;
	__le64 used;
	__le64 capacity;
	__le64 quota;		/* bytes of files that one FM may have */
	__le64 counter;		/* changes of the SMFS since the store was made */
	__le32 nodes_max;	/* files and directories that fit */
	__le32 flags;		/* K7_SMFS_HAS_* */
	__le32 reserved[2];
};

enum k7_smfs_finding_kind {
	K7_SMFS_FINDING_ALL = 1,	/* root or table damaged, or an old copy: unreadable */
	K7_SMFS_FINDING_FILE = 2,	/* a file is damaged, or blocks of it are of another time */
	K7_SMFS_FINDING_STRAY = 3,	/* blocks that belong to nothing */
};

/** struct k7_smfs_finding - something that SMFS_CHECK found, 24 bytes */
struct k7_smfs_finding {
	__le32 kind;		/* enum k7_smfs_finding_kind */
	__le32 fm_id;		/* FILE: whose, 0: of a tree that the FMs of a signer share */
	__le64 file;		/* FILE: its number; names are the FM's secret */
	__le32 block;		/* FILE: the first one that is damaged, as far as it is known */
	__le32 reserved;
};

/** struct k7_smfs_check - reply of SMFS_CHECK: every block of the SMFS was read and its
 * seal checked. Findings beyond the room of the reply are counted, not listed.
 */
struct k7_smfs_check {
	__le32 state;		/* enum k7_smfs_state */
	__le32 generation;
	__le32 files;		/* that were checked */
	__le32 directories;
	__le64 blocks;		/* in the store, of 4096 bytes each */
	__le64 counter;		/* as in struct k7_smfs_info */
	__le32 flags;		/* K7_SMFS_HAS_* */
	__le32 found;		/* findings in all */
	__le32 listed;		/* findings that follow */
	__le32 reserved;
	char reason[144];	/* ALL: why, as text padded with 0 */
	struct k7_smfs_finding findings[];
};

/* ---- Roles and policies (docs/roles.md) ---- */

#define K7_PASSWORD_MIN		8	/* bytes of a password that is set */
#define K7_PASSWORD_MAX		255
#define K7_LOGIN_ATTEMPTS	3	/* wrong passwords in a row that zeroize the HSM */

/* While such a login lasts, all channels may load FMs: for the kernel's upload. */
#define K7_LOGIN_SHARED		(1u << 0)
/* The logout is one of all channels whose login is shared, too. */
#define K7_LOGOUT_SHARED	(1u << 0)

/** struct k7_hsm_init - request of HSM_INIT: 32 bytes, then the HSM SO's password,
 * K7_PASSWORD_MIN .. K7_PASSWORD_MAX bytes. An HSM that is initialised already needs
 * the SO's login on this channel, and loses its SMFS.
 *
 * HSM_LOGIN: payload = password, arg0 = 0 or K7_LOGIN_SHARED. HSM_LOGOUT: no payload,
 * arg0 = 0 or K7_LOGOUT_SHARED; the result is the number of shared logins that it ended.
 * HSM_PASSWORD: payload = the new password. HSM_ZEROIZE, HSM_FACTORY_RESET,
 * HSM_DECOMMISSION: no payload.
 */
struct k7_hsm_init {
	char label[32];		/* 1 .. 31 characters, padded with 0 */
};

/** Policies; 50 and 51 are the numbers that the field knows. */
enum k7_policy_number {
	K7_POLICY_FM = 50,			/* 1: FMs may be loaded and run */
	K7_POLICY_SMFS_AUTO_ACTIVATION = 51,	/* 1: a firmware start activates the SMFS */
	K7_POLICY_FAULT = 1000,			/* enum k7_policy_fault */
};

/** What a fault of an FM does. */
enum k7_policy_fault {
	K7_POLICY_FAULT_HALT = 0,	/* the card halts */
	K7_POLICY_FAULT_ISOLATE = 1,	/* that FM is stopped, the others go on */
};

#define K7_POLICY_DESTRUCTIVE	(1u << 0)	/* a change erases all FMs and the SMFS */

/** struct k7_policy - one policy, 16 bytes; POLICY_LIST replies a struct k7_policy_list.
 * POLICY_SET: arg0 = number, arg1 = value.
 */
struct k7_policy {
	__le32 number;		/* enum k7_policy_number */
	__le32 value;
	__le32 flags;		/* K7_POLICY_DESTRUCTIVE */
	__le32 maximum;		/* values are 0 .. this */
};

struct k7_policy_list {
	__le32 count;
	__le32 reserved;
	struct k7_policy policies[];
};

#endif /* K7_PAYLOAD_H */
