// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts: MSI-X, else MSI, else the INTx line; and a card that has too much to
 * say. The work of one interrupt is bounded by the size of the rings.
 */
#include <linux/module.h>

#include "compat.h"
#include "regs.h"
#include "trace.h"

/*
 * More interrupts in a window than requests were sent, plus this allowance for
 * events, are a storm: that vector is masked for a while and its rings are polled.
 */
#define K7_STORM_WINDOW		(HZ / 10)
#define K7_STORM_ALLOWANCE	(K7_RING_ENTRIES + 100)	/* what was in flight, and events */
#define K7_STORM_PAUSE		HZ

static char *irq_kind = "auto";
module_param(irq_kind, charp, 0444);
MODULE_PARM_DESC(irq_kind, "interrupts to use: auto, msix, msi, intx (default auto: the first that works)");

static const struct {
	const char *name;
	unsigned int flags;
} k7_irq_kinds[] = {
	{ "auto", PCI_IRQ_MSIX | PCI_IRQ_MSI | PCI_IRQ_INTX },
	{ "msix", PCI_IRQ_MSIX },
	{ "msi", PCI_IRQ_MSI },
	{ "intx", PCI_IRQ_INTX },
};

/* What is in use, for sysfs. */
const char *k7_irq_kind(struct k7_device *k7)
{
	if (k7->pdev->msix_enabled)
		return "msix";
	return k7->pdev->msi_enabled ? "msi" : "intx";
}

static bool k7_irq_is_line(struct k7_device *k7)
{
	return !k7->pdev->msix_enabled && !k7->pdev->msi_enabled;
}

/* ---- Storms ---- */

/* Requests that were sent on the rings of @vector so far; wraps. */
static u32 k7_vector_submissions(const struct k7_vector *vector)
{
	struct k7_device *k7 = vector->k7;
	unsigned int i;
	u32 sum = 0;

	for (i = 0; i < k7->ring_count; i++) {
		if (k7->rings[i].vector == vector->index)
			sum += READ_ONCE(k7->rings[i].sequence);
	}
	return sum;
}

static void k7_vector_begin_window(struct k7_vector *vector)
{
	vector->window = jiffies;
	vector->interrupts = 0;
	vector->submissions = k7_vector_submissions(vector);
}

/* Only ever called by the handler of @vector, which does not run twice at a time. */
static bool k7_vector_storms(struct k7_vector *vector)
{
	if (time_after(jiffies, vector->window + K7_STORM_WINDOW))
		k7_vector_begin_window(vector);
	if (++vector->interrupts < K7_STORM_ALLOWANCE)
		return false;
	return vector->interrupts - K7_STORM_ALLOWANCE >
	       k7_vector_submissions(vector) - vector->submissions;
}

/*
 * A message vector is ours alone. The line is others', too: it is the card that is kept
 * from it, here, because a line that stays up lets no work run on a single processor.
 * It is masked only while it is up: so this is done for each interrupt of a storm.
 */
static void k7_vector_calm(struct k7_vector *vector)
{
	struct k7_device *k7 = vector->k7;

	if (k7_irq_is_line(k7))
		pci_check_and_mask_intx(k7->pdev);
	if (READ_ONCE(vector->masked))
		return;
	vector->resume = jiffies + K7_STORM_PAUSE;
	WRITE_ONCE(vector->masked, true);
	atomic_inc(&k7->counters.irq_storms);
	trace_k7_ladder(k7, "irq-storm");
	dev_warn_ratelimited(&k7->dev, "interrupt %s storms: polling instead\n", vector->name);
	if (!k7_irq_is_line(k7))
		disable_irq_nosync(vector->irq);
	k7_card_kick(k7);
}

static void k7_vector_take_ring(struct k7_ring *ring)
{
	unsigned int count = k7_ring_reap(ring);

	trace_k7_interrupt(ring, count);
}

static void k7_vector_take(struct k7_vector *vector)
{
	struct k7_device *k7 = vector->k7;
	unsigned int i;

	for (i = 0; i < k7->ring_count; i++) {
		if (k7->rings[i].vector == vector->index)
			k7_vector_take_ring(&k7->rings[i]);
	}
	if (vector->index == K7_VECTOR_EVENTS)
		k7_event_collect(k7);
}

static void k7_vector_resume(struct k7_vector *vector)
{
	struct k7_device *k7 = vector->k7;

	k7_vector_begin_window(vector);
	WRITE_ONCE(vector->masked, false);
	if (k7_irq_is_line(k7))
		pci_intx(k7->pdev, 1);
	else
		enable_irq(vector->irq);
}

/**
 * k7_irqs_poll - do the work of vectors that are masked because they storm
 * @k7:		card; control is held
 *
 * Return: true when there are some: come again soon.
 */
bool k7_irqs_poll(struct k7_device *k7)
{
	bool masked = false;
	unsigned int i;

	lockdep_assert_held(&k7->control);
	/* Else somebody resets the card, or it is gone. */
	if (k7_state(k7) != K7_DRIVER_LIVE)
		return false;
	for (i = 0; i < k7->vector_count; i++) {
		struct k7_vector *vector = &k7->vectors[i];

		if (!vector->requested || !READ_ONCE(vector->masked))
			continue;
		/* The handler does it only while the line is up. */
		if (k7_irq_is_line(k7))
			pci_intx(k7->pdev, 0);
		k7_vector_take(vector);
		if (time_after(jiffies, vector->resume))
			k7_vector_resume(vector);
		else
			masked = true;
	}
	return masked;
}

/* ---- Handlers ---- */

/*
 * Message interrupts are nobody else's, so all are ours, also one for completions
 * that a polling waiter was quicker to take.
 */
static irqreturn_t k7_irq_message(int irq, void *data)
{
	struct k7_vector *vector = data;

	k7_vector_take(vector);
	if (k7_vector_storms(vector))
		k7_vector_calm(vector);
	return IRQ_HANDLED;
}

/* A line is shared: the card says whether it called, and lets go of the line by that. */
static irqreturn_t k7_irq_line(int irq, void *data)
{
	struct k7_vector *vector = data;
	u32 vectors;

	if (k7_read_status(vector->k7, K7_REG_INTX, &vectors) || !vectors)
		return IRQ_NONE;
	return k7_irq_message(irq, data);
}

/* ---- Setting up ---- */

static int k7_irq_request(struct k7_device *k7, unsigned int index)
{
	struct k7_vector *vector = &k7->vectors[index];
	bool line = k7_irq_is_line(k7);
	int err;

	vector->k7 = k7;
	vector->index = index;
	vector->irq = pci_irq_vector(k7->pdev, index);
	vector->masked = false;
	k7_vector_begin_window(vector);
	if (index == K7_VECTOR_EVENTS)
		snprintf(vector->name, sizeof(vector->name), "k7pf%d-events", k7->index);
	else
		snprintf(vector->name, sizeof(vector->name), "k7pf%d-ring%u", k7->index, index - 1);
	err = request_irq(vector->irq, line ? k7_irq_line : k7_irq_message,
			  line ? IRQF_SHARED : 0, vector->name, vector);
	if (err)
		return err;
	vector->requested = true;
	/* Ring N serves CPU N: the answer comes where the waiter is. Failure costs time only. */
	if (index && cpu_online(index - 1))
		irq_set_affinity_and_hint(vector->irq, cpumask_of(index - 1));
	return 0;
}

/**
 * k7_irqs_request - take interrupts
 * @k7:		card with vectors and rings
 *
 * Return: 0 or a negative errno; then there is none.
 */
int k7_irqs_request(struct k7_device *k7)
{
	unsigned int i;
	int err;

	for (i = 0; i < k7->vector_count; i++) {
		err = k7_irq_request(k7, i);
		if (err) {
			k7_irqs_free(k7);
			return err;
		}
	}
	return 0;
}

/* The reverse of k7_irqs_request(); when it returns, no handler runs any more. */
void k7_irqs_free(struct k7_device *k7)
{
	unsigned int i;

	/* Against the work, which may want to unmask a vector. */
	guard(mutex)(&k7->control);
	for (i = 0; i < k7->vector_count; i++) {
		struct k7_vector *vector = &k7->vectors[i];

		if (!vector->requested)
			continue;
		irq_set_affinity_and_hint(vector->irq, NULL);
		free_irq(vector->irq, vector);
		vector->requested = false;
	}
}

static unsigned int k7_irq_flags(struct k7_device *k7)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(k7_irq_kinds); i++) {
		if (sysfs_streq(irq_kind, k7_irq_kinds[i].name))
			return k7_irq_kinds[i].flags;
	}
	dev_warn(&k7->pdev->dev, "no such irq_kind: %s; using auto\n", irq_kind);
	return k7_irq_kinds[0].flags;
}

/**
 * k7_vectors_alloc - choose the kind of interrupt, and with it the number of rings
 * @k7:		card; @k7->ring_count is what the card has
 *
 * One vector for events and one for each ring. With fewer vectors there are fewer
 * rings; with a single one, events and the only ring share it.
 *
 * Return: 0 or a negative errno.
 */
int k7_vectors_alloc(struct k7_device *k7)
{
	unsigned int rings = min_t(unsigned int, k7->ring_count, num_online_cpus());
	int vectors;

	vectors = pci_alloc_irq_vectors(k7->pdev, 1, 1 + rings, k7_irq_flags(k7));
	if (vectors < 0)
		return dev_err_probe(&k7->pdev->dev, vectors, "no interrupts of kind %s\n",
				     irq_kind);
	k7->vector_count = vectors;
	k7->ring_count = clamp_t(unsigned int, vectors - 1, 1, rings);
	return 0;
}

void k7_vectors_free(struct k7_device *k7)
{
	pci_free_irq_vectors(k7->pdev);
}
