/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access to BAR 0. A card that is gone reads as all ones, which is no value of
 * any register (mailbox data and ESN excepted): whoever reads a register to act
 * on it uses k7_read_status().
 */
#ifndef K7_REGS_H
#define K7_REGS_H

#include <linux/io.h>

#include "k7.h"

#define K7_GONE		0xffffffffu

static inline u32 k7_read(struct k7_device *k7, u32 reg)
{
	return readl(k7->mmio + reg);
}

static inline void k7_write(struct k7_device *k7, u32 reg, u32 value)
{
	writel(value, k7->mmio + reg);
}

/* Return: 0, or -ENODEV when the card is gone. */
static inline int k7_read_status(struct k7_device *k7, u32 reg, u32 *value)
{
	*value = k7_read(k7, reg);
	return *value == K7_GONE ? -ENODEV : 0;
}

static inline u32 k7_ring_read(struct k7_ring *ring, u32 reg)
{
	return k7_read(ring->k7, K7_REG_RING(ring->index) + reg);
}

static inline void k7_ring_write(struct k7_ring *ring, u32 reg, u32 value)
{
	k7_write(ring->k7, K7_REG_RING(ring->index) + reg, value);
}

#endif /* K7_REGS_H */
