// SPDX-License-Identifier: GPL-2.0
/*
 * Command rings. The card is not trusted: what it writes is read once, checked,
 * and never used as an index or a length before that.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>

#include "regs.h"

static_assert(sizeof(struct k7_sqe) == 64);
static_assert(sizeof(struct k7_cqe) == 32);
static_assert((K7_RING_ENTRIES & K7_RING_SLOT_MASK) == 0);

static void k7_ring_protocol_error(struct k7_ring *ring, const char *what)
{
	atomic_inc(&ring->k7->counters.protocol_errors);
	dev_warn_ratelimited(&ring->k7->dev, "ring %u: %s\n", ring->index, what);
}

static size_t k7_sq_bytes(const struct k7_ring *ring)
{
	return ring->entries * sizeof(*ring->sq);
}

static size_t k7_cq_bytes(const struct k7_ring *ring)
{
	return ring->entries * sizeof(*ring->cq);
}

/* ---- Submission ---- */

/* A full ring would look like an empty one: one entry less than there are. */
static unsigned int k7_ring_slots(const struct k7_ring *ring)
{
	return ring->entries - 1;
}

/* Would a submission go through, or fail for another reason than a full ring? */
bool k7_ring_has_space(struct k7_ring *ring)
{
	return !READ_ONCE(ring->up) || READ_ONCE(ring->in_flight) < k7_ring_slots(ring);
}

static unsigned int k7_ring_free_slot(struct k7_ring *ring)
{
	unsigned int slot;

	/* Mostly the one at the tail is free: then this is one step. */
	for (slot = ring->sq_tail; ring->slots[slot]; slot = (slot + 1) & (ring->entries - 1))
		;
	return slot;
}

static void k7_ring_fill(struct k7_ring *ring, const struct k7_request *req)
{
	struct k7_sqe *sqe = &ring->sq[ring->sq_tail];
	unsigned int i;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = cpu_to_le16(req->opcode);
	sqe->tag = cpu_to_le32(req->tag);
	sqe->channel = cpu_to_le32(req->channel);
	sqe->in_len = cpu_to_le32(req->in_len);
	sqe->in_addr = cpu_to_le64(req->in_dma);
	sqe->out_addr = cpu_to_le64(req->out_dma);
	sqe->out_len = cpu_to_le32(req->out_len);
	for (i = 0; i < ARRAY_SIZE(req->arg); i++)
		sqe->arg[i] = cpu_to_le32(req->arg[i]);
}

static int k7_ring_submit_locked(struct k7_ring *ring, struct k7_request *req)
{
	unsigned int slot;

	if (!ring->up)
		return -EHOSTDOWN;
	if (ring->in_flight >= k7_ring_slots(ring))
		return -EBUSY;
	slot = k7_ring_free_slot(ring);
	/* The upper bits tell a late answer to an old request from one to this. */
	req->tag = slot | (ring->sequence++ * K7_RING_ENTRIES);
	req->generation = ring->generation;
	req->sent = jiffies;
	kref_get(&req->ref);
	ring->slots[slot] = req;
	WRITE_ONCE(ring->in_flight, ring->in_flight + 1);

	k7_ring_fill(ring, req);
	ring->sq_tail = (ring->sq_tail + 1) & (ring->entries - 1);
	/* The entry must be in memory before the card hears of it. */
	dma_wmb();
	k7_ring_write(ring, K7_RING_SQ_TAIL, ring->sq_tail);
	return 0;
}

/**
 * k7_ring_submit - hand a request to the card
 * @ring:	ring
 * @req:	request, mapped; the ring takes a reference of its own
 *
 * Return: 0; -EHOSTDOWN when the firmware does not run; -EBUSY when the ring is full.
 */
int k7_ring_submit(struct k7_ring *ring, struct k7_request *req)
{
	unsigned long flags;
	int err;

	spin_lock_irqsave(&ring->lock, flags);
	err = k7_ring_submit_locked(ring, req);
	spin_unlock_irqrestore(&ring->lock, flags);
	return err;
}

/* ---- Completion ---- */

/* The card has no more business with what is in @slot: unmap it, finish it, let it go. */
static void k7_ring_retire(struct k7_ring *ring, unsigned int slot, int error)
{
	struct k7_request *req = ring->slots[slot];

	lockdep_assert_held(&ring->lock);
	ring->slots[slot] = NULL;
	WRITE_ONCE(ring->in_flight, ring->in_flight - 1);
	/* First: only after this the reply is where the waiter looks. */
	k7_request_unmap(ring->k7, req);
	k7_request_finish(req, error);
	if (req->closes)
		ida_free(&ring->k7->channels, req->closes);
	k7_request_put(req);
}

static void k7_ring_complete(struct k7_ring *ring, const struct k7_cqe *cqe)
{
	u32 tag = le32_to_cpu(READ_ONCE(cqe->tag));
	u32 out_len = le32_to_cpu(READ_ONCE(cqe->out_len));
	u32 slot = tag & K7_RING_SLOT_MASK;
	struct k7_request *req = ring->slots[slot];

	if (!req || req->tag != tag) {
		k7_ring_protocol_error(ring, "completion with an unknown tag");
		return;
	}
	/* A request that was given up already keeps its error. */
	if (!req->finished) {
		req->status = le16_to_cpu(READ_ONCE(cqe->status));
		req->result = le32_to_cpu(READ_ONCE(cqe->result));
		req->reply_len = min(out_len, req->out_len);
	}
	if (out_len > req->out_len) {
		k7_ring_protocol_error(ring, "completion with a reply longer than its room");
		k7_ring_retire(ring, slot, -EIO);
		return;
	}
	k7_ring_retire(ring, slot, 0);
}

static bool k7_ring_next_is_new(struct k7_ring *ring)
{
	u16 phase = le16_to_cpu(READ_ONCE(ring->cq[ring->cq_head].phase));

	return (phase & K7_CQE_PHASE) == ring->phase;
}

static unsigned int k7_ring_reap_locked(struct k7_ring *ring)
{
	unsigned int count = 0;

	while (ring->active && count < ring->entries && k7_ring_next_is_new(ring)) {
		/* The rest of the entry was written before its phase. */
		dma_rmb();
		k7_ring_complete(ring, &ring->cq[ring->cq_head]);
		ring->cq_head = (ring->cq_head + 1) & (ring->entries - 1);
		if (!ring->cq_head)
			ring->phase ^= K7_CQE_PHASE;
		count++;
	}
	if (count)
		k7_ring_write(ring, K7_RING_CQ_HEAD, ring->cq_head);
	return count;
}

/**
 * k7_ring_reap - take all completions that have come
 * @ring:	ring
 *
 * Bounded by the size of the ring, however fast the card is. From any context.
 *
 * Return: number of completions.
 */
unsigned int k7_ring_reap(struct k7_ring *ring)
{
	unsigned long flags;
	unsigned int count;

	spin_lock_irqsave(&ring->lock, flags);
	count = k7_ring_reap_locked(ring);
	spin_unlock_irqrestore(&ring->lock, flags);
	if (count && wq_has_sleeper(&ring->k7->space))
		wake_up_all(&ring->k7->space);
	return count;
}

/* ---- Starting and stopping ---- */

static int k7_ring_enable(struct k7_ring *ring)
{
	u32 status;

	k7_ring_write(ring, K7_RING_SQ_BASE_LO, lower_32_bits(ring->sq_dma));
	k7_ring_write(ring, K7_RING_SQ_BASE_HI, upper_32_bits(ring->sq_dma));
	k7_ring_write(ring, K7_RING_CQ_BASE_LO, lower_32_bits(ring->cq_dma));
	k7_ring_write(ring, K7_RING_CQ_BASE_HI, upper_32_bits(ring->cq_dma));
	k7_ring_write(ring, K7_RING_SIZE, ring->entries);
	k7_ring_write(ring, K7_RING_VECTOR, ring->vector);
	k7_ring_write(ring, K7_RING_CONTROL, K7_RING_ENABLE);
	status = k7_ring_read(ring, K7_RING_STATUS);
	if (status == K7_GONE)
		return -ENODEV;
	return status & K7_RING_ENABLED ? 0 : -EIO;
}

static int k7_ring_start_locked(struct k7_ring *ring, u32 generation)
{
	int err;

	memset(ring->sq, 0, k7_sq_bytes(ring));
	memset(ring->cq, 0, k7_cq_bytes(ring));
	ring->sq_tail = 0;
	ring->cq_head = 0;
	ring->phase = K7_CQE_PHASE;
	err = k7_ring_enable(ring);
	if (err)
		return err;
	ring->generation = generation;
	ring->active = true;
	WRITE_ONCE(ring->up, true);
	return 0;
}

/* Nothing that the card was told of is safe until it says that it has stopped, or has no bus. */
static void k7_bus_off(struct k7_device *k7)
{
	k7->bus_off = true;
	pci_clear_master(k7->pdev);
}

/*
 * Give a card the bus that lost it. What it was told of before may be somebody
 * else's memory by now: no ring may run.
 */
static int k7_bus_on(struct k7_device *k7)
{
	unsigned int i;
	u32 status;

	if (!k7->bus_off)
		return 0;
	for (i = 0; i < k7->ring_count; i++) {
		status = k7_ring_read(&k7->rings[i], K7_RING_STATUS);
		if (status == K7_GONE)
			return -ENODEV;
		if (status & K7_RING_ENABLED)
			return -EIO;
	}
	pci_set_master(k7->pdev);
	/* This is what an error or a reset is to restore. */
	pci_save_state(k7->pdev);
	k7->bus_off = false;
	return 0;
}

/**
 * k7_rings_start - set up all rings, unless they are up
 * @k7:		card whose firmware runs; control is held
 * @generation:	generation of the card
 *
 * Return: 0, -EIO when the card refuses, -ENODEV when it is gone.
 */
int k7_rings_start(struct k7_device *k7, u32 generation)
{
	unsigned int i;
	int err;

	lockdep_assert_held(&k7->control);
	if (k7->rings[0].up)
		return 0;
	if (k7->rings_stuck)
		return -EIO;
	err = k7_bus_on(k7);
	if (err)
		return err;
	for (i = 0; i < k7->ring_count; i++) {
		struct k7_ring *ring = &k7->rings[i];

		scoped_guard(spinlock_irq, &ring->lock)
			err = k7_ring_start_locked(ring, generation);
		if (err) {
			k7_rings_stop(k7, -ECANCELED);
			return err;
		}
	}
	return 0;
}

/* Stop taking requests, and ask the card to stop. */
static void k7_ring_close(struct k7_ring *ring)
{
	spin_lock_irq(&ring->lock);
	WRITE_ONCE(ring->up, false);
	k7_ring_write(ring, K7_RING_CONTROL, 0);
	spin_unlock_irq(&ring->lock);
}

/* Wake all that wait for requests of this ring. Their memory stays the card's. */
static void k7_ring_fail(struct k7_ring *ring, int error)
{
	unsigned int slot;

	spin_lock_irq(&ring->lock);
	for (slot = 0; slot < ring->entries; slot++) {
		if (ring->slots[slot] && !ring->slots[slot]->finished) {
			atomic_inc(&ring->k7->counters.cancelled);
			k7_request_finish(ring->slots[slot], error);
		}
	}
	spin_unlock_irq(&ring->lock);
}

/**
 * k7_rings_fail - wake all that wait for requests, whatever the card does
 * @k7:		card, with or without rings
 * @error:	negative errno that they get
 *
 * k7_rings_stop() has to follow: the memory is still the card's.
 */
void k7_rings_fail(struct k7_device *k7, int error)
{
	unsigned int i;

	for (i = 0; k7->rings && i < k7->ring_count; i++)
		k7_ring_fail(&k7->rings[i], error);
}

/* The card does not touch the ring and its requests any more: take all back. */
static void k7_ring_clear(struct k7_ring *ring, int error)
{
	unsigned int slot;

	spin_lock_irq(&ring->lock);
	for (slot = 0; slot < ring->entries; slot++) {
		if (ring->slots[slot])
			k7_ring_retire(ring, slot, error);
	}
	ring->active = false;
	spin_unlock_irq(&ring->lock);
}

/* A card that reads as all ones may be gone, or lie: it is quiet when it has no bus. */
static bool k7_ring_is_quiet(struct k7_ring *ring)
{
	u32 status = k7_ring_read(ring, K7_RING_STATUS);

	if (status == K7_GONE)
		k7_bus_off(ring->k7);
	return status == K7_GONE || !(status & K7_RING_ENABLED);
}

static bool k7_rings_wait_quiet(struct k7_device *k7)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(K7_RING_STOP_TIMEOUT_MS);
	unsigned int i;

	for (i = 0; i < k7->ring_count; i++) {
		while (!k7_ring_is_quiet(&k7->rings[i])) {
			if (time_after(jiffies, deadline))
				return false;
			usleep_range(100, 200);
		}
	}
	return true;
}

/**
 * k7_rings_stop - stop all rings and end what is in flight
 * @k7:		card; control is held
 * @error:	negative errno for requests that the card has not answered
 *
 * May be called again, also when the rings do not run. When a ring does not stop,
 * the card loses the bus, and all memory that it was told of is kept until a
 * later call finds the card quiet (after a reset).
 *
 * Return: true when no ring runs any more.
 */
bool k7_rings_stop(struct k7_device *k7, int error)
{
	unsigned int i;

	lockdep_assert_held(&k7->control);
	for (i = 0; i < k7->ring_count; i++) {
		k7_ring_close(&k7->rings[i]);
		/* What was answered in time counts. */
		k7_ring_reap(&k7->rings[i]);
		k7_ring_fail(&k7->rings[i], error);
	}
	wake_up_all(&k7->space);
	k7->rings_stuck = !k7_rings_wait_quiet(k7);
	if (k7->rings_stuck) {
		dev_err(&k7->dev, "a ring does not stop: bus mastering is switched off\n");
		k7_bus_off(k7);
		return false;
	}
	for (i = 0; i < k7->ring_count; i++)
		k7_ring_clear(&k7->rings[i], error);
	return true;
}

/**
 * k7_rings_stop_all - stop whatever ring of the card runs
 * @k7:		card that is being probed; nobody uses it, and it has no bus
 *
 * Return: true when none runs any more.
 */
bool k7_rings_stop_all(struct k7_device *k7)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(K7_RING_STOP_TIMEOUT_MS);
	unsigned int i;
	u32 status;

	for (i = 0; i < k7->card_rings; i++)
		k7_write(k7, K7_REG_RING(i) + K7_RING_CONTROL, 0);
	for (i = 0; i < k7->card_rings; i++) {
		while ((status = k7_read(k7, K7_REG_RING(i) + K7_RING_STATUS)) & K7_RING_ENABLED) {
			if (status == K7_GONE || time_after(jiffies, deadline))
				return false;
			usleep_range(100, 200);
		}
	}
	return true;
}

/* ---- Memory ---- */

static int k7_ring_alloc(struct k7_device *k7, unsigned int index)
{
	struct k7_ring *ring = &k7->rings[index];
	struct device *dev = &k7->pdev->dev;

	ring->k7 = k7;
	ring->index = index;
	ring->entries = k7->ring_entries;
	ring->vector = k7->vector_count > 1 ? 1 + index % (k7->vector_count - 1) : K7_VECTOR_EVENTS;
	spin_lock_init(&ring->lock);
	/* Coherent memory is aligned to its size, rounded up to pages. */
	ring->sq = dma_alloc_coherent(dev, k7_sq_bytes(ring), &ring->sq_dma, GFP_KERNEL);
	ring->cq = dma_alloc_coherent(dev, k7_cq_bytes(ring), &ring->cq_dma, GFP_KERNEL);
	return ring->sq && ring->cq ? 0 : -ENOMEM;
}

/**
 * k7_rings_alloc - allocate the memory of @k7->ring_count rings
 * @k7:		card
 *
 * Return: 0 or -ENOMEM; k7_rings_free() is right after both.
 */
int k7_rings_alloc(struct k7_device *k7)
{
	unsigned int i;
	int err = 0;

	k7->rings = kcalloc(k7->ring_count, sizeof(*k7->rings), GFP_KERNEL);
	if (!k7->rings)
		return -ENOMEM;
	/* All, also after a failure: each must be fit to be stopped. */
	for (i = 0; i < k7->ring_count; i++)
		err = k7_ring_alloc(k7, i) ?: err;
	return err;
}

/**
 * k7_rings_free - free what k7_rings_alloc() has allocated, but not @k7->rings
 * @k7:		card whose rings are stopped
 *
 * The array itself lives as long as the device: an open file may look into it.
 * Memory of a ring that never stopped is left to the card.
 */
void k7_rings_free(struct k7_device *k7)
{
	struct device *dev = &k7->pdev->dev;
	unsigned int i;

	if (!k7->rings)
		return;
	if (k7->rings_stuck) {
		dev_err(dev, "the card never let go of its rings: their memory is lost\n");
		return;
	}
	for (i = 0; i < k7->ring_count; i++) {
		struct k7_ring *ring = &k7->rings[i];

		if (ring->sq)
			dma_free_coherent(dev, k7_sq_bytes(ring), ring->sq, ring->sq_dma);
		if (ring->cq)
			dma_free_coherent(dev, k7_cq_bytes(ring), ring->cq, ring->cq_dma);
	}
}
