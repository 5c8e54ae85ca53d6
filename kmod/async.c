// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that nobody waits for: submit, collect, and what an open file has in
 * flight. A request belongs to its file from the submission until it is collected;
 * whichever comes last, its end or the end of the file, lets go of it.
 */
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "k7.h"

static_assert(sizeof(struct k7_submission) == 80);
static_assert(sizeof(struct k7_completion) == 40);

/* ---- Files ---- */

void k7_file_init(struct k7_file *kf, struct k7_device *k7, u32 channel)
{
	kref_init(&kf->ref);
	kf->k7 = k7;
	kf->channel = channel;
	spin_lock_init(&kf->lock);
	INIT_LIST_HEAD(&kf->live);
	INIT_LIST_HEAD(&kf->done);
	init_waitqueue_head(&kf->wait);
}

static void k7_file_release(struct kref *ref)
{
	struct k7_file *kf = container_of(ref, struct k7_file, ref);

	k7_channel_end(kf->k7, kf->channel, kf->known);
	kfree(kf);
}

/* From any context: the last one may be an answer to a file that is closed. */
void k7_file_put(struct k7_file *kf)
{
	kref_put(&kf->ref, k7_file_release);
}

/* May this file send to the card now? The gate is held. */
int k7_file_check(struct k7_file *kf)
{
	return k7_check_live(kf->k7) ?: k7_claim_check(kf);
}

static int k7_file_try_enter(struct k7_file *kf)
{
	bool room;

	if (k7_going(kf->k7))
		return -ENODEV;
	spin_lock_irq(&kf->lock);
	room = kf->used < K7_IN_FLIGHT_MAX;
	if (room)
		WRITE_ONCE(kf->used, kf->used + 1);
	spin_unlock_irq(&kf->lock);
	return room ? 0 : -EAGAIN;
}

static bool k7_file_entered(struct k7_file *kf, int *err)
{
	*err = k7_file_try_enter(kf);
	return *err != -EAGAIN;
}

/**
 * k7_file_enter - take a place for a request in flight
 * @kf:		file
 * @nonblock:	do not wait for one
 *
 * Return: 0, -EAGAIN, -EINTR, -ENODEV.
 */
int k7_file_enter(struct k7_file *kf, bool nonblock)
{
	int err = k7_file_try_enter(kf);

	if (err != -EAGAIN || nonblock)
		return err;
	if (wait_event_interruptible(kf->wait, k7_file_entered(kf, &err)))
		return -EINTR;
	return err;
}

/* Give @count places back. */
void k7_file_leave(struct k7_file *kf, unsigned int count)
{
	scoped_guard(spinlock_irqsave, &kf->lock)
		WRITE_ONCE(kf->used, kf->used - count);
	wake_up_all(&kf->wait);
}

/* For poll(). */
__poll_t k7_file_poll(struct k7_file *kf)
{
	__poll_t mask = READ_ONCE(kf->done_count) ? EPOLLIN | EPOLLRDNORM : 0;

	if (k7_going(kf->k7))
		return mask | EPOLLERR | EPOLLHUP;
	if (READ_ONCE(kf->pending))
		mask |= EPOLLPRI;
	if (k7_state(kf->k7) == K7_DRIVER_LIVE && READ_ONCE(kf->used) < K7_IN_FLIGHT_MAX)
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

/* The end of a submitted request; a ring's lock is held. */
static void k7_async_end(struct k7_request *req)
{
	struct k7_file *kf = req->file;
	bool closed;

	spin_lock(&kf->lock);
	closed = kf->closed;
	list_del_init(&req->file_node);
	WRITE_ONCE(kf->in_flight, kf->in_flight - 1);
	if (!closed) {
		list_add_tail(&req->file_node, &kf->done);
		WRITE_ONCE(kf->done_count, kf->done_count + 1);
	}
	spin_unlock(&kf->lock);
	if (closed)
		k7_request_put(req);
	else if (wq_has_sleeper(&kf->wait))
		wake_up_all(&kf->wait);
}

/**
 * k7_file_close - nobody collects any more
 * @kf:		file of which no call is running
 *
 * What was not sent is not sent; what the card has is let go of when it answers.
 */
void k7_file_close(struct k7_file *kf)
{
	struct k7_request *req, *next;

	spin_lock_irq(&kf->lock);
	kf->closed = true;
	while (!list_empty(&kf->live)) {
		req = list_first_entry(&kf->live, struct k7_request, file_node);
		kref_get(&req->ref);
		spin_unlock_irq(&kf->lock);
		/* Waits for whoever is ending it just now. */
		k7_ring_abandon(req, -ECANCELED);
		k7_request_put(req);
		spin_lock_irq(&kf->lock);
	}
	spin_unlock_irq(&kf->lock);
	list_for_each_entry_safe(req, next, &kf->done, file_node) {
		list_del_init(&req->file_node);
		k7_request_put(req);
	}
}

/* ---- K7_IOC_SUBMIT ---- */

static int k7_submission_copy(const struct k7_ioc_submit *submit, u32 index,
			      struct k7_submission *sub)
{
	u64 offset = (u64)index * submit->entry_size;

	return copy_struct_from_user(sub, sizeof(*sub),
				     u64_to_user_ptr(submit->submissions_addr + offset),
				     submit->entry_size);
}

/* Make submission @index a request in @batch. Only for the first one it is waited for room. */
static int k7_submit_prepare(struct file *file, const struct k7_ioc_submit *submit, u32 index,
			     struct list_head *batch)
{
	struct k7_file *kf = file->private_data;
	struct k7_submission sub;
	struct k7_request *req;
	int err;

	err = k7_submission_copy(submit, index, &sub);
	if (err)
		return err;
	err = k7_file_enter(kf, index || file->f_flags & O_NONBLOCK);
	if (err)
		return err;
	req = k7_request_make(file, &sub, GFP_KERNEL);
	if (IS_ERR(req)) {
		k7_file_leave(kf, 1);
		return PTR_ERR(req);
	}
	req->end = k7_async_end;
	req->async = true;
	req->timeout = max(msecs_to_jiffies(k7_request_timeout(sub.timeout_ms)), 1ul);
	list_add_tail(&req->node, batch);
	return 0;
}

/* Before the ring knows them, so that their end finds them there. */
static void k7_submit_enlist(struct k7_file *kf, struct list_head *batch)
{
	struct k7_request *req;

	spin_lock_irq(&kf->lock);
	list_for_each_entry(req, batch, node) {
		list_add_tail(&req->file_node, &kf->live);
		WRITE_ONCE(kf->in_flight, kf->in_flight + 1);
	}
	spin_unlock_irq(&kf->lock);
}

static void k7_submit_undo(struct k7_file *kf, struct list_head *batch)
{
	struct k7_request *req, *next;
	unsigned int count = 0;

	list_for_each_entry_safe(req, next, batch, node) {
		scoped_guard(spinlock_irq, &kf->lock) {
			/* Not there when it was refused before it was enlisted. */
			if (!list_empty(&req->file_node))
				WRITE_ONCE(kf->in_flight, kf->in_flight - 1);
			list_del_init(&req->file_node);
		}
		list_del_init(&req->node);
		k7_request_put(req);
		count++;
	}
	k7_file_leave(kf, count);
}

static int k7_submit_send(struct k7_file *kf, struct list_head *batch)
{
	int err;

	guard(rwsem_read)(&kf->k7->gate);
	err = k7_file_check(kf);
	if (err)
		return err;
	k7_submit_enlist(kf, batch);
	return k7_ring_submit(k7_ring_of_this_cpu(kf->k7), batch, true);
}

static int k7_submit_check(const struct k7_ioc_submit *submit)
{
	if (submit->flags)
		return -EOPNOTSUPP;
	if (submit->reserved || !submit->count || submit->count > K7_IN_FLIGHT_MAX)
		return -EINVAL;
	return k7_entry_size_check(submit->entry_size, sizeof(struct k7_submission));
}

long k7_ioctl_submit(struct file *file, void *arg)
{
	struct k7_file *kf = file->private_data;
	struct k7_ioc_submit *submit = arg;
	LIST_HEAD(batch);
	u32 taken;
	int err;

	err = k7_submit_check(submit);
	if (err)
		return err;
	for (taken = 0; taken < submit->count; taken++) {
		err = k7_submit_prepare(file, submit, taken, &batch);
		if (err)
			break;
	}
	if (!taken)
		return err;
	err = k7_submit_send(kf, &batch);
	if (err) {
		k7_submit_undo(kf, &batch);
		return err;
	}
	submit->count = taken;
	return 0;
}

/* ---- K7_IOC_COLLECT ---- */

static struct k7_request *k7_collect_take(struct k7_file *kf)
{
	struct k7_request *req;

	spin_lock_irq(&kf->lock);
	req = list_first_entry_or_null(&kf->done, struct k7_request, file_node);
	if (req) {
		list_del_init(&req->file_node);
		WRITE_ONCE(kf->done_count, kf->done_count - 1);
	}
	spin_unlock_irq(&kf->lock);
	return req;
}

/* It could not be handed over: the next one who collects gets it. */
static void k7_collect_put_back(struct k7_file *kf, struct k7_request *req)
{
	scoped_guard(spinlock_irq, &kf->lock) {
		list_add(&req->file_node, &kf->done);
		WRITE_ONCE(kf->done_count, kf->done_count + 1);
	}
	wake_up_all(&kf->wait);
}

static void k7_completion_fill(const struct k7_request *req, struct k7_completion *completion)
{
	int err = req->error ?: k7_request_copy_out(req, req->out_addr);

	memset(completion, 0, sizeof(*completion));
	completion->user_data = req->user_data;
	completion->generation = req->generation;
	completion->error = -err;
	if (err)
		return;
	completion->card_status = req->status;
	completion->result = req->result;
	completion->out_len = req->reply_len;
}

static int k7_collect_one(struct k7_file *kf, const struct k7_ioc_collect *collect, u32 index)
{
	struct k7_request *req = k7_collect_take(kf);
	struct k7_completion completion;

	if (!req)
		return -EAGAIN;
	k7_completion_fill(req, &completion);
	if (k7_entry_to_user(collect->completions_addr, index, collect->entry_size, &completion,
			     sizeof(completion))) {
		k7_collect_put_back(kf, req);
		return -EFAULT;
	}
	k7_request_put(req);
	k7_file_leave(kf, 1);
	return 0;
}

/* Others may collect meanwhile: when nothing is in flight there is nothing to wait for. */
static bool k7_collect_is_ready(const struct k7_file *kf, u32 wanted)
{
	return READ_ONCE(kf->done_count) >= wanted || !READ_ONCE(kf->in_flight);
}

static int k7_collect_wait(struct k7_file *kf, const struct k7_ioc_collect *collect)
{
	u32 wanted = min(collect->wait, collect->count);
	long left = MAX_SCHEDULE_TIMEOUT;

	if (collect->timeout_ms != U32_MAX)
		left = msecs_to_jiffies(collect->timeout_ms);
	left = wait_event_interruptible_timeout(kf->wait, k7_collect_is_ready(kf, wanted), left);
	return left < 0 ? -EINTR : 0;
}

static int k7_collect_check(const struct k7_ioc_collect *collect)
{
	if (collect->reserved0 || collect->reserved)
		return -EINVAL;
	if (!collect->count || collect->count > K7_IN_FLIGHT_MAX)
		return -EINVAL;
	return k7_entry_size_check(collect->entry_size, sizeof(struct k7_completion));
}

long k7_ioctl_collect(struct file *file, void *arg)
{
	bool nonblock = file->f_flags & O_NONBLOCK;
	struct k7_file *kf = file->private_data;
	struct k7_ioc_collect *collect = arg;
	u32 taken;
	int err;

	err = k7_collect_check(collect);
	if (!err && !nonblock)
		err = k7_collect_wait(kf, collect);
	if (err)
		return err;
	for (taken = 0; taken < collect->count; taken++) {
		err = k7_collect_one(kf, collect, taken);
		if (err)
			break;
	}
	/* Without O_NONBLOCK it is no error that there is none. */
	if (!taken && err && (nonblock || err != -EAGAIN))
		return err;
	collect->count = taken;
	return 0;
}
