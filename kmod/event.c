// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events, on their way from the card to open files.
 */
#include <linux/freezer.h>

#include "regs.h"
#include "visible.h"

/* Card and ABI use the same bits, so that nothing is translated on the way. */
static_assert(K7_EVENT_STATE == K7_EVENT_STATE_CHANGED);
static_assert(K7_EVENT_FAULT == K7_EVENT_NEW_FAULT);
static_assert(K7_EVENT_FM_LIST == K7_EVENT_FMS_CHANGED);
static_assert(K7_EVENT_SMFS == K7_EVENT_SMFS_CHANGED);
static_assert(K7_EVENT_LOG == K7_EVENT_FM_LOG);

#define K7_EVENTS_PASSED_ON	(K7_EVENT_FM_LIST | K7_EVENT_SMFS | K7_EVENT_LOG)
#define K7_EVENTS_TO_LOOK_AT	(K7_EVENT_STATE | K7_EVENT_FAULT)

/* Rounds of event collection in one interrupt; a card that has more to say is looked at later. */
#define K7_EVENT_ROUNDS		8

/**
 * k7_event_mask - choose the events that interrupt
 * @k7:		card
 * @mask:	K7_EVENT_* of the card, 0: none
 */
void k7_event_mask(struct k7_device *k7, u32 mask)
{
	k7_write(k7, K7_REG_EVENT_MASK, mask);
}

/*
 * Take the events that the card has. It interrupts when its pending events become
 * non-zero: unless all of them are cleared here, there is no further interrupt.
 */
void k7_event_collect(struct k7_device *k7)
{
	u32 status, seen = 0;
	unsigned int i;

	for (i = 0; i < K7_EVENT_ROUNDS; i++) {
		if (k7_read_status(k7, K7_REG_EVENT_STATUS, &status)) {
			seen = K7_EVENTS_TO_LOOK_AT;
			break;
		}
		if (!status)
			break;
		k7_write(k7, K7_REG_EVENT_STATUS, status);
		seen |= status;
	}
	if (seen & K7_EVENTS_PASSED_ON)
		k7_event_post(k7, seen & K7_EVENTS_PASSED_ON);
	if (seen & K7_EVENT_LOG)
		k7_fm_log_kick(k7);
	/* State and faults are posted when the rings have followed them. */
	if (seen & K7_EVENTS_TO_LOOK_AT)
		k7_card_kick(k7);
}

/**
 * k7_event_post - let all open files have events
 * @k7:		card
 * @events:	K7_EVENT_* of the ABI
 *
 * From any context.
 */
void k7_event_post(struct k7_device *k7, u32 events)
{
	struct k7_file *kf;

	scoped_guard(spinlock_irqsave, &k7->files_lock) {
		list_for_each_entry(kf, &k7->files, node)
			WRITE_ONCE(kf->pending, kf->pending | events);
	}
	wake_up_all(&k7->wait);
}

/* Take the pending events of @mask from @kf. */
u32 k7_event_take(struct k7_file *kf, u32 mask)
{
	u32 taken;

	spin_lock_irq(&kf->k7->files_lock);
	taken = kf->pending & mask;
	WRITE_ONCE(kf->pending, kf->pending & ~mask);
	spin_unlock_irq(&kf->k7->files_lock);
	return taken;
}

static bool k7_event_is_pending(const struct k7_file *kf, u32 mask)
{
	return (READ_ONCE(kf->pending) & mask) || k7_going(kf->k7);
}

/**
 * k7_event_wait - wait for events
 * @kf:	open file
 * @mask:	events wanted
 * @timeout_ms:	0: do not wait; 0xffffffff: for ever
 * @events:	filled; 0 after the timeout
 *
 * Return: 0, -EINTR or -ENODEV.
 */
int k7_event_wait(struct k7_file *kf, u32 mask, u32 timeout_ms, u32 *events)
{
	long left = timeout_ms == U32_MAX ? MAX_SCHEDULE_TIMEOUT : msecs_to_jiffies(timeout_ms);

	for (;;) {
		if (k7_going(kf->k7))
			return -ENODEV;
		*events = k7_event_take(kf, mask);
		/* Another thread may have been quicker: then wait on. */
		if (*events || !left)
			return 0;
		/* A suspend does not end the wait. */
		left = wait_event_freezable_timeout(kf->k7->wait, k7_event_is_pending(kf, mask),
						    left);
		if (left < 0)
			return -EINTR;
	}
}
