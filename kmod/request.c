// SPDX-License-Identifier: GPL-2.0-only
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

	k7_payload_free(req->in, req->in_len);
	k7_payload_free(req->out, req->out_len);
	kfree_sensitive(req);
}

/* From any context: the last one may be the interrupt that answers an abandoned request. */
void k7_request_put(struct k7_request *req)
{
	kref_put(&req->ref, k7_request_release);
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
	struct k7_request *req = kzalloc(sizeof(*req), GFP_KERNEL_ACCOUNT);

	if (!req)
		return NULL;
	kref_init(&req->ref);
	init_completion(&req->done);
	req->opcode = opcode;
	req->in_len = in_len;
	req->out_len = out_len;
	req->in = in_len ? k7_payload_alloc(in_len) : NULL;
	req->out = out_len ? k7_payload_alloc(out_len) : NULL;
	if ((in_len && !req->in) || (out_len && !req->out)) {
		k7_request_put(req);
		return NULL;
	}
	return req;
}

/**
 * k7_request_map - give the card access to the payloads
 * @k7:		card
 * @req:	request
 *
 * Return: 0 or -ENOMEM.
 */
int k7_request_map(struct k7_device *k7, struct k7_request *req)
{
	struct device *dev = &k7->pdev->dev;

	if (req->in_len) {
		req->in_dma = dma_map_single(dev, req->in, req->in_len, DMA_TO_DEVICE);
		if (dma_mapping_error(dev, req->in_dma))
			return -ENOMEM;
	}
	if (req->out_len) {
		req->out_dma = dma_map_single(dev, req->out, req->out_len, DMA_FROM_DEVICE);
		if (dma_mapping_error(dev, req->out_dma)) {
			if (req->in_len)
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

	if (req->in_len)
		dma_unmap_single(dev, req->in_dma, req->in_len, DMA_TO_DEVICE);
	if (req->out_len)
		dma_unmap_single(dev, req->out_dma, req->out_len, DMA_FROM_DEVICE);
}

/* ---- The end of a request ---- */

/* Wake the waiter with @error; the first error counts. The ring's lock is held. */
void k7_request_finish(struct k7_request *req, int error)
{
	if (req->finished)
		return;
	req->error = error;
	req->finished = true;
	complete(&req->done);
}

/* ---- Sending and waiting ---- */

static int k7_request_try_send(struct k7_device *k7, struct k7_request *req, struct k7_ring **ring)
{
	int err;

	guard(rwsem_read)(&k7->gate);
	err = k7_check_live(k7);
	if (err)
		return err;
	*ring = k7_ring_of_this_cpu(k7);
	err = k7_request_map(k7, req);
	if (err)
		return err;
	err = k7_ring_submit(*ring, req);
	if (err)
		k7_request_unmap(k7, req);
	return err;
}

/* Send, and wait for room before that if need be. The gate is open while it waits. */
static int k7_request_send(struct k7_device *k7, struct k7_request *req, struct k7_ring **ring,
			   long timeout)
{
	int err;

	for (;;) {
		err = k7_request_try_send(k7, req, ring);
		if (err != -EBUSY)
			return err;
		timeout = wait_event_interruptible_timeout(k7->space, k7_ring_has_space(*ring),
							   timeout);
		if (timeout < 0)
			return -EINTR;
		if (!timeout)
			return -ETIMEDOUT;
	}
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

/**
 * k7_request_run - send a request and wait for its answer
 * @k7:		card
 * @req:	request; the caller keeps its reference
 * @timeout_ms:	longest wait
 *
 * When this fails, the request may still be with the card: then the ring has it.
 *
 * Return: 0 when the card answered; the errors of include/uapi/linux/k7hsm.h.
 */
int k7_request_run(struct k7_device *k7, struct k7_request *req, unsigned int timeout_ms)
{
	long timeout = msecs_to_jiffies(timeout_ms);
	struct k7_ring *ring;
	int err;

	req->deadline = jiffies + msecs_to_jiffies(max(timeout_ms, k7_request_timeout(0)));
	err = k7_request_send(k7, req, &ring, timeout);
	if (err)
		return err;
	timeout = wait_for_completion_interruptible_timeout(&req->done, timeout);
	if (timeout < 0)
		return -EINTR;
	if (!timeout) {
		err = k7_request_late(k7, req, ring);
		if (err)
			return err;
	}
	return req->error;
}
