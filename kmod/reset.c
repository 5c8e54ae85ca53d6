// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resets and erases. All that the driver starts itself is a job on the card's
 * ordered workqueue; what the PCI core starts (sysfs reset, AER, suspend) comes
 * through k7_reset_begin() and k7_reset_end(). Either way the one who has moved
 * the driver from LIVE to RESETTING owns the card until it is LIVE again.
 */
#include <linux/delay.h>
#include <linux/slab.h>

#include "regs.h"
#include "trace.h"
#include "visible.h"

#define K7_PCI_LOCK_TIMEOUT_MS	1000	/* for somebody else to let go of the PCI function */
#define K7_RESET_WAIT_MS	30000	/* for a job to end before the PCI core resets */

struct k7_job_type {
	const char *name;
	int (*run)(struct k7_job *job);
	bool restarts;	/* the card comes up afterwards */
	bool resets;	/* and everything that it had in hand is forgotten */
};

/* ---- What a job does ---- */

/* A card that is asked to restart and does not want to: a reset has no other way to say so. */
static int k7_job_refused(u32 status)
{
	switch (status) {
	case K7_ST_OK:
		return 0;
	case K7_ST_BAD_STATE:
		return -EHOSTDOWN;
	case K7_ST_BUSY:
		return -EBUSY;
	default:
		return -EIO;
	}
}

static int k7_job_restart_firmware(struct k7_job *job)
{
	bool stop = job->mode == K7_MODE_BOOT_LOADER;
	struct k7_mailbox_call call = {
		.opcode = stop ? K7_BOOT_STOP_FIRMWARE : K7_BOOT_START_FIRMWARE,
		.arg = stop ? 0 : job->mode,
	};

	return k7_mailbox(job->k7, &call) ?: k7_job_refused(call.status);
}

static int k7_job_reset_card(struct k7_job *job)
{
	struct k7_mailbox_call call = { .opcode = K7_BOOT_RESET, .arg = job->mode };

	return k7_mailbox(job->k7, &call) ?: k7_job_refused(call.status);
}

/* Has the card been reset, whatever else went wrong? */
static bool k7_job_was_reset(const struct k7_job *job)
{
	struct k7_card_view now;

	return !k7_card_read(job->k7, &now) && now.generation != job->old_generation;
}

/*
 * The PCI core's reset needs the device lock, which remove() has while it waits
 * for this job: so only ever try, and look whether the card is going.
 */
static int k7_job_try_reset_pci(struct k7_device *k7, int (*reset)(struct pci_dev *pdev))
{
	unsigned long deadline = jiffies + msecs_to_jiffies(K7_PCI_LOCK_TIMEOUT_MS);
	int err;

	for (;;) {
		if (k7_going(k7))
			return -ENODEV;
		err = reset(k7->pdev);
		if (err != -EAGAIN)
			return err;
		if (time_after(jiffies, deadline))
			return -EBUSY;
		msleep(20);
	}
}

/* ---- Hiding the registers ---- */

/* From its return on, no call of a user reads a register. Neither gate nor control is held. */
static int k7_registers_hide(struct k7_device *k7)
{
	int err = k7_mailbox_lock(k7);

	if (err)
		return err;
	WRITE_ONCE(k7->function_reset, true);
	k7_mailbox_unlock(k7);
	/* See out those who are reading. */
	down_write(&k7->gate);
	up_write(&k7->gate);
	return 0;
}

static void k7_registers_show(struct k7_device *k7)
{
	WRITE_ONCE(k7->function_reset, false);
	wake_up_all(&k7->wait);
}

/* What a card that does not answer reads as must never be restored. */
static void k7_save_pci_state(struct k7_device *k7)
{
	u16 vendor;

	pci_read_config_word(k7->pdev, PCI_VENDOR_ID, &vendor);
	if (vendor == k7->pdev->vendor)
		pci_save_state(k7->pdev);
}

/*
 * No lock of ours is held meanwhile: the core takes its own, under which it calls
 * us when there is an error. The state RESETTING keeps everybody else away, and
 * the flag those who would read registers.
 */
static int k7_job_reset_pci(struct k7_job *job, int (*reset)(struct pci_dev *pdev))
{
	struct k7_device *k7 = job->k7;
	int err;

	mutex_unlock(&k7->control);
	err = k7_registers_hide(k7);
	if (!err) {
		err = k7_job_try_reset_pci(k7, reset);
		k7_registers_show(k7);
	}
	mutex_lock(&k7->control);
	/* The core has used up the saved state; an error may want one at any time. */
	k7_save_pci_state(k7);
	/* A port that does not report its link makes the core complain after a good reset. */
	if (err == -ENOTTY)
		err = k7_job_was_reset(job) ? 0 : -EOPNOTSUPP;
	return err;
}

static int k7_job_reset_function(struct k7_job *job)
{
	return k7_job_reset_pci(job, pci_try_reset_function);
}

static int k7_job_reset_bus(struct k7_job *job)
{
	return k7_job_reset_pci(job, pci_reset_bus);
}

/* Return: 0 when the card has answered, how is in @job->card_status. */
static int k7_job_erase(struct k7_job *job, u32 opcode)
{
	struct k7_mailbox_call call = {
		.opcode = opcode,
		.timeout_ms = K7_MAILBOX_ERASE_TIMEOUT_MS,
	};
	int err = k7_mailbox(job->k7, &call);

	job->card_status = call.status;
	return err;
}

static int k7_job_erase_fms(struct k7_job *job)
{
	return k7_job_erase(job, K7_BOOT_ERASE_FMS);
}

static int k7_job_erase_smfs(struct k7_job *job)
{
	return k7_job_erase(job, K7_BOOT_ERASE_SMFS);
}

static const struct k7_job_type k7_job_types[] = {
	[K7_JOB_RESET_FIRMWARE] = { "firmware restart", k7_job_restart_firmware, true, false },
	[K7_JOB_RESET_CARD] = { "card reset", k7_job_reset_card, true, true },
	[K7_JOB_RESET_FUNCTION] = { "function level reset", k7_job_reset_function, true, true },
	[K7_JOB_RESET_BUS] = { "bus reset", k7_job_reset_bus, true, true },
	[K7_JOB_ERASE_FMS] = { "erase of all FMs", k7_job_erase_fms, false, false },
	[K7_JOB_ERASE_SMFS] = { "erase of the SMFS", k7_job_erase_smfs, false, false },
};

/* ---- Running a job ---- */

/* Stopping the firmware raises no generation; everything else does. */
static bool k7_job_raises_generation(const struct k7_job_type *type, u32 mode)
{
	return type->resets || mode != K7_MODE_BOOT_LOADER;
}

/* Do what @kind says, which is the job's kind, or a step on the way to it. */
static int k7_job_act(struct k7_job *job, enum k7_job_kind kind)
{
	const struct k7_job_type *type = &k7_job_types[kind];
	struct k7_card_view before = job->k7->card;
	bool raises = k7_job_raises_generation(type, job->mode);
	int err;

	k7_card_read(job->k7, &before);
	job->old_generation = before.generation;
	job->restarted |= type->restarts;
	err = type->run(job);
	if (err || !type->restarts)
		return err;
	return k7_card_wait_up(job->k7, raises ? &job->old_generation : NULL, job->timeout_ms);
}

/*
 * The boot loader did not help, or a ring did not stop: take the function down as a
 * whole. It comes up operational, with FMs that the job may have been there to stop.
 */
static int k7_job_escalate(struct k7_job *job)
{
	int err;

	dev_warn(&job->k7->dev, "%s did not help: trying a function level reset\n",
		 k7_job_types[job->kind].name);
	err = k7_job_act(job, K7_JOB_RESET_FUNCTION);
	if (err || job->mode == K7_MODE_OPERATIONAL)
		return err;
	return k7_job_act(job, K7_JOB_RESET_FIRMWARE);
}

static int k7_job_on_card(struct k7_job *job)
{
	struct k7_device *k7 = job->k7;
	int err, reset_err;
	bool quiet;

	k7_coredump_keep(k7);
	quiet = k7_rings_stop(k7, -ECANCELED);
	err = k7_job_act(job, job->kind);
	if (!quiet)
		quiet = k7_rings_stop(k7, -ECANCELED);
	if ((quiet && !(job->escalate && err)) || k7_going(k7) ||
	    job->kind == K7_JOB_RESET_FUNCTION)
		return err;
	reset_err = k7_job_escalate(job);
	k7_rings_stop(k7, -ECANCELED);
	/* A reset of another kind is a reset; but it does not make up for an erase. */
	return k7_job_types[job->kind].restarts ? reset_err : err ?: reset_err;
}

/* Note how the card is now, whatever has become of the job. */
static void k7_job_report(struct k7_job *job)
{
	struct k7_device *k7 = job->k7;
	int err = k7_going(k7) ? -ENODEV : k7_card_sync(k7);

	if (!job->error && err)
		job->error = err;
	/* It did not answer once, but is there. */
	if (job->error == -ENODEV && !err)
		job->error = -EAGAIN;
	job->card_state = READ_ONCE(k7->card.state);
	job->generation = READ_ONCE(k7->card.generation);
	if (err == -ENODEV)
		k7_card_gone(k7);
	else if (!job->error)
		k7_card_identify(k7);
}

/* A reset or an erase did not do what it should. */
static void k7_reset_failed(struct k7_device *k7, const char *what, int error)
{
	char cause[80];

	dev_err(&k7->dev, "%s failed: %d\n", what, error);
	snprintf(cause, sizeof(cause), "%s failed: %d", what, error);
	if (!k7_going(k7))
		k7_coredump(k7, cause);
}

static void k7_job_work(struct work_struct *work)
{
	struct k7_job *job = container_of(work, struct k7_job, work);
	struct k7_device *k7 = job->k7;

	mutex_lock(&k7->control);
	WRITE_ONCE(k7->reset_task, current);
	dev_info(&k7->dev, "%s\n", k7_job_types[job->kind].name);
	job->error = k7_job_on_card(job);
	k7_job_report(job);
	trace_k7_reset(k7, k7_job_types[job->kind].name, job->escalate ? "timeout" : "user",
		       job->error);
	WRITE_ONCE(k7->reset_task, NULL);
	mutex_unlock(&k7->control);

	if (job->error)
		k7_reset_failed(k7, k7_job_types[job->kind].name, job->error);
	k7_coredump_forget(k7);
	if (job->restarted)
		atomic_inc(&k7->counters.resets);
	/* LIVE first: whoever is woken by the event can use the card. */
	k7_set_state(k7, K7_DRIVER_LIVE);
	k7_event_post(k7, job->restarted ? K7_EVENT_RESET : 0);
	complete_all(&job->done);
	wake_up_all(&k7->wait);
	k7_job_put(job);
}

/* ---- Starting a job ---- */

static void k7_job_release(struct kref *ref)
{
	kfree(container_of(ref, struct k7_job, ref));
}

void k7_job_put(struct k7_job *job)
{
	kref_put(&job->ref, k7_job_release);
}

/* Return: a job with default values, ended by k7_job_put(), or NULL. */
struct k7_job *k7_job_alloc(struct k7_device *k7, enum k7_job_kind kind)
{
	struct k7_job *job = kzalloc(sizeof(*job), GFP_KERNEL);

	if (!job)
		return NULL;
	kref_init(&job->ref);
	INIT_WORK(&job->work, k7_job_work);
	init_completion(&job->done);
	job->k7 = k7;
	job->kind = kind;
	/* An erase leaves the card in the boot loader. */
	job->mode = k7_job_types[kind].restarts ? K7_MODE_OPERATIONAL : K7_MODE_BOOT_LOADER;
	job->timeout_ms = K7_START_TIMEOUT_MS;
	return job;
}

/**
 * k7_job_start - begin a job; gate or control is held
 * @job:	job; the work takes a reference of its own
 *
 * Return: 0, -EBUSY when another reset or erase is running, -ENODEV.
 */
int k7_job_start(struct k7_job *job)
{
	struct k7_device *k7 = job->k7;

	if (!k7_set_state(k7, K7_DRIVER_RESETTING))
		return k7_going(k7) ? -ENODEV : -EBUSY;
	kref_get(&job->ref);
	queue_work(k7->wq, &job->work);
	return 0;
}

/**
 * k7_job_run - begin a job and wait for its end
 * @job:	job
 * @kf:		file that wants it
 *
 * A signal ends the wait, not the job.
 *
 * Return: 0 when the job was done; -EINTR; -EBUSY when another file has the card; the
 * errors of k7_job_start() and of the job.
 */
int k7_job_run(struct k7_job *job, struct k7_file *kf)
{
	struct k7_device *k7 = job->k7;
	int err;

	/* The claim is looked at where no other file can take it. */
	scoped_guard(rwsem_read, &k7->gate)
		err = k7_claim_check(kf) ?: k7_job_start(job);
	if (err)
		return err;
	/* A reset that the PCI core is in the middle of is not waited for when the card goes. */
	if (wait_event_interruptible(k7->wait, completion_done(&job->done) || k7_going(k7)))
		return -EINTR;
	return completion_done(&job->done) ? job->error : -ENODEV;
}

/*
 * The firmware does not answer: restart it. gate or control is held.
 *
 * Return: false when that did not begin; the next look at the card comes here again.
 */
bool k7_reset_after_timeout(struct k7_device *k7)
{
	struct k7_job *job = k7_job_alloc(k7, K7_JOB_RESET_FIRMWARE);
	int err;

	if (!job)
		return false;
	job->escalate = true;
	err = k7_job_start(job);
	k7_job_put(job);
	return !err;
}

/* ---- Resets of the PCI core ---- */

/**
 * k7_reset_begin - let go of the card before the PCI core does something to it
 * @k7:		card
 *
 * Waits for a job that is running. In a reset that a job of ours has asked for,
 * nothing is to be done.
 *
 * Return: true when k7_reset_end() is due afterwards.
 */
bool k7_reset_begin(struct k7_device *k7)
{
	long left = msecs_to_jiffies(K7_RESET_WAIT_MS);

	if (READ_ONCE(k7->reset_task) == current)
		return false;
	while (!k7_set_state(k7, K7_DRIVER_RESETTING)) {
		if (k7_going(k7) || !left)
			return false;
		left = wait_event_timeout(k7->wait, k7_state(k7) != K7_DRIVER_RESETTING, left);
	}
	mutex_lock(&k7->control);
	k7->pci_reset = true;
	k7->pci_generation = k7->card.generation;
	k7_coredump_keep(k7);
	k7_rings_stop(k7, -ECANCELED);
	k7_event_mask(k7, 0);
	mutex_unlock(&k7->control);
	/* Not done when a signal came, or the card is going: then queries may see all ones. */
	k7_registers_hide(k7);
	return true;
}

/*
 * Everybody is told of a reset, and relies on it: what was open is closed. A suspend
 * and some recoveries reset nothing: then the firmware is restarted, as it was.
 */
static int k7_reset_complete(struct k7_device *k7)
{
	bool maintenance = K7_STATE_GET(k7->card.state) == K7_STATE_MAINTENANCE;
	struct k7_job job = {
		.k7 = k7,
		.mode = maintenance ? K7_MODE_MAINTENANCE : K7_MODE_OPERATIONAL,
		.timeout_ms = K7_START_TIMEOUT_MS,
	};

	if (k7->card.generation != k7->pci_generation || !k7_card_runs(k7->card.state))
		return 0;
	return k7_job_act(&job, K7_JOB_RESET_FIRMWARE) ? -EIO : 0;
}

static int k7_reset_end_locked(struct k7_device *k7)
{
	int err;

	k7->pci_reset = false;
	k7->frozen_until = 0;
	k7_rings_stop(k7, -ECANCELED);
	k7_save_pci_state(k7);
	err = k7_card_wait_up(k7, NULL, K7_START_TIMEOUT_MS);
	if (err)
		return err;
	err = k7_reset_complete(k7);
	/* Whatever became of that: this says whether the card is there. */
	return k7_card_sync(k7) ?: err;
}

/**
 * k7_reset_end - take the card back into service after k7_reset_begin()
 * @k7:		card
 *
 * Does nothing when k7_reset_begin() did nothing.
 */
void k7_reset_end(struct k7_device *k7)
{
	int err;

	if (READ_ONCE(k7->reset_task) == current || !k7->pci_reset)
		return;
	k7_registers_show(k7);
	mutex_lock(&k7->control);
	err = k7_reset_end_locked(k7);
	if (err)
		k7_reset_failed(k7, "start of the card after a PCI reset", err);
	trace_k7_reset(k7, "PCI reset", "pci", err);
	if (err == -ENODEV)
		k7_card_gone(k7);
	k7_coredump_forget(k7);
	mutex_unlock(&k7->control);
	atomic_inc(&k7->counters.resets);
	k7_set_state(k7, K7_DRIVER_LIVE);
	k7_event_post(k7, K7_EVENT_RESET);
}
