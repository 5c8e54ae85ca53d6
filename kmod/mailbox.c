// SPDX-License-Identifier: GPL-2.0-only
/*
 * The boot loader's mailbox: registers only, so that it works when nothing else
 * does. Replies are small (4 KiB at most) and rare, so polling is good enough.
 */
#include <linux/delay.h>

#include "regs.h"

#define K7_POLL_FIRST_US	10
#define K7_POLL_LAST_US		1000

static bool k7_mailbox_answered(u32 status, const u32 *tag)
{
	return !(status & K7_MB_BUSY) && (!tag || K7_MB_TAG_GET(status) == *tag);
}

/* Does the one who owns the card want the mailbox that a query has? */
static bool k7_mailbox_must_yield(struct k7_device *k7, const struct k7_mailbox_call *call)
{
	return call->yields && atomic_read(&k7->mailbox_owners);
}

/*
 * Wait until the mailbox is free (@tag NULL) or has answered the command @tag.
 * The state is looked at in each round, so that unbinding does not have to wait.
 */
static int k7_mailbox_wait(struct k7_device *k7, const struct k7_mailbox_call *call,
			   const u32 *tag, u32 *status)
{
	unsigned int timeout_ms = call->timeout_ms ?: K7_MAILBOX_TIMEOUT_MS;
	unsigned long deadline = jiffies + msecs_to_jiffies(timeout_ms);
	unsigned int delay = K7_POLL_FIRST_US;

	for (;;) {
		/* Before the read: the last look comes after the deadline. */
		bool late = time_after(jiffies, deadline);

		if (k7_going(k7) || k7_read_status(k7, K7_REG_MB_STATUS, status))
			return -ENODEV;
		if (k7_mailbox_answered(*status, tag))
			return 0;
		if (k7_mailbox_must_yield(k7, call))
			return -EAGAIN;
		if (late)
			return -ETIMEDOUT;
		usleep_range(delay, 2 * delay);
		delay = min_t(unsigned int, 2 * delay, K7_POLL_LAST_US);
	}
}

static int k7_mailbox_read_reply(struct k7_device *k7, struct k7_mailbox_call *call)
{
	__le32 *words = call->reply;
	u32 length, i;

	if (k7_read_status(k7, K7_REG_MB_LENGTH, &length))
		return -ENODEV;
	if (length > K7_MB_DATA_BYTES) {
		atomic_inc(&k7->counters.protocol_errors);
		return -EIO;
	}
	for (i = 0; words && i < length; i += sizeof(*words))
		*words++ = cpu_to_le32(k7_read(k7, K7_REG_MB_DATA + i));
	call->reply_len = length;
	return 0;
}

/* Data may well be all ones: only the status tells whether the card was there all the time. */
static int k7_mailbox_confirm(struct k7_device *k7, u32 tag)
{
	u32 status;

	if (k7_read_status(k7, K7_REG_MB_STATUS, &status))
		return -ENODEV;
	return k7_mailbox_answered(status, &tag) ? 0 : -EIO;
}

static int k7_mailbox_locked(struct k7_device *k7, struct k7_mailbox_call *call)
{
	u32 status, tag;
	int err;

	err = k7_mailbox_wait(k7, call, NULL, &status);
	if (err)
		return err;
	/* Neither the tag of the last answer nor the one that the register has after a reset. */
	do {
		k7->mailbox_tag = (k7->mailbox_tag + 1) & K7_MB_TAG_GET(~0u);
	} while (!k7->mailbox_tag || k7->mailbox_tag == K7_MB_TAG_GET(status));
	tag = k7->mailbox_tag;

	k7_write(k7, K7_REG_MB_ARG(0), call->arg);
	k7_write(k7, K7_REG_MB_ARG(1), 0);
	k7_write(k7, K7_REG_MB_ARG(2), 0);
	k7_write(k7, K7_REG_MB_ARG(3), 0);
	k7_write(k7, K7_REG_MB_COMMAND, K7_MB_COMMAND(call->opcode, tag));
	err = k7_mailbox_wait(k7, call, &tag, &status);
	if (err)
		return err;
	call->status = K7_MB_STATUS_GET(status);
	err = k7_mailbox_read_reply(k7, call);
	return err ?: k7_mailbox_confirm(k7, tag);
}

/* Whether it may be used is looked at under the lock: whoever forbids it takes the lock, too. */
static bool k7_mailbox_try(struct k7_device *k7, bool *locked)
{
	*locked = mutex_trylock(&k7->mailbox_lock);
	if (*locked && (k7_going(k7) || k7->function_reset)) {
		mutex_unlock(&k7->mailbox_lock);
		*locked = false;
	}
	return *locked || k7_going(k7);
}

/**
 * k7_mailbox_lock - have the mailbox, and the registers, for oneself
 * @k7:		card that the caller owns, or whose control it has
 *
 * Queries get out of the way. Waits while the function is being reset and registers
 * must not be read. Whoever waits here is told when the card is being removed.
 *
 * Return: 0, -EINTR or -ENODEV.
 */
int k7_mailbox_lock(struct k7_device *k7)
{
	bool locked = false;
	int err;

	atomic_inc(&k7->mailbox_owners);
	err = wait_event_interruptible(k7->wait, k7_mailbox_try(k7, &locked));
	atomic_dec(&k7->mailbox_owners);
	if (locked)
		return 0;
	wake_up_all(&k7->wait);
	return err ? -EINTR : -ENODEV;
}

/* Likewise for those who own nothing: after all who do. */
static int k7_mailbox_lock_last(struct k7_device *k7)
{
	bool locked = false;

	if (wait_event_interruptible(k7->wait,
				     k7_going(k7) || (!atomic_read(&k7->mailbox_owners) &&
						      k7_mailbox_try(k7, &locked))))
		return -EINTR;
	return locked ? 0 : -ENODEV;
}

void k7_mailbox_unlock(struct k7_device *k7)
{
	mutex_unlock(&k7->mailbox_lock);
	wake_up_all(&k7->wait);
}

static int k7_mailbox_call(struct k7_device *k7, struct k7_mailbox_call *call)
{
	int err = k7_mailbox_locked(k7, call);

	k7_mailbox_unlock(k7);
	if (err == -ETIMEDOUT)
		dev_warn_ratelimited(&k7->dev, "boot loader command %u not answered\n",
				     call->opcode);
	return err;
}

/**
 * k7_mailbox - have the boot loader carry out a command
 * @k7:		card that the caller owns, or whose control it has
 * @call:	command, and where the answer goes
 *
 * Return: 0 when the card answered (@call->status says how), -ETIMEDOUT, -EINTR,
 * -EIO when the answer makes no sense, -ENODEV when the card is gone.
 */
int k7_mailbox(struct k7_device *k7, struct k7_mailbox_call *call)
{
	return k7_mailbox_lock(k7) ?: k7_mailbox_call(k7, call);
}

/**
 * k7_mailbox_query - k7_mailbox() for whoever does not own the card
 * @k7:		card
 * @call:	command that changes nothing
 *
 * Gives the mailbox up to whoever owns the card, at once, and begins anew afterwards.
 * The mailbox's lock keeps the registers there; no gate is held, because this may take
 * long.
 *
 * Return: as k7_mailbox(); -EAGAIN when a reset hides the card, or something odd does.
 */
int k7_mailbox_query(struct k7_device *k7, struct k7_mailbox_call *call)
{
	int err;

	call->yields = true;
	do {
		err = k7_mailbox_lock_last(k7) ?: k7_mailbox_call(k7, call);
	} while (err == -EAGAIN);
	if (err != -ENODEV)
		return err;
	guard(rwsem_read)(&k7->gate);
	if (k7_going(k7))
		return -ENODEV;
	/* A reset hides the registers; else the ladder finds out whether the card is gone. */
	if (k7_state(k7) == K7_DRIVER_LIVE)
		k7_card_kick(k7);
	return -EAGAIN;
}
