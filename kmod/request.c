// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a request: payloads, sending, waiting, giving up.
 */
#include <linux/dma-mapping.h>
#include <linux/fault-inject-usercopy.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "regs.h"
#include "trace.h"

/* Between two looks for a signal, where only fatal ones wake. */
#define K7_SIGNAL_PERIOD	(HZ / 20)

/* ---- Payloads ---- */

/* Whole pages, so that an IOMMU shows the card nothing of its neighbours. */
void *k7_payload_alloc(u32 size, gfp_t gfp)
{
	gfp |= __GFP_ACCOUNT | __GFP_ZERO | __GFP_NOWARN;
	if (gfpflags_allow_blocking(gfp))
		gfp |= __GFP_RETRY_MAYFAIL;
	return alloc_pages_exact(PAGE_ALIGN(size), gfp);
}

void k7_payload_free(void *payload, u32 size)
{
	if (!payload)
		return;
	memzero_explicit(payload, size);
	free_pages_exact(payload, PAGE_ALIGN(size));
}

/* Memory behind the request that a payload of @len bytes takes. */
static size_t k7_request_tail(u32 len)
{
	return k7_payload_is_small(len) ? ALIGN(len, sizeof(u64)) : 0;
}

static unsigned int k7_payload_pages(u32 len)
{
	return k7_payload_is_small(len) ? 0 : PFN_UP(len);
}

/* Whoever may open the node shall not fill the memory with replies that he never collects. */
static bool k7_payloads_charge(struct k7_device *k7, unsigned int pages)
{
	if (!pages || atomic_add_return(pages, &k7->payload_pages) <= PFN_DOWN(K7_PAYLOADS_MAX))
		return true;
	atomic_sub(pages, &k7->payload_pages);
	return false;
}

/* From any context: what the request has of its file goes back. */
static void k7_request_leave_file(struct k7_request *req)
{
	if (req->pages)
		atomic_sub(req->pages, &req->file->k7->payload_pages);
	k7_file_put(req->file);
}

static void k7_request_release(struct kref *ref)
{
	struct k7_request *req = container_of(ref, struct k7_request, ref);

	if (req->bulk)
		k7_bulk_free(req);
	else if (!k7_payload_is_small(req->in_len))
		k7_payload_free(req->in, req->in_len);
	if (!k7_payload_is_small(req->out_len))
		k7_payload_free(req->out, req->out_len);
	if (req->file)
		k7_request_leave_file(req);
	/* The rest of it is no secret, and this is the short path. */
	memzero_explicit(req->arg, sizeof(req->arg));
	memzero_explicit(req + 1, k7_request_tail(req->in_len) + k7_request_tail(req->out_len));
	kfree(req);
}

/* From any context: the last one may be the interrupt that answers an abandoned request. */
void k7_request_put(struct k7_request *req)
{
	kref_put(&req->ref, k7_request_release);
}

/* The time that its sender gave is over: end it, unless it has ended. From any context. */
void k7_request_expire(struct k7_request *req)
{
	struct k7_device *k7 = req->ring->k7;

	if (!k7_ring_abandon(req, -ETIMEDOUT))
		return;
	atomic_inc(&k7->counters.timeouts);
	trace_k7_ladder(k7, "expire");
	dev_warn_ratelimited(&k7->dev, "command %#x of channel %u was not answered in time\n",
			     req->opcode, req->channel);
}

/* A request that nobody waits for is late. */
static void k7_request_expired(struct timer_list *timer)
{
	struct k7_request *req = container_of(timer, struct k7_request, timer);

	k7_ring_reap(req->ring);
	k7_request_expire(req);
	k7_request_put(req);
}

/**
 * k7_request_alloc - make a request with room for its payloads
 * @opcode:	K7_CMD_*
 * @in_len:	bytes of request payload
 * @out_len:	bytes of room for the reply
 * @gfp:	GFP_KERNEL, or GFP_NOWAIT
 *
 * Return: the request, ended by k7_request_put(); NULL when there is no memory.
 */
struct k7_request *k7_request_alloc(u16 opcode, u32 in_len, u32 out_len, gfp_t gfp)
{
	size_t in_tail = k7_request_tail(in_len), out_tail = k7_request_tail(out_len);
	struct k7_request *req = kzalloc(sizeof(*req) + in_tail + out_tail, gfp | __GFP_ACCOUNT);

	if (!req)
		return NULL;
	kref_init(&req->ref);
	init_completion(&req->done);
	INIT_LIST_HEAD(&req->node);
	INIT_LIST_HEAD(&req->file_node);
	timer_setup(&req->timer, k7_request_expired, 0);
	req->opcode = opcode;
	req->in_len = in_len;
	req->out_len = out_len;
	req->in = k7_payload_is_small(in_len) ? (void *)(req + 1) : k7_payload_alloc(in_len, gfp);
	req->out = k7_payload_is_small(out_len) ? (void *)(req + 1) + in_tail :
						  k7_payload_alloc(out_len, gfp);
	if (!req->in || !req->out) {
		k7_request_put(req);
		return NULL;
	}
	return req;
}

/* ---- Short payloads between user space and the request ----
 *
 * Word by word. From 64 bytes on the kernel's own functions use a string instruction,
 * which is the right thing for pages: its start costs as much as copying a few words,
 * and an emulated processor executes it one byte at a time. The lengths are those
 * with which the memory was allocated, so nothing is lost with the checks of
 * CONFIG_HARDENED_USERCOPY; faults are injected here as there.
 */

static int k7_small_copy_in(void *to, const void __user *from, u32 len)
{
	if (should_fail_usercopy() || !user_read_access_begin(from, len))
		return -EFAULT;
	for (; len >= sizeof(u64); len -= sizeof(u64), to += sizeof(u64), from += sizeof(u64))
		unsafe_get_user(*(u64 *)to, (const u64 __user *)from, fault);
	for (; len; len--, to++, from++)
		unsafe_get_user(*(u8 *)to, (const u8 __user *)from, fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

static int k7_small_copy_out(void __user *to, const void *from, u32 len)
{
	if (should_fail_usercopy() || !user_write_access_begin(to, len))
		return -EFAULT;
	unsafe_copy_to_user(to, from, len, fault);
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

/* ---- A request as user space wants it ---- */

static int k7_submission_check(struct file *file, const struct k7_submission *sub)
{
	struct k7_file *kf = file->private_data;

	if (sub->flags)
		return -EOPNOTSUPP;
	if (sub->reserved0 || !k7_is_zero(sub->reserved, sizeof(sub->reserved)))
		return -EINVAL;
	if (sub->in_len > k7_command_in_max(kf->k7, sub->opcode) ||
	    sub->out_len > kf->k7->payload_max)
		return -EMSGSIZE;
	return k7_permit_command(file, sub->opcode);
}

/* The request payload: a copy, or when it is too long for that, the pages themselves. */
static int k7_request_take_in(struct k7_device *k7, struct k7_request *req,
			      const struct k7_submission *sub)
{
	const void __user *user = u64_to_user_ptr(sub->in_addr);

	if (sub->in_len > k7->payload_max)
		return k7_bulk_pin(k7, req, sub->in_addr, sub->in_len);
	if (!sub->in_len)
		return 0;
	if (k7_payload_is_small(sub->in_len))
		return k7_small_copy_in(req->in, user, sub->in_len);
	return copy_from_user(req->in, user, sub->in_len) ? -EFAULT : 0;
}

/**
 * k7_request_make - check what a caller wants, and make the request
 * @file:	file that it is sent on
 * @sub:	copy of what the caller has given
 * @gfp:	GFP_KERNEL; or GFP_NOWAIT when it must not sleep, but for faults of user memory
 *
 * The one place through which requests of user space come.
 *
 * Return: the request, ended by k7_request_put(), or an ERR_PTR.
 */
struct k7_request *k7_request_make(struct file *file, const struct k7_submission *sub, gfp_t gfp)
{
	struct k7_file *kf = file->private_data;
	u32 in_len = sub->in_len > kf->k7->payload_max ? 0 : sub->in_len;
	unsigned int pages = k7_payload_pages(in_len) + k7_payload_pages(sub->out_len);
	unsigned int timeout_ms = k7_request_timeout(sub->timeout_ms);
	struct k7_request *req;
	int err;

	err = k7_submission_check(file, sub);
	if (err)
		return ERR_PTR(err);
	if (!k7_payloads_charge(kf->k7, pages))
		return ERR_PTR(-ENOMEM);
	req = k7_request_alloc(sub->opcode, in_len, sub->out_len, gfp);
	if (!req) {
		atomic_sub(pages, &kf->k7->payload_pages);
		return ERR_PTR(-ENOMEM);
	}
	kref_get(&kf->ref);
	req->file = kf;
	req->pages = pages;
	req->channel = kf->channel;
	req->user_data = sub->user_data;
	req->out_addr = sub->out_addr;
	memcpy(req->arg, sub->arg, sizeof(req->arg));
	req->patience = msecs_to_jiffies(max(timeout_ms, k7_request_timeout(0)));
	err = k7_request_take_in(kf->k7, req, sub);
	if (err) {
		k7_request_put(req);
		return ERR_PTR(err);
	}
	return req;
}

/**
 * k7_request_copy_out - give the caller the reply
 * @req:	request that the card has answered
 * @out_addr:	in the memory of the current task
 *
 * Return: 0 or -EFAULT.
 */
int k7_request_copy_out(const struct k7_request *req, u64 out_addr)
{
	void __user *user = u64_to_user_ptr(out_addr);

	if (!req->reply_len)
		return 0;
	if (k7_payload_is_small(req->out_len))
		return k7_small_copy_out(user, req->out, req->reply_len);
	return copy_to_user(user, req->out, req->reply_len) ? -EFAULT : 0;
}

/* ---- Mapping ---- */

static int k7_request_map_in(struct k7_device *k7, struct k7_request *req)
{
	struct device *dev = &k7->pdev->dev;

	if (req->bulk)
		return k7_bulk_map(k7, req);
	if (k7_payload_is_small(req->in_len))
		return 0;
	req->in_dma = dma_map_single(dev, req->in, req->in_len, DMA_TO_DEVICE);
	return dma_mapping_error(dev, req->in_dma) ? -ENOMEM : 0;
}

static void k7_request_unmap_in(struct k7_device *k7, struct k7_request *req)
{
	if (req->bulk)
		k7_bulk_unmap(k7, req);
	else if (!k7_payload_is_small(req->in_len))
		dma_unmap_single(&k7->pdev->dev, req->in_dma, req->in_len, DMA_TO_DEVICE);
}

/**
 * k7_request_map - give the card access to payloads that are not small
 * @k7:		card
 * @req:	request
 *
 * From any context. Payloads are mapped exactly while a slot holds the request.
 *
 * Return: 0 or -ENOMEM.
 */
int k7_request_map(struct k7_device *k7, struct k7_request *req)
{
	struct device *dev = &k7->pdev->dev;
	int err = k7_request_map_in(k7, req);

	if (err || k7_payload_is_small(req->out_len))
		return err;
	req->out_dma = dma_map_single(dev, req->out, req->out_len, DMA_FROM_DEVICE);
	if (!dma_mapping_error(dev, req->out_dma))
		return 0;
	k7_request_unmap_in(k7, req);
	return -ENOMEM;
}

/* The reverse of k7_request_map(); from any context. */
void k7_request_unmap(struct k7_device *k7, struct k7_request *req)
{
	k7_request_unmap_in(k7, req);
	if (!k7_payload_is_small(req->out_len))
		dma_unmap_single(&k7->pdev->dev, req->out_dma, req->out_len, DMA_FROM_DEVICE);
}

/* ---- The end of a request ---- */

/*
 * End @req with @error, 0 when the card has answered; the first end counts. The
 * ring's lock is held.
 */
void k7_request_finish(struct k7_request *req, int error)
{
	if (req->finished)
		return;
	req->error = error;
	/* Pairs with k7_request_is_finished(), which takes no lock. */
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
static int k7_request_send(struct k7_request *req, bool nonblock)
{
	struct k7_device *k7 = req->file->k7;
	struct k7_ring *ring = k7_ring_of_this_cpu(k7);
	LIST_HEAD(reqs);
	int err;

	guard(rwsem_read)(&k7->gate);
	err = k7_file_check(req->file);
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
 * Work that the kernel has for this task, of io_uring for example, ends interruptible
 * waits, too. That is no signal: nobody wants the request to be given up, and it
 * must not be sent a second time. So it is waited for in a way that only signals end.
 * Return: as wait_for_completion_interruptible_timeout().
 */
static long k7_request_wait_on(struct k7_request *req, unsigned long end)
{
	long took = 0;

	while (!took && !task_sigpending(current) && time_before(jiffies, end))
		took = wait_for_completion_killable_timeout(&req->done, K7_SIGNAL_PERIOD);
	return took ?: task_sigpending(current) ? -ERESTARTSYS : 0;
}

/* Return: 0 when @req has ended, -EINTR, or why its end is not waited for any longer. */
static int k7_request_wait(struct k7_request *req, unsigned int timeout_ms)
{
	unsigned long timeout = msecs_to_jiffies(timeout_ms);
	unsigned long end = jiffies + timeout;
	long left;

	if (k7_request_is_finished(req))
		return 0;
	left = wait_for_completion_interruptible_timeout(&req->done, timeout);
	if (left < 0 && !task_sigpending(current))
		left = k7_request_wait_on(req, end);
	if (left < 0)
		return -EINTR;
	return left ? 0 : k7_request_late(req->file->k7, req, req->ring);
}

/**
 * k7_request_run - send a request and wait for its answer
 * @req:	request of k7_request_make(); the caller keeps its reference
 * @timeout_ms:	longest wait
 * @nonblock:	do not wait for room on the ring
 *
 * When this fails, the request may still be with the card: then the ring has it.
 *
 * Return: 0 when the card answered; -EAGAIN with @nonblock when there is no room;
 * the errors of include/uapi/linux/k7hsm.h.
 */
int k7_request_run(struct k7_request *req, unsigned int timeout_ms, bool nonblock)
{
	int err;

	req->end = k7_request_wake;
	err = k7_request_send(req, nonblock);
	if (err)
		return err;
	err = k7_request_wait(req, timeout_ms);
	/* One that has ended just now has its answer: it is not to be lost. */
	if (err && k7_ring_abandon(req, err))
		return err;
	return req->error;
}
