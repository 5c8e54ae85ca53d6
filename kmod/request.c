// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a request: payloads, sending, waiting, giving up.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "regs.h"

/* ---- Payloads ---- */

/* Whole pages, so that an IOMMU shows the card nothing of its neighbours. */
static void *k7_payload_alloc(u32 size)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_RETRY_MAYFAIL | __GFP_NOWARN;

	return alloc_pages_exact(PAGE_ALIGN(size), gfp);
}

static void k7_payload_free(void *payload, u32 size)
{
	if (!payload)
		return;
	memzero_explicit(payload, size);
	free_pages_exact(payload, PAGE_ALIGN(size));
}

static void k7_request_release(struct kref *ref)
{
	struct k7_request *req = container_of(ref, struct k7_request, ref);

	if (!k7_payload_is_small(req->in_len))
		k7_payload_free(req->in, req->in_len);
	if (!k7_payload_is_small(req->out_len))
		k7_payload_free(req->out, req->out_len);
	kfree_sensitive(req);
}

/* From any context: the last one may be the interrupt that answers an abandoned request. */
void k7_request_put(struct k7_request *req)
{
	kref_put(&req->ref, k7_request_release);
}

/* A request that nobody waits for is late. */
static void k7_request_expired(struct timer_list *timer)
{
	struct k7_request *req = container_of(timer, struct k7_request, timer);
	struct k7_device *k7 = req->ring->k7;

	k7_ring_reap(req->ring);
	if (k7_ring_abandon(req, -ETIMEDOUT)) {
		atomic_inc(&k7->counters.timeouts);
		dev_warn_ratelimited(&k7->dev, "command %#x of channel %u was not answered in time\n",
				     req->opcode, req->channel);
	}
	k7_request_put(req);
}

/* Memory behind the request that a payload of @len bytes takes. */
static size_t k7_request_tail(u32 len)
{
	return k7_payload_is_small(len) ? ALIGN(len, sizeof(u64)) : 0;
}

/**
 * k7_request_alloc - make a request with room for its payloads
 * @opcode:	K7_CMD_*
 * @in_len:	bytes of request payload
 * @out_len:	bytes of room for the reply
 *
 * Return: the request, ended by k7_request_put(); NULL when there is no memory.
 */
struct k7_request *k7_request_alloc(u16 opcode, u32 in_len, u32 out_len)
{
	size_t in_tail = k7_request_tail(in_len), out_tail = k7_request_tail(out_len);
	struct k7_request *req = kzalloc(sizeof(*req) + in_tail + out_tail, GFP_KERNEL_ACCOUNT);

	if (!req)
		return NULL;
	kref_init(&req->ref);
	init_completion(&req->done);
	INIT_LIST_HEAD(&req->node);
	timer_setup(&req->timer, k7_request_expired, 0);
	req->opcode = opcode;
	req->in_len = in_len;
	req->out_len = out_len;
	req->in = in_tail || !in_len ? (void *)(req + 1) : k7_payload_alloc(in_len);
	req->out = out_tail || !out_len ? (void *)(req + 1) + in_tail : k7_payload_alloc(out_len);
	if (!req->in || !req->out) {
		k7_request_put(req);
		return NULL;
	}
	return req;
}

/**
 * k7_request_map - give the card access to payloads that are not small
 * @k7:		card
 * @req:	request
 *
 * Return: 0 or -ENOMEM.
 */
int k7_request_map(struct k7_device *k7, struct k7_request *req)
{
	bool in = !k7_payload_is_small(req->in_len), out = !k7_payload_is_small(req->out_len);
	struct device *dev = &k7->pdev->dev;

	if (in) {
		req->in_dma = dma_map_single(dev, req->in, req->in_len, DMA_TO_DEVICE);
		if (dma_mapping_error(dev, req->in_dma))
			return -ENOMEM;
	}
	if (out) {
		req->out_dma = dma_map_single(dev, req->out, req->out_len, DMA_FROM_DEVICE);
		if (dma_mapping_error(dev, req->out_dma)) {
			if (in)
				dma_unmap_single(dev, req->in_dma, req->in_len, DMA_TO_DEVICE);
			return -ENOMEM;
		}
	}
	return 0;
}

/* The reverse of k7_request_map(); from any context. */
void k7_request_unmap(struct k7_device *k7, struct k7_request *req)
{
	struct device *dev = &k7->pdev->dev;

	if (!k7_payload_is_small(req->in_len))
		dma_unmap_single(dev, req->in_dma, req->in_len, DMA_TO_DEVICE);
	if (!k7_payload_is_small(req->out_len))
		dma_unmap_single(dev, req->out_dma, req->out_len, DMA_FROM_DEVICE);
}

/* ---- The end of a request ---- */

/* End @req with @error, 0 when the card has answered; the first end counts. The ring's lock is held. */
void k7_request_finish(struct k7_request *req, int error)
{
	if (req->finished)
		return;
	req->error = error;
	smp_store_release(&req->finished, true);
	if (req->timeout && timer_delete(&req->timer))
		k7_request_put(req);
	if (req->end)
		req->end(req);
}

static void k7_request_wake(struct k7_request *req)
{
	complete(&req->done);
}

/* ---- Sending and waiting ---- */

/*
 * Send, and look whether the answer is there at once. The gate is held for the few
 * microseconds of that, never while anybody sleeps.
 */
static int k7_request_send(struct k7_device *k7, struct k7_request *req, bool nonblock)
{
	struct k7_ring *ring = k7_ring_of_this_cpu(k7);
	LIST_HEAD(reqs);
	int err;

	guard(rwsem_read)(&k7->gate);
	err = k7_check_live(k7);
	if (err)
		return err;
	list_add(&req->node, &reqs);
	err = k7_ring_submit(ring, &reqs, !nonblock);
	if (err) {
		list_del_init(&req->node);
		return err == -EBUSY ? -EAGAIN : err;
	}
	k7_ring_poll(ring, req);
	if (!k7_request_is_finished(req))
		k7_ring_arm(ring, req);
	return 0;
}

/*
 * Nothing came in time. In this order: gone, interrupt lost, firmware dead, stuck.
 * A caller in a hurry only loses patience: the card is reset when it is late by
 * the driver's own measure.
 */
static int k7_request_late(struct k7_device *k7, struct k7_request *req, struct k7_ring *ring)
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

/* Return: 0 when @req has ended, -EINTR, or why its end is not waited for any longer. */
static int k7_request_wait(struct k7_device *k7, struct k7_request *req, unsigned int timeout_ms)
{
	long left;

	if (k7_request_is_finished(req))
		return 0;
	left = wait_for_completion_interruptible_timeout(&req->done, msecs_to_jiffies(timeout_ms));
	if (left < 0)
		return -EINTR;
	return left ? 0 : k7_request_late(k7, req, req->ring);
}

/**
 * k7_request_run - send a request and wait for its answer
 * @k7:		card
 * @req:	request; the caller keeps its reference
 * @timeout_ms:	longest wait
 * @nonblock:	do not wait for room on the ring
 *
 * When this fails, the request may still be with the card: then the ring has it.
 *
 * Return: 0 when the card answered; -EAGAIN with @nonblock when there is no room;
 * the errors of include/uapi/linux/k7hsm.h.
 */
int k7_request_run(struct k7_device *k7, struct k7_request *req, unsigned int timeout_ms,
		   bool nonblock)
{
	int err;

	req->deadline = jiffies + msecs_to_jiffies(max(timeout_ms, k7_request_timeout(0)));
	req->end = k7_request_wake;
	err = k7_request_send(k7, req, nonblock);
	if (err)
		return err;
	err = k7_request_wait(k7, req, timeout_ms);
	if (err) {
		k7_ring_abandon(req, err);
		return err;
	}
	return req->error;
}
