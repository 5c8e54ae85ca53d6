/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the kernels that the driver builds for, 6.1 and later.
 * No other file tests LINUX_VERSION_CODE.
 */
#ifndef K7_COMPAT_H
#define K7_COMPAT_H

#include <linux/pci.h>
#include <linux/version.h>

/* class.devnode takes a const device since 6.2. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define K7_CLASS_DEVICE		const struct device
#else
#define K7_CLASS_DEVICE		struct device
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

/* Renamed in 6.8. */
#ifndef PCI_IRQ_INTX
#define PCI_IRQ_INTX		PCI_IRQ_LEGACY
#endif

#endif /* K7_COMPAT_H */
