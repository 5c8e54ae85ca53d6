// SPDX-License-Identifier: GPL-2.0-only
/*
 * What FMs print for their developers, in the kernel's log. The card tells by an
 * event that there is something new, the lines are fetched by FM_LOG, the command
 * that user space has for the same. Nobody sleeps for the answer: it may have to
 * wait behind a long FM call.
 */
#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>

#include "regs.h"
#include "visible.h"

/* Between an event and the look, to take many lines at once. */
#define K7_FM_LOG_PERIOD	(HZ / 20)

#define K7_FM_LOG_REPLY		4096		/* bytes of lines in one answer */
#define K7_FM_LOG_BURST		100		/* lines of an FM printed in K7_FM_LOG_INTERVAL */
#define K7_FM_LOG_CARD_BURST	1000		/* of a card, which may make FMs up */
#define K7_FM_LOG_INTERVAL	(5 * HZ)
#define K7_FM_LOG_SHARES	32		/* as many FMs as a card holds */
#define K7_FM_LOG_TAG		4		/* of the FM's ID, which begins a line */

static bool fm_log = true;
module_param(fm_log, bool, 0644);
MODULE_PARM_DESC(fm_log, "copy what FMs print into the kernel's log (default on)");

/**
 * struct k7_fm_log_share - what one FM may print, so that none keeps others quiet
 * @tag:	its ID, as in the lines; zeros: of no FM yet
 * @used:	when it was last asked for, by k7_fm_log's @turn
 * @limit:	lines that may be printed
 * @missed:	lines that were not, since the last one that was
 */
struct k7_fm_log_share {
	char tag[K7_FM_LOG_TAG];
	u64 used;
	struct ratelimit_state limit;
	unsigned int missed;
};

/**
 * struct k7_fm_log - the way of FMs' lines into the kernel's log
 * @k7:		card
 * @work:	looks at the answer, and asks for more; all below but @wanted is its alone
 * @req:	FM_LOG that is under way, or NULL
 * @next:	number of the first line that was not printed yet
 * @wanted:	there was an event since the last FM_LOG was sent
 * @turn:	lines so far
 * @limit:	lines that may be printed of all FMs
 * @shares:	of the FMs that have spoken
 */
struct k7_fm_log {
	struct k7_device *k7;
	struct delayed_work work;
	struct k7_request *req;
	u32 next;
	bool wanted;
	u64 turn;
	struct ratelimit_state limit;
	struct k7_fm_log_share shares[K7_FM_LOG_SHARES];
};

/* ---- Printing ---- */

static void k7_fm_log_limit(struct ratelimit_state *limit, int burst)
{
	ratelimit_state_init(limit, K7_FM_LOG_INTERVAL, burst);
	ratelimit_set_flags(limit, RATELIMIT_MSG_ON_RELEASE);
}

static void k7_fm_log_begin_share(struct k7_fm_log_share *share, const char *tag)
{
	memcpy(share->tag, tag, sizeof(share->tag));
	share->missed = 0;
	k7_fm_log_limit(&share->limit, K7_FM_LOG_BURST);
}

/* That of the FM which said @line. A new FM takes the one that was used longest ago. */
static struct k7_fm_log_share *k7_fm_log_share(struct k7_fm_log *log, const char *line,
					       size_t length)
{
	struct k7_fm_log_share *share = log->shares, *oldest = log->shares;
	char tag[K7_FM_LOG_TAG] = {};

	memcpy(tag, line, min(length, sizeof(tag)));
	while (share < log->shares + K7_FM_LOG_SHARES && memcmp(share->tag, tag, sizeof(tag))) {
		if (share->used < oldest->used)
			oldest = share;
		share++;
	}
	if (share == log->shares + K7_FM_LOG_SHARES) {
		share = oldest;
		k7_fm_log_begin_share(share, tag);
	}
	share->used = ++log->turn;
	return share;
}

static void k7_fm_log_line(struct k7_fm_log *log, char *line, size_t length)
{
	struct device *dev = &log->k7->dev;
	struct k7_fm_log_share *share;
	size_t i;

	if (!length || !READ_ONCE(fm_log))
		return;
	/* The card promises printable text; who reads the log need not rely on that. */
	for (i = 0; i < length; i++) {
		if (!isascii(line[i]) || !isprint(line[i]))
			line[i] = '?';
	}
	share = k7_fm_log_share(log, line, length);
	if (!__ratelimit(&share->limit) || !__ratelimit(&log->limit)) {
		share->missed++;
		return;
	}
	if (share->missed)
		dev_info(dev, "%u lines of FM %.*s are not shown here; ctfm log has the last ones\n",
			 share->missed, K7_FM_LOG_TAG, share->tag);
	share->missed = 0;
	dev_info(dev, "FM %.*s\n", (int)length, line);
}

/* Lines "FMID text\n". Return: whether there may be more. */
static bool k7_fm_log_print(struct k7_fm_log *log, struct k7_request *req)
{
	char *line = req->out, *end = line + req->reply_len;
	/* A card that was switched off and on has begun to count anew. */
	bool anew = req->result < log->next;

	while (line < end) {
		char *next = memchr(line, '\n', end - line) ?: end;

		k7_fm_log_line(log, line, next - line);
		line = next + 1;
	}
	log->next = anew ? 0 : req->result;
	return anew || req->reply_len;
}

/* ---- Asking ---- */

/* Later, so that a card with ever more to say costs no more than this. */
static void k7_fm_log_again(struct k7_fm_log *log)
{
	WRITE_ONCE(log->wanted, true);
	queue_delayed_work(system_wq, &log->work, K7_FM_LOG_PERIOD);
}

/* With the ring's lock held. */
static void k7_fm_log_end(struct k7_request *req)
{
	mod_delayed_work(system_wq, &req->fm_log->work, 0);
}

static int k7_fm_log_submit(struct k7_device *k7, struct k7_request *req)
{
	LIST_HEAD(reqs);
	int err;

	guard(rwsem_read)(&k7->gate);
	err = k7_check_live(k7);
	if (err)
		return err;
	list_add(&req->node, &reqs);
	err = k7_ring_submit(k7_ring_of_this_cpu(k7), &reqs, true);
	if (err)
		list_del_init(&req->node);
	return err;
}

static struct k7_request *k7_fm_log_request(struct k7_fm_log *log)
{
	struct k7_request *req = k7_request_alloc(K7_CMD_FM_LOG, 0, K7_FM_LOG_REPLY, GFP_KERNEL);

	if (!req)
		return NULL;
	req->arg[0] = log->next;
	req->async = true;
	req->end = k7_fm_log_end;
	req->fm_log = log;
	req->patience = msecs_to_jiffies(k7_request_timeout(0));
	return req;
}

/* When the firmware does not run, k7_fm_log_resume() asks again. */
static void k7_fm_log_ask(struct k7_fm_log *log)
{
	int err = -EAGAIN;

	log->req = k7_fm_log_request(log);
	if (log->req)
		err = k7_fm_log_submit(log->k7, log->req);
	if (!err)
		return;
	if (log->req)
		k7_request_put(log->req);
	log->req = NULL;
	if (err == -EAGAIN)
		k7_fm_log_again(log);
	else if (err == -EHOSTDOWN)
		WRITE_ONCE(log->wanted, true);
}

/* One that has waited behind a long FM call may have been aborted. */
static bool k7_fm_log_is_more(struct k7_fm_log *log, struct k7_request *req)
{
	if (req->status == K7_ST_OK)
		return k7_fm_log_print(log, req);
	return req->status == K7_ST_ABORTED;
}

/* Take the answer of the request that was under way. Return: false while it still is. */
static bool k7_fm_log_take(struct k7_fm_log *log)
{
	struct k7_request *req = log->req;

	if (!req)
		return true;
	if (!k7_request_is_finished(req))
		return false;
	if (req->error == -ECANCELED)
		WRITE_ONCE(log->wanted, true);
	else if (!req->error && k7_fm_log_is_more(log, req))
		k7_fm_log_again(log);
	log->req = NULL;
	k7_request_put(req);
	return true;
}

/* After an answer it comes at once, to print it; what is to be asked then has time. */
static void k7_fm_log_work(struct work_struct *work)
{
	struct k7_fm_log *log = container_of(to_delayed_work(work), struct k7_fm_log, work);
	bool answered = log->req;

	if (!k7_fm_log_take(log))
		return;
	if (answered) {
		if (READ_ONCE(log->wanted) && k7_card_runs(READ_ONCE(log->k7->card.state)))
			k7_fm_log_again(log);
	} else if (xchg(&log->wanted, false)) {
		k7_fm_log_ask(log);
	}
}

/* ---- Coming and going ---- */

/**
 * k7_fm_log_kick - the card may have new lines of FMs
 * @k7:		card
 *
 * From any context. Does nothing before k7_fm_log_add(), or when nobody wants the lines.
 */
void k7_fm_log_kick(struct k7_device *k7)
{
	/* Pairs with k7_fm_log_add(). */
	struct k7_fm_log *log = smp_load_acquire(&k7->fm_log);

	if (log && READ_ONCE(fm_log))
		k7_fm_log_again(log);
}

/* The card's state has changed: what could not be fetched before may be there to fetch now. */
void k7_fm_log_resume(struct k7_device *k7)
{
	/* Pairs with k7_fm_log_add(). */
	struct k7_fm_log *log = smp_load_acquire(&k7->fm_log);

	if (log && READ_ONCE(log->wanted))
		k7_fm_log_again(log);
}

/**
 * k7_fm_log_add - begin to print what FMs say
 * @k7:		card; one without FMs is left alone
 *
 * Without memory for it nothing is printed, and all else works.
 */
void k7_fm_log_add(struct k7_device *k7)
{
	struct k7_fm_log *log;

	if (!(k7->features & K7_FEATURE_FM))
		return;
	log = kzalloc(sizeof(*log), GFP_KERNEL);
	if (!log)
		return;
	log->k7 = k7;
	INIT_DELAYED_WORK(&log->work, k7_fm_log_work);
	k7_fm_log_limit(&log->limit, K7_FM_LOG_CARD_BURST);
	/* Events have come for a while: whoever sees it sees all of it. */
	smp_store_release(&k7->fm_log, log);
	k7_fm_log_kick(k7);
}

/* When all requests have ended and no event can come any more. */
void k7_fm_log_remove(struct k7_device *k7)
{
	struct k7_fm_log *log = k7->fm_log;

	if (!log)
		return;
	cancel_delayed_work_sync(&log->work);
	if (log->req)
		k7_request_put(log->req);
	k7->fm_log = NULL;
	kfree(log);
}
