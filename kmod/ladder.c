// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver does when an answer does not come: the ladder, from a look at
 * the card up to a reset of the function. docs/driver.md has the table.
 *
 * Whoever waits only looks, and goes when its own time is over; what is done
 * about the card is decided by one, the workqueue, so that it happens once.
 */
#include <linux/slab.h>

#include "regs.h"
#include "trace.h"

/* After an abort, for the request to come back. Also the time between rungs. */
#define K7_ABORT_GRACE		HZ
/* Aborts that a ring has in flight at most: a card that ignores them is not flooded. */
#define K7_ABORTS_MAX		4
/* Requests that can end before the oldest without telling that it is lost, generously. */
#define K7_OVERTAKEN_MAX	(2 * K7_RING_MAX)
/* Between two resets that nobody asked for. */
#define K7_RESET_PAUSE		(5 * HZ)
/* How long a waiter looks on while the PCI core recovers the channel. */
#define K7_RECOVERY_WAIT	HZ
#define K7_RECOVERY_WAITS	35

/*
 * Restarts the firmware; the job goes on to a reset of the function when that does
 * not help. A card that nothing helps is not reset all the time. Return: true.
 */
static bool k7_ladder_reset(struct k7_device *k7)
{
	if (k7->next_reset && time_before(jiffies, k7->next_reset))
		return true;
	if (k7_reset_after_timeout(k7)) {
		k7->next_reset = (jiffies + K7_RESET_PAUSE) | 1;
		atomic_inc(&k7->counters.timeout_resets);
		trace_k7_ladder(k7, "reset");
	}
	return true;
}

/* ---- Rung: gone ---- */

/*
 * One register could be a glitch of the read. A card that shows no state that there
 * is, and not even that it is a K7 card, is gone: all ones mostly, or whatever else
 * the bus gives where a card has lost its addresses.
 */
static bool k7_card_is_gone(struct k7_device *k7)
{
	return !k7_card_state_known(k7_read(k7, K7_REG_STATE)) &&
	       k7_read(k7, K7_REG_MAGIC) != K7_MAGIC;
}

/* When its recovery fails, the PCI core tells nobody. */
static bool k7_recovery_failed(struct k7_device *k7)
{
	return k7->frozen_until && time_after(jiffies, k7->frozen_until);
}

static bool k7_rung_gone(struct k7_device *k7)
{
	bool gone = k7_recovery_failed(k7) || k7->pdev->error_state == pci_channel_io_perm_failure;

	if (k7_going(k7))
		return true;
	/* A reset that is running looks after the card itself, and reads as all ones meanwhile. */
	if (!gone && !pci_channel_offline(k7->pdev) && k7_state(k7) == K7_DRIVER_LIVE)
		gone = k7_card_is_gone(k7);
	if (gone)
		k7_card_gone(k7);
	return gone;
}

/* ---- Rung: the PCI core recovers the channel ---- */

static bool k7_rung_recovery(struct k7_device *k7)
{
	return pci_channel_offline(k7->pdev);
}

/* ---- Rung: the firmware does not run ---- */

static bool k7_rung_halted(struct k7_device *k7)
{
	bool served = k7->rings[0].active;
	int err;

	if (k7_state(k7) != K7_DRIVER_LIVE)
		return true;
	err = k7_card_sync(k7);
	if (err == -EIO)
		dev_warn_ratelimited(&k7->dev, "the card does not take its rings: %d\n", err);
	/* The job finds them stuck, too, and resets the function. */
	if (k7->rings_stuck)
		return k7_ladder_reset(k7);
	/* All ones, but not everywhere: perhaps on its way out. The next look will tell. */
	if (err == -ENODEV)
		return true;
	if (!served || k7_card_runs(k7->card.state))
		return false;
	atomic_inc(&k7->counters.halted);
	trace_k7_ladder(k7, "halted");
	return true;
}

/* ---- Rung: a lost interrupt ---- */

/* A request that the card has had longest, of those in one ring or in all. */
struct k7_oldest {
	unsigned int ring;
	unsigned long sent;
	u64 sent_ns;
	unsigned long patience;
};

/* Return: false when the card has none. */
static bool k7_ring_oldest(struct k7_ring *ring, struct k7_oldest *oldest)
{
	unsigned int slot;
	bool found = false;

	if (!READ_ONCE(ring->in_flight))
		return false;
	spin_lock_irq(&ring->lock);
	for (slot = 0; slot < ring->entries; slot++) {
		struct k7_request *req = ring->slots[slot];

		if (!req || (found && req->sent_ns >= oldest->sent_ns))
			continue;
		*oldest = (struct k7_oldest) {
			.ring = ring->index, .sent = req->sent,
			.sent_ns = req->sent_ns, .patience = req->patience,
		};
		found = true;
	}
	spin_unlock_irq(&ring->lock);
	return found;
}

/*
 * What nobody has asked an interrupt for, such as the end of an abort, is not
 * late: it is only fetched here.
 */
static bool k7_ring_poll_once(struct k7_ring *ring)
{
	bool owed = READ_ONCE(ring->armed);

	if (!k7_ring_reap(ring) || !owed)
		return false;
	atomic_inc(&ring->k7->counters.completions_polled);
	trace_k7_ladder(ring->k7, "poll");
	dev_warn_ratelimited(&ring->k7->dev, "ring %u: completion polled\n", ring->index);
	return true;
}

/* Interrupts take microseconds: what lies here for long has lost its interrupt. */
static bool k7_rung_poll(struct k7_device *k7)
{
	struct k7_oldest oldest;
	unsigned int i;

	for (i = 0; i < k7->ring_count; i++) {
		struct k7_ring *ring = &k7->rings[i];

		if (k7_ring_oldest(ring, &oldest) &&
		    time_after(jiffies, oldest.sent + K7_HEALTH_PERIOD / 2))
			k7_ring_poll_once(ring);
	}
	return false;
}

/* ---- Rung: abort ---- */

/* The oldest request past its deadline, without an abort yet, unless there are enough aborts. */
static struct k7_request *k7_ring_find_for_abort(struct k7_ring *ring)
{
	struct k7_request *late = NULL;
	unsigned int slot, aborts = 0;

	lockdep_assert_held(&ring->lock);
	for (slot = 0; slot < ring->entries; slot++) {
		struct k7_request *req = ring->slots[slot];

		if (!req)
			continue;
		aborts += req->opcode == K7_CMD_ABORT;
		if (req->aborted || time_before(jiffies, req->deadline))
			continue;
		if (!late || time_before(req->sent, late->sent))
			late = req;
	}
	return aborts < K7_ABORTS_MAX ? late : NULL;
}

static bool k7_ring_pick_for_abort(struct k7_ring *ring, u32 *tag)
{
	struct k7_request *late;

	spin_lock_irq(&ring->lock);
	late = k7_ring_find_for_abort(ring);
	if (late) {
		late->aborted = true;
		*tag = late->tag;
	}
	spin_unlock_irq(&ring->lock);
	return late;
}

/* An abort that cannot be sent is none: then the reset comes next. */
static void k7_ring_abort(struct k7_ring *ring, u32 tag)
{
	struct k7_request *req = k7_request_alloc(K7_CMD_ABORT, 0, 0, GFP_KERNEL);
	LIST_HEAD(reqs);

	if (!req)
		return;
	req->arg[0] = tag;
	req->aborted = true;
	req->patience = msecs_to_jiffies(k7_request_timeout(0));
	list_add(&req->node, &reqs);
	if (!k7_ring_submit(ring, &reqs, false)) {
		atomic_inc(&ring->k7->counters.aborted);
		trace_k7_ladder(ring->k7, "abort");
		dev_warn_ratelimited(&ring->k7->dev, "ring %u: a request is overdue: aborting it\n",
				     ring->index);
	}
	list_del_init(&req->node);
	k7_request_put(req);
}

static bool k7_rung_abort(struct k7_device *k7)
{
	unsigned int i;
	u32 tag;

	for (i = 0; i < k7->ring_count; i++) {
		while (k7_ring_pick_for_abort(&k7->rings[i], &tag))
			k7_ring_abort(&k7->rings[i], tag);
	}
	return false;
}

/* ---- Rung: reset ---- */

/*
 * Find the oldest request of all. The card may be busy with the oldest of any ring,
 * of which @patience is the longest. Return: false when it has none.
 */
static bool k7_rings_oldest(struct k7_device *k7, struct k7_oldest *oldest,
			    unsigned long *patience)
{
	struct k7_oldest of_ring;
	bool found = false;
	unsigned int i;

	*patience = 0;
	for (i = 0; i < k7->ring_count; i++) {
		if (!k7_ring_oldest(&k7->rings[i], &of_ring))
			continue;
		*patience = max(*patience, of_ring.patience);
		if (!found || of_ring.sent_ns < oldest->sent_ns)
			*oldest = of_ring;
		found = true;
	}
	return found;
}

/* Requests of a ring that the card is done with; wraps. */
static u32 k7_ring_ended(const struct k7_ring *ring)
{
	return READ_ONCE(ring->sequence) - READ_ONCE(ring->in_flight);
}

static u32 k7_rings_ended(const struct k7_device *k7)
{
	unsigned int i;
	u32 ended = 0;

	for (i = 0; i < k7->ring_count; i++)
		ended += k7_ring_ended(&k7->rings[i]);
	return ended;
}

/* What has happened to the oldest request since the last look. */
static void k7_watch_oldest(struct k7_device *k7, const struct k7_oldest *oldest)
{
	u32 own = k7_ring_ended(&k7->rings[oldest->ring]);
	u32 others = k7_rings_ended(k7) - own;
	struct k7_watch *watch = &k7->watch;
	u32 more = others - watch->others;

	if (watch->ring != oldest->ring || watch->sent_ns != oldest->sent_ns) {
		*watch = (struct k7_watch) {
			.ring = oldest->ring, .sent_ns = oldest->sent_ns,
			.since = jiffies, .own = own, .others = others,
		};
		return;
	}
	if (more && watch->overtaken < K7_OVERTAKEN_MAX)
		watch->since = jiffies;
	watch->others = others;
	watch->overtaken += min_t(u32, more, K7_OVERTAKEN_MAX - watch->overtaken);
	if (own != watch->own)
		watch->overtaken = K7_OVERTAKEN_MAX;
}

/*
 * A card that ends requests is busy, not stuck, however long its queues are. So the
 * patience of the oldest request begins when it becomes the oldest, and again when
 * requests of other rings end before it. But the card takes its rings in turn, and
 * each in order: one that was overtaken on its own ring, or more often than that
 * explains, has its turn or is lost.
 */
static bool k7_rings_stuck_on_request(struct k7_device *k7)
{
	struct k7_oldest oldest;
	unsigned long patience;

	if (!k7_rings_oldest(k7, &oldest, &patience))
		return false;
	k7_watch_oldest(k7, &oldest);
	if (k7->watch.overtaken == K7_OVERTAKEN_MAX)
		patience = oldest.patience;
	return time_after_eq(jiffies, k7->watch.since + patience + K7_ABORT_GRACE);
}

static bool k7_rung_reset(struct k7_device *k7)
{
	return k7_rings_stuck_on_request(k7) && k7_ladder_reset(k7);
}

/* ---- The ladder ---- */

/* In this order. True: nothing above this rung is to be done now. */
static bool (* const k7_ladder[])(struct k7_device *k7) = {
	k7_rung_gone,
	k7_rung_recovery,
	k7_rung_halted,
	k7_rung_poll,
	k7_rung_abort,
	k7_rung_reset,
};

/**
 * k7_ladder_climb - do what the card's condition calls for
 * @k7:		card; control is held
 *
 * Once a second, after events that concern the state, and when a waiter found
 * something odd. Never waits for the card, except for rings to stop.
 */
void k7_ladder_climb(struct k7_device *k7)
{
	unsigned int i;

	lockdep_assert_held(&k7->control);
	for (i = 0; i < ARRAY_SIZE(k7_ladder); i++) {
		if (k7_ladder[i](k7))
			return;
	}
}

/* ---- A waiter whose time is over ---- */

/* Return: 0 when the request has ended, now at the latest; -EAGAIN: wait on; or an error. */
static int k7_request_look(struct k7_device *k7, struct k7_request *req, struct k7_ring *ring)
{
	u32 state;

	guard(rwsem_read)(&k7->gate);
	if (k7_going(k7))
		return -ENODEV;
	if (completion_done(&req->done))
		return 0;
	if (pci_channel_offline(k7->pdev))
		return -EAGAIN;
	k7_ring_poll_once(ring);
	if (completion_done(&req->done))
		return 0;
	/* What follows is for the workqueue to act on. */
	k7_card_kick(k7);
	/* One read tells nothing: the ladder says whether the card is gone. */
	if (k7_read_status(k7, K7_REG_STATE, &state))
		return -EAGAIN;
	if (!k7_card_runs(state))
		return -ECANCELED;
	k7_request_expire(req);
	return 0;
}

/**
 * k7_request_late - no answer has come in the time that the caller gave
 * @k7:		card
 * @req:	request that was sent
 * @ring:	where it was sent
 *
 * A caller in a hurry only loses patience: the card is reset when it is late by
 * the driver's own measure. While the PCI core recovers the channel, it waits on.
 *
 * Return: 0 when the request has ended (@req->error says how); -ENODEV, -ECANCELED,
 * -ETIMEDOUT, -EINTR: it is with the card, and the ladder sees to it.
 */
int k7_request_late(struct k7_device *k7, struct k7_request *req, struct k7_ring *ring)
{
	unsigned int i;
	long left;
	int err;

	for (i = 0; i < K7_RECOVERY_WAITS; i++) {
		err = k7_request_look(k7, req, ring);
		if (err != -EAGAIN)
			return err;
		left = wait_for_completion_interruptible_timeout(&req->done, K7_RECOVERY_WAIT);
		if (left)
			return left < 0 ? -EINTR : 0;
	}
	return -ETIMEDOUT;
}
