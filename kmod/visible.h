/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one can see of a card beyond sysfs and traces: debugfs, sensors, core dumps,
 * and the upload of FM images through the kernel's firmware interface. What the
 * kernel has no support for compiles to nothing.
 *
 * None of it shows a payload, an argument of a command or a pointer.
 */
#ifndef K7_VISIBLE_H
#define K7_VISIBLE_H

#include <linux/kconfig.h>
#include <linux/types.h>

struct k7_device;
struct seq_buf;

/* describe.c: text for debugfs and core dumps */
void k7_describe_registers(struct seq_buf *text, struct k7_device *k7);
void k7_describe_rings(struct seq_buf *text, struct k7_device *k7);
void k7_describe_requests(struct seq_buf *text, struct k7_device *k7);
void k7_describe_counters(struct seq_buf *text, struct k7_device *k7);

#if IS_ENABLED(CONFIG_DEBUG_FS)
void k7_debugfs_init(void);
void k7_debugfs_exit(void);
void k7_debugfs_add(struct k7_device *k7);
void k7_debugfs_remove(struct k7_device *k7);
#else
static inline void k7_debugfs_init(void) {}
static inline void k7_debugfs_exit(void) {}
static inline void k7_debugfs_add(struct k7_device *k7) {}
static inline void k7_debugfs_remove(struct k7_device *k7) {}
#endif

#if IS_ENABLED(CONFIG_FAULT_INJECTION_DEBUG_FS)
struct dentry;
void k7_fault_inject_add(struct k7_device *k7, struct dentry *parent);
int k7_fault_inject_request(struct k7_device *k7);
#else
/* Return: the errno that a request shall end with, 0: the card's answer counts. */
static inline int k7_fault_inject_request(struct k7_device *k7)
{
	return 0;
}
#endif

#if IS_REACHABLE(CONFIG_HWMON)
void k7_hwmon_add(struct k7_device *k7);
void k7_hwmon_remove(struct k7_device *k7);
#else
static inline void k7_hwmon_add(struct k7_device *k7) {}
static inline void k7_hwmon_remove(struct k7_device *k7) {}
#endif

#if IS_ENABLED(CONFIG_DEV_COREDUMP)
void k7_coredump(struct k7_device *k7, const char *cause);
void k7_coredump_keep(struct k7_device *k7);
void k7_coredump_forget(struct k7_device *k7);
#else
static inline void k7_coredump(struct k7_device *k7, const char *cause) {}
static inline void k7_coredump_keep(struct k7_device *k7) {}
static inline void k7_coredump_forget(struct k7_device *k7) {}
#endif

#if IS_ENABLED(CONFIG_FW_UPLOAD)
void k7_fw_upload_add(struct k7_device *k7);
void k7_fw_upload_remove(struct k7_device *k7);
#else
static inline void k7_fw_upload_add(struct k7_device *k7) {}
static inline void k7_fw_upload_remove(struct k7_device *k7) {}
#endif

/* fm_log.c: what FMs print, in the kernel's log */
void k7_fm_log_add(struct k7_device *k7);
void k7_fm_log_remove(struct k7_device *k7);
void k7_fm_log_kick(struct k7_device *k7);
void k7_fm_log_resume(struct k7_device *k7);

/* After the node has appeared; the card can be used. */
static inline void k7_visible_add(struct k7_device *k7)
{
	k7_debugfs_add(k7);
	k7_hwmon_add(k7);
	k7_fw_upload_add(k7);
	k7_fm_log_add(k7);
}

/* Before the hardware goes. Waits for readers, whom the state DELETING sends home. */
static inline void k7_visible_remove(struct k7_device *k7)
{
	k7_hwmon_remove(k7);
	k7_debugfs_remove(k7);
}

#endif /* K7_VISIBLE_H */
