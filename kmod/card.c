// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the card is and how it is: identity, state, and keeping the rings in step
 * with the firmware's life.
 */
#include <linux/ctype.h>
#include <linux/delay.h>

#include "names.h"
#include "regs.h"
#include "trace.h"
#include "visible.h"

/* Events that are wanted as interrupts. The mailbox is polled. */
#define K7_EVENTS_WANTED	(K7_EVENT_ALL & ~K7_EVENT_MAILBOX)

static const char * const k7_card_state_names[] = {
	K7_CARD_STATE_NAMES(K7_NAME_AT)
};

static const char * const k7_card_reason_names[] = {
	K7_CARD_REASON_NAMES(K7_NAME_AT)
};

static const char *k7_name_of(const char * const *names, size_t count, u32 value)
{
	return value < count && names[value] ? names[value] : "unknown";
}

/* Is this the value of a STATE register, and not of something else? */
bool k7_card_state_known(u32 state)
{
	u32 number = K7_STATE_GET(state);

	return number < ARRAY_SIZE(k7_card_state_names) && k7_card_state_names[number];
}

/* Text for a STATE register value. */
const char *k7_card_state_name(u32 state)
{
	if (state == K7_GONE)
		return "gone";
	return k7_name_of(k7_card_state_names, ARRAY_SIZE(k7_card_state_names),
			  K7_STATE_GET(state));
}

/* Text for the reason in a STATE register value. */
const char *k7_card_reason_name(u32 state)
{
	if (state == K7_GONE)
		return "none";
	return k7_name_of(k7_card_reason_names, ARRAY_SIZE(k7_card_reason_names),
			  K7_REASON_GET(state));
}

/* Does the firmware run, so that rings work? */
bool k7_card_runs(u32 state)
{
	switch (K7_STATE_GET(state)) {
	case K7_STATE_OPERATIONAL:
	case K7_STATE_PRE_INIT:
	case K7_STATE_MAINTENANCE:
		return state != K7_GONE;
	default:
		return false;
	}
}

/* Will the card stay as it is until somebody does something? */
static bool k7_card_settled(u32 state)
{
	switch (K7_STATE_GET(state)) {
	case K7_STATE_BOOT:
		return K7_REASON_GET(state) == K7_REASON_STOPPED;
	case K7_STATE_HALTED:
	case K7_STATE_FAILED:
	case K7_STATE_TAMPERED:
		return true;
	default:
		return k7_card_runs(state);
	}
}

/* Texts come from the card and go to udev, logs and terminals. */
static void k7_make_printable(char *text, size_t size)
{
	size_t i, length = strnlen(text, size);

	for (i = 0; i < length; i++) {
		if (!isascii(text[i]) || !isprint(text[i]))
			text[i] = '_';
	}
}

static void k7_card_read_esn(struct k7_device *k7)
{
	unsigned int i;
	__le32 word;

	for (i = 0; i < K7_ESN_SIZE; i += sizeof(word)) {
		word = cpu_to_le32(k7_read(k7, K7_REG_ESN + i));
		memcpy(k7->esn + i, &word, sizeof(word));
	}
	k7->esn[K7_ESN_SIZE] = '\0';
	/* It becomes a file name in /dev: nothing but what an ESN is made of. */
	for (i = 0; i < strlen(k7->esn); i++) {
		if (!isascii(k7->esn[i]) || !(isalnum(k7->esn[i]) || k7->esn[i] == '-'))
			k7->esn[i] = '_';
	}
}

static int k7_card_read_limits(struct k7_device *k7)
{
	u32 limits, log2;

	if (k7_read_status(k7, K7_REG_LIMITS, &limits) ||
	    k7_read_status(k7, K7_REG_PAYLOAD_MAX, &k7->payload_max) ||
	    k7_read_status(k7, K7_REG_CHANNEL_MAX, &k7->channel_max))
		return -ENODEV;
	log2 = K7_LIMITS_ENTRIES_LOG2(limits);
	if (!K7_LIMITS_RINGS(limits) || !log2 || !k7->payload_max || !k7->channel_max)
		return -EIO;
	log2 = min_t(u32, log2, K7_RING_ENTRIES_MAX_LOG2);
	k7->card_rings = min_t(u32, K7_LIMITS_RINGS(limits), K7_RING_MAX);
	k7->ring_count = k7->card_rings;
	k7->ring_entries = min_t(u32, 1u << log2, K7_RING_ENTRIES);
	k7->payload_max = min_t(u32, k7->payload_max, K7_PAYLOAD_MAX);
	k7->channel_max = min_t(u32, k7->channel_max, K7_CHANNEL_MAX);
	return 0;
}

/* A payload that begins inside a page needs a segment more than its length tells. */
static void k7_card_read_bulk_max(struct k7_device *k7)
{
	u32 max;

	if (!(k7->features & K7_FEATURE_BULK) || k7_read_status(k7, K7_REG_BULK_MAX, &max))
		return;
	max = min_t(u32, max, (K7_SEGMENTS_MAX - 1) * PAGE_SIZE);
	k7->bulk_max = max > k7->payload_max ? max : 0;
}

/**
 * k7_card_probe - find out what kind of card this is
 * @k7:		card; registers are mapped
 *
 * Fills the constants of the card; @k7->ring_count is what the card has.
 *
 * Return: 0; -ENODEV when it is gone or no card that this driver knows; -EIO when
 * its registers make no sense.
 */
int k7_card_probe(struct k7_device *k7)
{
	struct device *dev = &k7->pdev->dev;
	u32 magic, version;

	if (k7_read_status(k7, K7_REG_MAGIC, &magic) ||
	    k7_read_status(k7, K7_REG_VERSION, &version))
		return dev_err_probe(dev, -ENODEV, "the card does not answer\n");
	if (magic != K7_MAGIC)
		return dev_err_probe(dev, -ENODEV, "not a K7 card: magic %#x\n", magic);
	if (K7_VERSION_GET_MAJOR(version) != K7_VERSION_MAJOR)
		return dev_err_probe(dev, -ENODEV, "interface version %u is not supported\n",
				     K7_VERSION_GET_MAJOR(version));
	k7->interface_version = version;
	if (k7_read_status(k7, K7_REG_FEATURES, &k7->features) || k7_card_read_limits(k7))
		return dev_err_probe(dev, -EIO, "the card's limits make no sense\n");
	if (!(k7->features & K7_FEATURE_ARM))
		return dev_err_probe(dev, -ENODEV,
				     "the card's interface %u.%u is too old, it cannot interrupt on demand (%u.%u can): update the card\n",
				     K7_VERSION_GET_MAJOR(version), version & 0xffff,
				     K7_VERSION_MAJOR, K7_VERSION_MINOR);
	k7_card_read_bulk_max(k7);
	k7_card_read_esn(k7);
	return 0;
}

/**
 * k7_card_identify - ask the boot loader who the card is
 * @k7:		card
 *
 * A card that does not answer keeps the identity that it had: it may still be
 * brought back by a reset.
 */
void k7_card_identify(struct k7_device *k7)
{
	void *reply = kzalloc(K7_MB_DATA_BYTES, GFP_KERNEL);
	struct k7_mailbox_call call = { .opcode = K7_BOOT_IDENTIFY, .reply = reply };
	struct k7_identity *id = &k7->identity;

	if (!reply)
		return;
	if (k7_mailbox(k7, &call) || call.status != K7_ST_OK) {
		dev_warn(&k7->dev, "the boot loader does not tell the card's identity\n");
		goto out;
	}
	mutex_lock(&k7->identity_lock);
	memset(id, 0, sizeof(*id));
	memcpy(id, reply, min_t(size_t, call.reply_len, sizeof(*id)));
	k7_make_printable(id->model, sizeof(id->model));
	k7_make_printable(id->label, sizeof(id->label));
	mutex_unlock(&k7->identity_lock);
out:
	kfree(reply);
}

/**
 * k7_card_read - read how the card is now
 * @k7:		card
 * @view:	filled
 *
 * The state is read after the generation, so that it is never older.
 *
 * Return: 0, or -ENODEV when the card is gone.
 */
int k7_card_read(struct k7_device *k7, struct k7_card_view *view)
{
	unsigned int tries = 3;
	u32 before;

	/* A halt between two of these reads would show its state without its fault. */
	do {
		if (k7_read_status(k7, K7_REG_FAULT_SEQUENCE, &before) ||
		    k7_read_status(k7, K7_REG_GENERATION, &view->generation) ||
		    k7_read_status(k7, K7_REG_STATE, &view->state) ||
		    k7_read_status(k7, K7_REG_FAULT_SEQUENCE, &view->fault_sequence))
			return -ENODEV;
	} while (view->fault_sequence != before && --tries);
	return 0;
}

/* Remember how the card is, and tell everybody what is new. */
static void k7_card_note(struct k7_device *k7, const struct k7_card_view *now)
{
	struct k7_card_view *old = &k7->card;
	bool state_changed = old->state != now->state || old->generation != now->generation;
	bool new_fault = now->fault_sequence && old->fault_sequence != now->fault_sequence;
	u32 events = 0;

	lockdep_assert_held(&k7->control);
	if (state_changed || new_fault)
		trace_k7_card_state(k7, old, now);
	WRITE_ONCE(old->state, now->state);
	WRITE_ONCE(old->generation, now->generation);
	WRITE_ONCE(old->fault_sequence, now->fault_sequence);
	if (state_changed) {
		events |= K7_EVENT_STATE_CHANGED;
		k7_fm_log_resume(k7);
	}
	if (new_fault)
		events |= K7_EVENT_NEW_FAULT;
	if (!events)
		return;
	k7_event_post(k7, events);
	dev_info_ratelimited(&k7->dev, "card is %s, reason %s, generation %u, last fault %u\n",
			     k7_card_state_name(now->state), k7_card_reason_name(now->state),
			     now->generation, now->fault_sequence);
	k7_uevent(k7);
	/* What the card has kept of the time before the driver came is no news. */
	if (new_fault && k7_state(k7) != K7_DRIVER_INIT)
		k7_coredump(k7, "new fault of the card");
}

static void k7_card_note_gone(struct k7_device *k7)
{
	struct k7_card_view view = k7->card;

	view.state = K7_GONE;
	k7_card_note(k7, &view);
}

/**
 * k7_card_sync - bring the rings in step with the card
 * @k7:		card; control is held
 *
 * Ends what was in flight when the firmware has stopped or was started anew, and
 * sets up the rings when it runs.
 *
 * Return: 0, -ENODEV when the card is gone, -EIO when it refuses its rings.
 */
int k7_card_sync(struct k7_device *k7)
{
	struct k7_card_view view;
	bool running, kept;
	int err = 0;

	lockdep_assert_held(&k7->control);
	/* A reset clears the mask. Before the read, so that no change goes unseen. */
	k7_event_mask(k7, K7_EVENTS_WANTED);
	if (k7_card_read(k7, &view))
		return -ENODEV;
	running = k7_card_runs(view.state);
	kept = k7->evidence;
	if (k7->rings[0].active && (!running || view.generation != k7->rings[0].generation)) {
		k7_coredump_keep(k7);
		k7_rings_stop(k7, -ECANCELED);
	}
	/* What is sent from now on comes to other firmware. */
	if (view.generation != k7->rings[0].generation)
		k7_channels_forget(k7);
	if (running)
		err = k7_rings_start(k7, view.generation);
	k7_card_note(k7, &view);
	/* Unless it is for whoever resets the card. */
	if (!kept)
		k7_coredump_forget(k7);
	return err;
}

/* Has the card come up, in another generation than @old_generation if that is given? */
static bool k7_card_is_up(struct k7_device *k7, const u32 *old_generation)
{
	struct k7_card_view view;

	/* A card in reset may read as all ones; only the deadline tells whether it is gone. */
	if (k7_card_read(k7, &view))
		return false;
	k7_card_note(k7, &view);
	if (old_generation && view.generation == *old_generation)
		return false;
	return k7_card_settled(view.state);
}

/**
 * k7_card_wait_up - wait for the card after a reset
 * @k7:		card; control is held
 * @old_generation: generation before the reset, or NULL when it need not change
 * @timeout_ms:	longest wait
 *
 * Return: 0 when the card has settled, in whatever state; -ETIMEDOUT; -ENODEV.
 */
int k7_card_wait_up(struct k7_device *k7, const u32 *old_generation, unsigned int timeout_ms)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(timeout_ms);

	for (;;) {
		bool late = time_after(jiffies, deadline);

		if (k7_going(k7))
			return -ENODEV;
		if (k7_card_is_up(k7, old_generation))
			return 0;
		if (late)
			break;
		usleep_range(500, 1000);
	}
	return k7_read(k7, K7_REG_MAGIC) == K7_GONE ? -ENODEV : -ETIMEDOUT;
}

/**
 * k7_card_gone - give up a card that does not answer any more
 * @k7:		card; control is held
 *
 * All that waits returns -ENODEV. Only unbinding is left.
 */
void k7_card_gone(struct k7_device *k7)
{
	lockdep_assert_held(&k7->control);
	if (!k7_set_state(k7, K7_DRIVER_DELETING))
		return;
	atomic_inc(&k7->counters.gone);
	trace_k7_ladder(k7, "gone");
	dev_err(&k7->dev, "the card is gone\n");
	k7_card_note_gone(k7);
	/* It must not wake up and write to memory that is somebody else's by then. */
	pci_clear_master(k7->pdev);
	k7_rings_stop(k7, -ENODEV);
	k7_set_state(k7, K7_DRIVER_DEAD);
}

/* Is the card there, and as it was? One register, so that it can be asked often. */
static bool k7_card_is_unchanged(struct k7_device *k7)
{
	return k7_state(k7) != K7_DRIVER_LIVE || k7_read(k7, K7_REG_STATE) == k7->card.state;
}

static void k7_card_look(struct k7_device *k7)
{
	k7->next_look = jiffies + K7_HEALTH_PERIOD;
	k7_ladder_climb(k7);
	if (k7_state(k7) == K7_DRIVER_LIVE)
		k7_channels_flush(k7);
}

/* The look at the card: after an event, when something is odd or new, and once a second. */
void k7_card_work(struct work_struct *work)
{
	struct k7_device *k7 = container_of(to_delayed_work(work), struct k7_device, card_work);
	unsigned long period = K7_WATCH_PERIOD;

	mutex_lock(&k7->control);
	if (xchg(&k7->kicked, false) || time_after_eq(jiffies, k7->next_look) ||
	    !k7_card_is_unchanged(k7))
		k7_card_look(k7);
	if (k7_irqs_poll(k7))
		period = K7_STORM_PERIOD;
	mutex_unlock(&k7->control);
	if (!k7_going(k7))
		queue_delayed_work(k7->wq, &k7->card_work, period);
}

/* Have the card looked at now. From any context in which it cannot be unbound. */
void k7_card_kick(struct k7_device *k7)
{
	WRITE_ONCE(k7->kicked, true);
	mod_delayed_work(k7->wq, &k7->card_work, 0);
}
