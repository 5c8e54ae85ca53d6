// SPDX-License-Identifier: GPL-2.0-only
/*
 * Command rings. The card is not trusted: what it writes is read once, checked,
 * and never used as an index or a length before that.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/stat.h>

#include "regs.h"
#include "trace.h"
#include "visible.h"

static_assert(sizeof(struct k7_sqe) == 64);
static_assert(sizeof(struct k7_cqe) == 32);
static_assert((K7_RING_ENTRIES & K7_RING_SLOT_MASK) == 0);

/* How long a waiter looks for its reply before it sleeps, at most. */
#define K7_POLL_NS		(50 * NSEC_PER_USEC)
#define K7_POLL_BUSY_CPU_NS	(5 * NSEC_PER_USEC)
/* A request that took longer counts as this, so that one slow command is soon forgotten. */
#define K7_LATENCY_MAX_NS	(4 * K7_POLL_NS)
/* When polling does not seem to pay, every so many requests it is tried again. */
#define K7_POLL_PROBE		64

/* With more rings than this each has half the entries: an idle card takes less than 1 MiB. */
#define K7_RINGS_WHOLE		8

/* Requests of a backlog that are ended in one go, with interrupts off. */
#define K7_BACKLOG_CHUNK	64

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

static size_t k7_payloads_bytes(const struct k7_ring *ring)
{
	return ring->entries * sizeof(*ring->payloads);
}

/* ---- Slots ----
 *
 * Small payloads lie in the slot itself: memory that was mapped once, so that a
 * short command costs neither an allocation nor a mapping. An IOMMU shows the card
 * the pages of all slots, but these hold nothing except payloads that this card is
 * given anyway, and only while it has them: a slot is wiped when its request
 * retires. What the card writes there at the wrong time spoils no memory of the
 * kernel and no payload but its own; replies are looked at only after they were
 * copied out.
 */

static void k7_slot_load(struct k7_ring *ring, unsigned int slot, struct k7_request *req)
{
	struct k7_slot_payload *small = &ring->payloads[slot];
	dma_addr_t dma = ring->payloads_dma + slot * sizeof(*small);

	if (k7_payload_is_small(req->in_len)) {
		memcpy(small->in, req->in, req->in_len);
		req->in_dma = dma + offsetof(struct k7_slot_payload, in);
	}
	if (k7_payload_is_small(req->out_len))
		req->out_dma = dma + offsetof(struct k7_slot_payload, out);
}

static void k7_slot_unload(struct k7_ring *ring, unsigned int slot, struct k7_request *req)
{
	struct k7_slot_payload *small = &ring->payloads[slot];

	if (k7_payload_is_small(req->in_len))
		memzero_explicit(small->in, req->in_len);
	if (!k7_payload_is_small(req->out_len))
		return;
	if (!req->finished)
		memcpy(req->out, small->out, req->reply_len);
	memzero_explicit(small->out, req->out_len);
}

/* ---- Doorbell ---- */

/*
 * One write tells the card all that is new: submissions, how far completions were
 * taken, and with @interrupt that it has to call when there is one that was not.
 * The head needs no write of its own: of what was sent before a doorbell, all
 * completions fit into the ring behind the head that this doorbell tells.
 */
static void k7_ring_doorbell(struct k7_ring *ring, bool interrupt)
{
	bool arm = interrupt && !ring->armed;

	if (!ring->up || (!arm && ring->sq_tail == ring->sq_told))
		return;
	trace_k7_doorbell(ring, arm, (ring->sq_tail - ring->sq_told) & (ring->entries - 1));
	if (arm)
		WRITE_ONCE(ring->armed, true);
	ring->sq_told = ring->sq_tail;
	/* Entries and payloads must be in memory before the card hears of them. */
	dma_wmb();
	k7_ring_write(ring, K7_RING_DOORBELL,
		      K7_DOORBELL(ring->sq_tail, ring->cq_head) | (arm ? K7_DOORBELL_ARM : 0));
}

/* ---- Submission ---- */

/* A full ring would look like an empty one: one entry less than there are. */
static bool k7_ring_is_full(const struct k7_ring *ring)
{
	return ring->in_flight >= ring->entries - 1;
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
	sqe->in_addr = cpu_to_le64(req->in_len ? req->in_dma : 0);
	sqe->out_addr = cpu_to_le64(req->out_len ? req->out_dma : 0);
	sqe->out_len = cpu_to_le32(req->out_len);
	for (i = 0; i < ARRAY_SIZE(req->arg); i++)
		sqe->arg[i] = cpu_to_le32(req->arg[i]);
	if (req->bulk) {
		sqe->flags = cpu_to_le16(K7_SQE_LIST);
		sqe->in_segments = cpu_to_le32(k7_bulk_segments(req));
	}
}

/* Return: 0, or -ENOMEM when its payloads cannot be mapped. */
static int k7_ring_place(struct k7_ring *ring, struct k7_request *req)
{
	unsigned int slot = k7_ring_free_slot(ring);
	int err = k7_request_map(ring->k7, req);

	if (err)
		return err;
	k7_slot_load(ring, slot, req);
	/* The upper bits tell a late answer to an old request from one to this. */
	req->tag = slot | (ring->sequence * K7_RING_ENTRIES);
	WRITE_ONCE(ring->sequence, ring->sequence + 1);
	req->generation = ring->generation;
	req->sent = jiffies;
	req->deadline = req->sent + req->patience;
	req->sent_ns = local_clock();
	if (req->file)
		WRITE_ONCE(req->file->known, true);
	ring->slots[slot] = req;
	WRITE_ONCE(ring->in_flight, ring->in_flight + 1);
	k7_ring_fill(ring, req);
	ring->sq_tail = (ring->sq_tail + 1) & (ring->entries - 1);
	trace_k7_request_submit(ring, req);
	return 0;
}

static void k7_ring_want(struct k7_ring *ring, struct k7_request *req)
{
	if (req->interrupt)
		return;
	req->interrupt = true;
	ring->wanted++;
}

/* The ring has no more business with @req: end it and drop the ring's reference. */
static void k7_ring_release(struct k7_ring *ring, struct k7_request *req, int error)
{
	lockdep_assert_held(&ring->lock);
	if (req->interrupt)
		ring->wanted--;
	k7_request_finish(req, error);
	trace_k7_request_done(ring, req);
	if (req->closes)
		k7_channel_confirm(ring->k7, req);
	k7_request_put(req);
}

static void k7_ring_unqueue(struct k7_request *req)
{
	WRITE_ONCE(req->queued, false);
	list_del_init(&req->node);
}

/* Give free slots to those who have waited longest. */
static void k7_ring_refill(struct k7_ring *ring)
{
	struct k7_request *req;
	int err;

	while (ring->up && !k7_ring_is_full(ring)) {
		req = list_first_entry_or_null(&ring->backlog, struct k7_request, node);
		if (!req)
			return;
		err = k7_ring_place(ring, req);
		/* Bounce buffers are used up: those in flight give some back. */
		if (err && ring->in_flight)
			return;
		k7_ring_unqueue(req);
		if (err)
			k7_ring_release(ring, req, err);
	}
}

static void k7_ring_queue(struct k7_ring *ring, struct k7_request *req)
{
	kref_get(&req->ref);
	req->ring = ring;
	WRITE_ONCE(req->queued, true);
	list_add_tail(&req->node, &ring->backlog);
	if (req->async)
		k7_ring_want(ring, req);
	if (req->timeout) {
		kref_get(&req->ref);
		mod_timer(&req->timer, jiffies + req->timeout);
	}
}

/* ---- Completion ---- */

/* The card has no more business with what is in @slot: take it back, end the request. */
static void k7_ring_retire(struct k7_ring *ring, unsigned int slot, int error)
{
	struct k7_request *req = ring->slots[slot];

	lockdep_assert_held(&ring->lock);
	ring->slots[slot] = NULL;
	WRITE_ONCE(ring->in_flight, ring->in_flight - 1);
	/* First: only after this the reply is where the waiter looks. */
	k7_request_unmap(ring->k7, req);
	k7_slot_unload(ring, slot, req);
	k7_ring_release(ring, req, error);
}

static void k7_ring_complete(struct k7_ring *ring, const struct k7_cqe *cqe, u64 now)
{
	u32 tag = le32_to_cpu(READ_ONCE(cqe->tag));
	u32 out_len = le32_to_cpu(READ_ONCE(cqe->out_len));
	u32 slot = tag & K7_RING_SLOT_MASK;
	struct k7_request *req = ring->slots[slot];
	s32 took;

	if (!req || req->tag != tag) {
		k7_ring_protocol_error(ring, "completion with an unknown tag");
		return;
	}
	/* The clocks of two CPUs may differ a little. */
	took = clamp_t(s64, now - req->sent_ns, 0, K7_LATENCY_MAX_NS);
	WRITE_ONCE(ring->latency_ns, ring->latency_ns + (took - (s32)ring->latency_ns) / 8);
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
	k7_ring_retire(ring, slot, k7_fault_inject_request(ring->k7));
}

static bool k7_ring_next_is_new(struct k7_ring *ring)
{
	u32 head = READ_ONCE(ring->cq_head);
	u16 phase = le16_to_cpu(READ_ONCE(ring->cq[head].phase));

	return (phase & K7_CQE_PHASE) == READ_ONCE(ring->phase);
}

static unsigned int k7_ring_take(struct k7_ring *ring)
{
	unsigned int count = 0;
	u64 now = 0;

	while (ring->active && count < ring->entries && k7_ring_next_is_new(ring)) {
		if (!count)
			now = local_clock();
		/* The rest of the entry was written before its phase. */
		dma_rmb();
		k7_ring_complete(ring, &ring->cq[ring->cq_head], now);
		WRITE_ONCE(ring->cq_head, (ring->cq_head + 1) & (ring->entries - 1));
		if (!ring->cq_head)
			WRITE_ONCE(ring->phase, ring->phase ^ K7_CQE_PHASE);
		count++;
	}
	return count;
}

/* Take what is there, send what has waited for that, arm if somebody sleeps. */
static unsigned int k7_ring_serve(struct k7_ring *ring)
{
	unsigned int count = k7_ring_take(ring);

	if (count)
		k7_ring_refill(ring);
	k7_ring_doorbell(ring, ring->wanted);
	return count;
}

static int k7_ring_submit_locked(struct k7_ring *ring, struct list_head *reqs, bool queue)
{
	struct k7_request *req, *next;

	if (!ring->up)
		return -EHOSTDOWN;
	if (!queue && (k7_ring_is_full(ring) || !list_empty(&ring->backlog)))
		return -EBUSY;
	list_for_each_entry_safe(req, next, reqs, node) {
		list_del_init(&req->node);
		if (!req->finished)
			k7_ring_queue(ring, req);
	}
	k7_ring_refill(ring);
	k7_ring_doorbell(ring, false);
	k7_ring_serve(ring);
	return 0;
}

/**
 * k7_ring_submit - hand requests to the card, with one doorbell
 * @ring:	ring
 * @reqs:	requests; empty afterwards. The ring takes a reference of its own to each
 * @queue:	those that find no slot wait for one; else this fails with -EBUSY
 *
 * Short commands may be finished when this returns. A request that is finished
 * already is not sent.
 *
 * Return: 0; or, and then none was taken, -EHOSTDOWN when the firmware does not run,
 * -EBUSY when the ring is full.
 */
int k7_ring_submit(struct k7_ring *ring, struct list_head *reqs, bool queue)
{
	unsigned long flags;
	int err;

	spin_lock_irqsave(&ring->lock, flags);
	err = k7_ring_submit_locked(ring, reqs, queue);
	spin_unlock_irqrestore(&ring->lock, flags);
	return err;
}

/**
 * k7_ring_reap - take all completions that have come
 * @ring:	ring
 *
 * For interrupts, and for whoever suspects that one was lost. Bounded by the size
 * of the ring, however fast the card is. From any context.
 *
 * Return: number of completions.
 */
unsigned int k7_ring_reap(struct k7_ring *ring)
{
	unsigned long flags;
	unsigned int count;

	spin_lock_irqsave(&ring->lock, flags);
	/* An interrupt disarms; one that is missing must be asked for again. */
	WRITE_ONCE(ring->armed, false);
	count = k7_ring_serve(ring);
	spin_unlock_irqrestore(&ring->lock, flags);
	return count;
}

static bool k7_ring_abandon_locked(struct k7_ring *ring, struct k7_request *req, int error)
{
	if (req->finished)
		return false;
	if (!req->queued) {
		k7_request_finish(req, error);
		return true;
	}
	k7_ring_unqueue(req);
	k7_ring_release(ring, req, error);
	return true;
}

/**
 * k7_ring_abandon - end a request that nobody waits for any more
 * @req:	request that was submitted
 * @error:	negative errno
 *
 * One that has not been sent yet is not sent. Else the slot keeps it, with all that
 * the card was told of, until the card has answered. From any context.
 *
 * Return: false when it had already ended.
 */
bool k7_ring_abandon(struct k7_request *req, int error)
{
	struct k7_ring *ring = req->ring;
	unsigned long flags;
	bool abandoned;

	spin_lock_irqsave(&ring->lock, flags);
	abandoned = k7_ring_abandon_locked(ring, req, error);
	spin_unlock_irqrestore(&ring->lock, flags);
	return abandoned;
}

/* Requests of no file are the driver's own, and in nobody's way. */
static bool k7_request_of_another(const struct k7_request *req, u32 channel)
{
	return req->file && req->channel != channel;
}

static bool k7_ring_serves_others(struct k7_ring *ring, u32 channel)
{
	struct k7_request *req;
	unsigned int slot;

	lockdep_assert_held(&ring->lock);
	for (slot = 0; slot < ring->entries; slot++) {
		req = ring->slots[slot];
		if (req && k7_request_of_another(req, channel))
			return true;
	}
	list_for_each_entry(req, &ring->backlog, node) {
		if (k7_request_of_another(req, channel))
			return true;
	}
	return false;
}

/* Is a request of another channel than @channel in flight? Abandoned ones count, too. */
bool k7_rings_serve_others(struct k7_device *k7, u32 channel)
{
	bool found = false;
	unsigned int i;

	for (i = 0; i < k7->ring_count && !found; i++) {
		spin_lock_irq(&k7->rings[i].lock);
		found = k7_ring_serves_others(&k7->rings[i], channel);
		spin_unlock_irq(&k7->rings[i].lock);
	}
	return found;
}

/* ---- Waiting ---- */

/* How long to look for completions: as long as they took lately, but never long. */
static u64 k7_ring_poll_ns(struct k7_ring *ring)
{
	u32 latency = READ_ONCE(ring->latency_ns);
	u32 limit = K7_POLL_NS;

	if (latency > K7_POLL_NS && READ_ONCE(ring->sequence) % K7_POLL_PROBE)
		return 0;
	/* Somebody else wants this CPU, or the card's answer needs it. */
	if (num_online_cpus() == 1 || !single_task_running())
		limit = K7_POLL_BUSY_CPU_NS;
	return min(2 * latency, limit);
}

/**
 * k7_ring_poll - look for the end of a request, for some microseconds at most
 * @ring:	ring of the request
 * @req:	request that was submitted
 */
void k7_ring_poll(struct k7_ring *ring, struct k7_request *req)
{
	u64 end;

	if (k7_request_is_finished(req) || READ_ONCE(req->queued))
		return;
	end = local_clock() + k7_ring_poll_ns(ring);
	while (!k7_request_is_finished(req) && !need_resched() && local_clock() < end) {
		/* Without the lock, so that those who wait do not hinder those who send. */
		if (!k7_ring_next_is_new(ring)) {
			cpu_relax();
			continue;
		}
		scoped_guard(spinlock_irqsave, &ring->lock)
			k7_ring_serve(ring);
	}
}

/**
 * k7_ring_arm - make sure that an interrupt tells the end of a request
 * @ring:	ring of the request
 * @req:	request that was submitted
 *
 * Return: false when it has ended already: then there is nothing to sleep for.
 */
bool k7_ring_arm(struct k7_ring *ring, struct k7_request *req)
{
	unsigned long flags;
	bool pending;

	spin_lock_irqsave(&ring->lock, flags);
	if (!req->finished)
		k7_ring_want(ring, req);
	k7_ring_serve(ring);
	/* What came between the look and the doorbell; the interrupt is on its way, too. */
	if (!req->finished)
		k7_ring_serve(ring);
	pending = !req->finished;
	spin_unlock_irqrestore(&ring->lock, flags);
	return pending;
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
	k7_ring_write(ring, K7_RING_CONTROL, K7_RING_ENABLE | K7_RING_ON_DEMAND);
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
	ring->sq_told = 0;
	/* A poller of a request that was given up may be looking. */
	WRITE_ONCE(ring->cq_head, 0);
	WRITE_ONCE(ring->phase, K7_CQE_PHASE);
	WRITE_ONCE(ring->armed, false);
	err = k7_ring_enable(ring);
	if (err)
		return err;
	ring->generation = generation;
	ring->active = true;
	WRITE_ONCE(ring->up, true);
	return 0;
}

/* Has it lost the bus indeed? Where nothing answers, not even there, nothing has one. */
static bool k7_bus_is_off(struct k7_device *k7)
{
	u16 command;

	pci_read_config_word(k7->pdev, PCI_COMMAND, &command);
	return PCI_POSSIBLE_ERROR(command) || !(command & PCI_COMMAND_MASTER);
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
	/* What was to stop them may not have reached a card that read as all ones. */
	if (k7->bus_off)
		k7_rings_stop(k7, -ECANCELED);
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

/* What was not sent is not cancelled: it never ran. A chunk at a time: it may be long. */
static void k7_ring_fail_backlog(struct k7_ring *ring, int error)
{
	struct k7_request *req, *next;
	unsigned int left;

	do {
		left = K7_BACKLOG_CHUNK;
		spin_lock_irq(&ring->lock);
		list_for_each_entry_safe(req, next, &ring->backlog, node) {
			if (!left--)
				break;
			k7_ring_unqueue(req);
			k7_ring_release(ring, req, error == -ECANCELED ? -EHOSTDOWN : error);
		}
		spin_unlock_irq(&ring->lock);
	} while (!list_empty_careful(&ring->backlog));
}

/* End all requests of this ring. The memory of those that were sent stays the card's. */
static void k7_ring_fail(struct k7_ring *ring, int error)
{
	unsigned int slot;

	k7_ring_fail_backlog(ring, error);
	spin_lock_irq(&ring->lock);
	for (slot = 0; slot < ring->entries; slot++) {
		if (ring->slots[slot])
			k7_request_finish(ring->slots[slot], error);
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
		if (!ring->slots[slot])
			continue;
		atomic_inc(&ring->k7->counters.cancelled);
		k7_ring_retire(ring, slot, error);
	}
	ring->active = false;
	spin_unlock_irq(&ring->lock);
}

/* A card that reads as all ones may be gone, or lie: it is quiet when it has no bus. */
static bool k7_ring_is_quiet(struct k7_ring *ring)
{
	u32 status = k7_ring_read(ring, K7_RING_STATUS);

	if (status != K7_GONE)
		return !(status & K7_RING_ENABLED);
	k7_bus_off(ring->k7);
	return k7_bus_is_off(ring->k7);
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

static u32 k7_ring_entries(const struct k7_device *k7)
{
	if (k7->ring_count <= K7_RINGS_WHOLE)
		return k7->ring_entries;
	return min_t(u32, k7->ring_entries, K7_RING_ENTRIES / 2);
}

static int k7_ring_alloc(struct k7_device *k7, unsigned int index)
{
	struct k7_ring *ring = &k7->rings[index];
	struct device *dev = &k7->pdev->dev;

	ring->k7 = k7;
	ring->index = index;
	ring->entries = k7_ring_entries(k7);
	ring->vector = k7->vector_count > 1 ? 1 + index % (k7->vector_count - 1) : K7_VECTOR_EVENTS;
	spin_lock_init(&ring->lock);
	INIT_LIST_HEAD(&ring->backlog);
	/* Coherent memory is aligned to its size, rounded up to pages. */
	ring->sq = dma_alloc_coherent(dev, k7_sq_bytes(ring), &ring->sq_dma, GFP_KERNEL);
	ring->cq = dma_alloc_coherent(dev, k7_cq_bytes(ring), &ring->cq_dma, GFP_KERNEL);
	ring->payloads = dma_alloc_coherent(dev, k7_payloads_bytes(ring), &ring->payloads_dma,
					    GFP_KERNEL);
	return ring->sq && ring->cq && ring->payloads ? 0 : -ENOMEM;
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
	/* A timer of a request may just be running. */
	synchronize_rcu();
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
		if (ring->payloads)
			dma_free_coherent(dev, k7_payloads_bytes(ring), ring->payloads,
					  ring->payloads_dma);
	}
}
