/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels that the driver builds for, 6.1 and later.
 * No other file tests LINUX_VERSION_CODE.
 */
#ifndef K7_COMPAT_H
#define K7_COMPAT_H

#include <linux/kconfig.h>
#include <linux/pci.h>
#include <linux/version.h>

/* class.devnode takes a const device since 6.2. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define K7_CLASS_DEVICE		const struct device
#else
#define K7_CLASS_DEVICE		struct device
#endif

/* class_create() does not take the module any more since 6.4. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define k7_class_create(name)	class_create(name)
#else
#define k7_class_create(name)	class_create(THIS_MODULE, name)
#endif

#if IS_ENABLED(CONFIG_IO_URING)

/* What commands of io_uring need has a header of its own since 6.8. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif

/* The command area of the queue entry. A command has the whole entry since 6.5. */
static inline const void *k7_uring_area(const struct io_uring_cmd *cmd)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return cmd->sqe->cmd;
#else
	return cmd->cmd;
#endif
}

/* Commands can be cancelled since 6.7; before that they end by their timeouts. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
static inline bool k7_uring_is_cancel(unsigned int issue_flags)
{
	return issue_flags & IO_URING_F_CANCEL;
}

static inline void k7_uring_mark_cancelable(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	io_uring_cmd_mark_cancelable(cmd, issue_flags);
}
#else
static inline bool k7_uring_is_cancel(unsigned int issue_flags)
{
	return false;
}

static inline void k7_uring_mark_cancelable(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
}
#endif

/*
 * Task work gets a request of io_uring instead of the command since 6.19, and the
 * second word of a big completion has a function of its own since 6.18. Built and
 * run on 6.1 and 6.12, built for 7.3.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define K7_URING_TASK_WORK(run)								\
static void run##_tw(struct io_tw_req tw_req, io_tw_token_t tw)				\
{											\
	run(io_uring_cmd_from_tw(tw_req), IO_URING_CMD_TASK_WORK_ISSUE_FLAGS);		\
}
#define k7_uring_complete_in_task(cmd, run)	io_uring_cmd_complete_in_task(cmd, run##_tw)
#else
#define K7_URING_TASK_WORK(run)
#define k7_uring_complete_in_task(cmd, run)	io_uring_cmd_complete_in_task(cmd, run)
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define k7_uring_cmd_done			io_uring_cmd_done32
#else
#define k7_uring_cmd_done			io_uring_cmd_done
#endif

#endif /* CONFIG_IO_URING */

/* Renamed in 6.8. */
#ifndef PCI_IRQ_INTX
#define PCI_IRQ_INTX		PCI_IRQ_LEGACY
#endif

/* In trace events, __assign_str() takes the source from __string() since 6.10. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define K7_ASSIGN_STR(field, source)	__assign_str(field)
#else
#define K7_ASSIGN_STR(field, source)	__assign_str(field, source)
#endif

/* The firmware upload has a word for an image that is wrong in itself since 6.10. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define K7_FW_UPLOAD_ERR_INVALID	FW_UPLOAD_ERR_FW_INVALID
#else
#define K7_FW_UPLOAD_ERR_INVALID	FW_UPLOAD_ERR_HW_ERROR
#endif

#endif /* K7_COMPAT_H */
