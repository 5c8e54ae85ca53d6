// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests of io_uring. The submission is the command area of the queue entry,
 * which user space can change at any time: each field is read once. The end of the
 * request comes in an interrupt; the reply is copied by the task that submitted.
 */
#include <linux/fs.h>
#include <linux/sched.h>

#include "compat.h"
#include "k7.h"

struct k7_uring_data {
	struct k7_request *req;
};

static_assert(sizeof(struct k7_uring_data) <= sizeof_field(struct io_uring_cmd, pdu));

static struct k7_uring_data *k7_uring_data(struct io_uring_cmd *cmd)
{
	return (struct k7_uring_data *)cmd->pdu;
}

static void k7_uring_read(const struct k7_submission *from, struct k7_submission *sub)
{
	unsigned int i;

	sub->user_data = 0;
	sub->opcode = READ_ONCE(from->opcode);
	sub->flags = READ_ONCE(from->flags);
	sub->in_addr = READ_ONCE(from->in_addr);
	sub->out_addr = READ_ONCE(from->out_addr);
	sub->in_len = READ_ONCE(from->in_len);
	sub->out_len = READ_ONCE(from->out_len);
	sub->timeout_ms = READ_ONCE(from->timeout_ms);
	sub->reserved0 = READ_ONCE(from->reserved0);
	for (i = 0; i < ARRAY_SIZE(sub->arg); i++)
		sub->arg[i] = READ_ONCE(from->arg[i]);
	for (i = 0; i < ARRAY_SIZE(sub->reserved); i++)
		sub->reserved[i] = READ_ONCE(from->reserved[i]);
}

/* ---- The end ---- */

/*
 * In the submitting task; or, when that is gone, in a kernel thread without its memory.
 * Until the command is done it may be cancelled, which needs the request. With the
 * command goes its reference to the open file, and with that perhaps to the card.
 */
static void k7_uring_done(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct k7_request *req = k7_uring_data(cmd)->req;
	struct device *dev = get_device(&req->file->k7->dev);
	ssize_t result = req->error;
	u64 answer = 0;

	if (!result && current->flags & PF_KTHREAD)
		result = -ECANCELED;
	if (!result)
		result = k7_request_copy_out(req, req->out_addr);
	if (!result) {
		result = req->reply_len;
		answer = (u64)req->result << 32 | req->status;
	}
	k7_file_leave(req->file, 1);
	k7_uring_cmd_done(cmd, result, answer, issue_flags);
	k7_request_put(req);
	put_device(dev);
}

K7_URING_TASK_WORK(k7_uring_done)

static void k7_uring_end(struct k7_request *req)
{
	k7_uring_complete_in_task(req->uring, k7_uring_done);
}

/* The ring goes away. What the card has stays in its slot until it is answered. */
static int k7_uring_cancel(struct io_uring_cmd *cmd)
{
	k7_ring_abandon(k7_uring_data(cmd)->req, -ECANCELED);
	return 0;
}

/* ---- The beginning ---- */

/*
 * Hand it to the card. From the moment at which it can be cancelled, its end is told
 * by its completion alone; the caller's reference keeps it until this has returned.
 */
static int k7_uring_hand_over(struct io_uring_cmd *cmd, struct k7_request *req,
			      unsigned int issue_flags)
{
	struct k7_device *k7 = req->file->k7;
	LIST_HEAD(reqs);
	int err;

	err = k7_file_check(req->file);
	if (err)
		return err;
	req->ring = k7_ring_of_this_cpu(k7);
	req->uring = cmd;
	k7_uring_data(cmd)->req = req;
	kref_get(&req->ref);
	k7_uring_mark_cancelable(cmd, issue_flags);
	list_add(&req->node, &reqs);
	err = k7_ring_submit(req->ring, &reqs, true);
	if (err) {
		list_del_init(&req->node);
		k7_ring_abandon(req, err);
	}
	return -EIOCBQUEUED;
}

static int k7_uring_send(struct io_uring_cmd *cmd, struct k7_request *req,
			 unsigned int issue_flags)
{
	struct k7_device *k7 = req->file->k7;
	int err;

	if (!(issue_flags & IO_URING_F_NONBLOCK))
		down_read(&k7->gate);
	else if (!down_read_trylock(&k7->gate))
		return -EAGAIN;
	err = k7_uring_hand_over(cmd, req, issue_flags);
	up_read(&k7->gate);
	return err;
}

static int k7_uring_request(struct io_uring_cmd *cmd, const struct k7_submission *sub,
			    unsigned int issue_flags)
{
	bool nonblock = issue_flags & IO_URING_F_NONBLOCK;
	struct k7_file *kf = cmd->file->private_data;
	struct k7_request *req;
	int err;

	/* Pinning pages may sleep: io_uring comes again from a thread that may. */
	if (nonblock && sub->in_len > kf->k7->payload_max)
		return -EAGAIN;
	err = k7_file_enter(kf, nonblock);
	if (err)
		return err;
	req = k7_request_make(cmd->file, sub, nonblock ? GFP_NOWAIT : GFP_KERNEL);
	if (IS_ERR(req)) {
		k7_file_leave(kf, 1);
		err = PTR_ERR(req);
		return nonblock && err == -ENOMEM ? -EAGAIN : err;
	}
	req->end = k7_uring_end;
	req->async = true;
	req->timeout = max(msecs_to_jiffies(k7_request_timeout(sub->timeout_ms)), 1ul);
	err = k7_uring_send(cmd, req, issue_flags);
	if (err != -EIOCBQUEUED)
		k7_file_leave(kf, 1);
	/* The one of the command is k7_uring_done()'s. */
	k7_request_put(req);
	return err;
}

/**
 * k7_uring_cmd - a command of io_uring
 * @cmd:	command
 * @issue_flags: IO_URING_F_*
 *
 * Return: -EIOCBQUEUED when its completion will tell how it ended, or an error;
 * -EAGAIN when it would have to sleep and must not.
 */
int k7_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct k7_submission sub;

	if (k7_uring_is_cancel(issue_flags))
		return k7_uring_cancel(cmd);
	if (cmd->cmd_op != K7_URING_CMD_REQUEST)
		return -ENOTTY;
	if (!(issue_flags & IO_URING_F_SQE128) || !(issue_flags & IO_URING_F_CQE32))
		return -EINVAL;
	k7_uring_read(k7_uring_area(cmd), &sub);
	return k7_uring_request(cmd, &sub, issue_flags);
}
