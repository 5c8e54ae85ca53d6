/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels that the driver builds for, 6.1 and later.
 * No other file tests LINUX_VERSION_CODE.
 */
#ifndef K7_COMPAT_H
#define K7_COMPAT_H

#include <linux/version.h>

/* class.devnode takes a const device since 6.2. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define K7_CLASS_DEVICE		const struct device
#else
#define K7_CLASS_DEVICE		struct device
#endif

#endif /* K7_COMPAT_H */
