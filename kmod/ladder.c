// SPDX-License-Identifier: GPL-2.0
/*
 * What the driver does when an answer does not come: from a look at the card up
 * to a reset of the function.
 */
#include "regs.h"

/* When the request was sent that the card has had longest, and its deadline. */
static bool k7_ring_oldest(struct k7_ring *ring, unsigned long *sent, unsigned long *deadline)
{
	unsigned int slot;
	bool found = false;

	if (!READ_ONCE(ring->in_flight))
		return false;
	spin_lock_irq(&ring->lock);
	for (slot = 0; slot < ring->entries; slot++) {
		struct k7_request *req = ring->slots[slot];

		if (!req || (found && !time_before(req->sent, *sent)))
			continue;
		*sent = req->sent;
		*deadline = req->deadline;
		found = true;
	}
	spin_unlock_irq(&ring->lock);
	return found;
}

/**
 * k7_rings_overdue - does the card seem to be stuck?
 * @k7:		card
 *
 * It is when the oldest request is past its deadline. That of a younger one tells
 * nothing: the card may be busy with an older one that was given more time.
 */
bool k7_rings_overdue(struct k7_device *k7)
{
	unsigned long sent, deadline, oldest_sent = 0, oldest_deadline = 0;
	bool found = false;
	unsigned int i;

	for (i = 0; i < k7->ring_count; i++) {
		if (!k7_ring_oldest(&k7->rings[i], &sent, &deadline))
			continue;
		if (found && !time_before(sent, oldest_sent))
			continue;
		oldest_sent = sent;
		oldest_deadline = deadline;
		found = true;
	}
	return found && time_after_eq(jiffies, oldest_deadline);
}

/* Interrupts take microseconds: what lies here for long has lost its interrupt. */
static void k7_ring_check(struct k7_ring *ring)
{
	unsigned long sent, deadline;

	if (!k7_ring_oldest(ring, &sent, &deadline))
		return;
	if (time_before(jiffies, sent + K7_HEALTH_PERIOD / 2) || !k7_ring_reap(ring))
		return;
	atomic_inc(&ring->k7->counters.completions_polled);
	dev_warn_ratelimited(&ring->k7->dev, "ring %u: completion polled\n", ring->index);
}

/**
 * k7_rings_check - look for lost interrupts and for requests that nobody answers
 * @k7:		card
 */
void k7_rings_check(struct k7_device *k7)
{
	unsigned int i;

	for (i = 0; i < k7->ring_count; i++)
		k7_ring_check(&k7->rings[i]);
	/* Whoever waited for it may have left long ago. */
	if (k7_rings_overdue(k7))
		k7_reset_after_timeout(k7);
}

/*
 * Nothing came in time. In this order: gone, interrupt lost, firmware dead, stuck.
 * A caller in a hurry only loses patience: the card is reset when it is late by
 * the driver's own measure.
 */
int k7_request_late(struct k7_device *k7, struct k7_request *req, struct k7_ring *ring)
{
	u32 state;

	guard(rwsem_read)(&k7->gate);
	if (k7_going(k7))
		return -ENODEV;
	k7_ring_reap(ring);
	if (completion_done(&req->done)) {
		atomic_inc(&k7->counters.completions_polled);
		dev_warn_ratelimited(&k7->dev, "ring %u: completion polled\n", ring->index);
		return 0;
	}
	if (k7_read_status(k7, K7_REG_STATE, &state)) {
		k7_card_kick(k7);
		return -ENODEV;
	}
	if (!k7_card_runs(state)) {
		k7_card_kick(k7);
		return -ECANCELED;
	}
	atomic_inc(&k7->counters.timeouts);
	dev_warn_ratelimited(&k7->dev, "command %#x of channel %u was not answered in time\n",
			     req->opcode, req->channel);
	if (k7_rings_overdue(k7))
		k7_reset_after_timeout(k7);
	return -ETIMEDOUT;
}
