// SPDX-License-Identifier: GPL-2.0-only
/*
 * A card as text, for debugfs and core dumps. Of a request only what says where
 * it is: no payload, no argument, no address.
 */
#include <linux/seq_buf.h>

#include "regs.h"
#include "visible.h"

/* ---- Registers ---- */

struct k7_register {
	const char *name;
	u32 offset;
};

/*
 * Those that reading does not change. Not here: INTX, which is cleared by a read,
 * and the mailbox's data and arguments, which may be somebody's.
 */
static const struct k7_register k7_registers[] = {
	{ "MAGIC", K7_REG_MAGIC },
	{ "VERSION", K7_REG_VERSION },
	{ "FEATURES", K7_REG_FEATURES },
	{ "STATE", K7_REG_STATE },
	{ "GENERATION", K7_REG_GENERATION },
	{ "FAULT_SEQUENCE", K7_REG_FAULT_SEQUENCE },
	{ "LIMITS", K7_REG_LIMITS },
	{ "PAYLOAD_MAX", K7_REG_PAYLOAD_MAX },
	{ "CHANNEL_MAX", K7_REG_CHANNEL_MAX },
	{ "HEARTBEAT", K7_REG_HEARTBEAT },
	{ "BULK_MAX", K7_REG_BULK_MAX },
	{ "EVENT_STATUS", K7_REG_EVENT_STATUS },
	{ "EVENT_MASK", K7_REG_EVENT_MASK },
	{ "MB_STATUS", K7_REG_MB_STATUS },
	{ "MB_LENGTH", K7_REG_MB_LENGTH },
};

/* Without the bases: where the rings are in memory is nobody's business. */
static const struct k7_register k7_ring_registers[] = {
	{ "SIZE", K7_RING_SIZE },
	{ "VECTOR", K7_RING_VECTOR },
	{ "CONTROL", K7_RING_CONTROL },
	{ "STATUS", K7_RING_STATUS },
	{ "SQ_HEAD", K7_RING_SQ_HEAD },
	{ "CQ_TAIL", K7_RING_CQ_TAIL },
};

/**
 * k7_describe_registers - registers and their values, a line each
 * @text:	where to
 * @k7:		card; gate is held or the card is owned, and the state is not DELETING
 */
void k7_describe_registers(struct seq_buf *text, struct k7_device *k7)
{
	unsigned int i, ring;

	for (i = 0; i < ARRAY_SIZE(k7_registers); i++)
		seq_buf_printf(text, "%-16s 0x%08x\n", k7_registers[i].name,
			       k7_read(k7, k7_registers[i].offset));
	for (ring = 0; ring < k7->ring_count; ring++) {
		for (i = 0; i < ARRAY_SIZE(k7_ring_registers); i++)
			seq_buf_printf(text, "RING%u_%-*s 0x%08x\n", ring, ring < 10 ? 10 : 9,
				       k7_ring_registers[i].name,
				       k7_ring_read(&k7->rings[ring], k7_ring_registers[i].offset));
	}
}

/* ---- Rings ---- */

/**
 * k7_describe_rings - how the driver sees its rings, a line each
 * @text:	where to
 * @k7:		card
 */
void k7_describe_rings(struct seq_buf *text, struct k7_device *k7)
{
	unsigned int i;

	for (i = 0; i < k7->ring_count; i++) {
		struct k7_ring *ring = &k7->rings[i];

		spin_lock_irq(&ring->lock);
		seq_buf_printf(text, "ring=%u vector=%u entries=%u up=%d active=%d generation=%u ",
			       ring->index, ring->vector, ring->entries, ring->up, ring->active,
			       ring->generation);
		seq_buf_printf(text, "sq_tail=%u cq_head=%u phase=%u in_flight=%u submitted=%u ",
			       ring->sq_tail, ring->cq_head, ring->phase, ring->in_flight,
			       ring->sequence);
		seq_buf_printf(text, "latency_ns=%u\n", ring->latency_ns);
		spin_unlock_irq(&ring->lock);
	}
}

/* ---- Requests ---- */

struct k7_command_name {
	u32 opcode;
	const char *name;
};

static const struct k7_command_name k7_command_names[] = {
#define K7_COMMAND(name, opcode, in_min, in_max, states, access) { opcode, #name },
#include <k7/commands.def>
#undef K7_COMMAND
};

static const char *k7_command_name(u32 opcode)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(k7_command_names); i++) {
		if (k7_command_names[i].opcode == opcode)
			return k7_command_names[i].name;
	}
	return "unknown";
}

static void k7_describe_request(struct seq_buf *text, const struct k7_ring *ring,
				const struct k7_request *req)
{
	seq_buf_printf(text, "ring=%u tag=%#x opcode=%s channel=%u in_len=%u out_len=%u ",
		       ring->index, req->tag, k7_command_name(req->opcode), req->channel,
		       req->in_len, req->out_len);
	seq_buf_printf(text, "age_ms=%u%s\n", jiffies_to_msecs(jiffies - req->sent),
		       req->finished ? " given-up" : "");
}

/**
 * k7_describe_requests - the requests that the card has, a line each
 * @text:	where to
 * @k7:		card
 */
void k7_describe_requests(struct seq_buf *text, struct k7_device *k7)
{
	unsigned int i, slot;

	for (i = 0; i < k7->ring_count; i++) {
		struct k7_ring *ring = &k7->rings[i];

		spin_lock_irq(&ring->lock);
		for (slot = 0; slot < ring->entries; slot++) {
			if (ring->slots[slot])
				k7_describe_request(text, ring, ring->slots[slot]);
		}
		spin_unlock_irq(&ring->lock);
	}
}

/* ---- Counters ---- */

/**
 * k7_describe_counters - all counters, a line each
 * @text:	where to
 * @k7:		card
 */
void k7_describe_counters(struct seq_buf *text, struct k7_device *k7)
{
#define K7_COUNTER_LINE(name)	\
	seq_buf_printf(text, #name "=%d\n", atomic_read(&k7->counters.name));
	K7_COUNTERS(K7_COUNTER_LINE)
#undef K7_COUNTER_LINE
}
