/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events, /sys/kernel/tracing/events/k7hsm. docs/driver.md says how to read
 * them. Never a pointer, a payload or an argument of a command: lengths and
 * numbers only. A submission and its end have card, ring and tag in common.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM k7hsm

#if !defined(K7_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define K7_TRACE_H

#include <linux/sched/clock.h>
#include <linux/tracepoint.h>

#include "compat.h"
#include "k7.h"
#include "names.h"
/* K7_COMMAND_SYMBOLS, made from include/k7/commands.def; see Kbuild. */
#include "command_symbols.h"

#define K7_TRACE_ENUM(value, name)		TRACE_DEFINE_ENUM(value);
#define K7_TRACE_SYMBOL(value, name)		{ value, name },
#define K7_TRACE_STATUS(name, number, text)	{ number, #name },
#define K7_TRACE_UNANSWERED			0x10000

K7_DRIVER_STATE_NAMES(K7_TRACE_ENUM)
K7_CARD_STATE_NAMES(K7_TRACE_ENUM)
K7_CARD_REASON_NAMES(K7_TRACE_ENUM)

/* The last entry only ends the list: no opcode or state is that large. */
#define k7_show_opcode(value)	__print_symbolic(value, K7_COMMAND_SYMBOLS)
#define k7_show_status(value)	\
	__print_symbolic(value, K7_STATUS_LIST(K7_TRACE_STATUS) { K7_TRACE_UNANSWERED, "none" })
#define k7_show_driver_state(value)	\
	__print_symbolic(value, K7_DRIVER_STATE_NAMES(K7_TRACE_SYMBOL) { 0x10000, "" })
/* Of a STATE register that reads as all ones, the state is 0xff. */
#define k7_show_card_state(value)	\
	__print_symbolic(value, K7_CARD_STATE_NAMES(K7_TRACE_SYMBOL) { 0xff, "gone" })
#define k7_show_card_reason(value)	\
	__print_symbolic(value, K7_CARD_REASON_NAMES(K7_TRACE_SYMBOL) { 0xff, "none" })

TRACE_EVENT(k7_request_submit,
	TP_PROTO(const struct k7_ring *ring, const struct k7_request *req),
	TP_ARGS(ring, req),
	TP_STRUCT__entry(
		__field(int, card)
		__field(u32, ring)
		__field(u32, tag)
		__field(u32, opcode)
		__field(u32, channel)
		__field(u32, in_len)
		__field(u32, out_len)
	),
	TP_fast_assign(
		__entry->card = ring->k7->index;
		__entry->ring = ring->index;
		__entry->tag = req->tag;
		__entry->opcode = req->opcode;
		__entry->channel = req->channel;
		__entry->in_len = req->in_len;
		__entry->out_len = req->out_len;
	),
	TP_printk("k7pf%d ring=%u tag=%#x opcode=%s channel=%u in_len=%u out_len=%u",
		  __entry->card, __entry->ring, __entry->tag, k7_show_opcode(__entry->opcode),
		  __entry->channel, __entry->in_len, __entry->out_len)
);

/* The card has answered, or will never. latency_ns is 0 for one that it was not given. */
TRACE_EVENT(k7_request_done,
	TP_PROTO(const struct k7_ring *ring, const struct k7_request *req),
	TP_ARGS(ring, req),
	TP_STRUCT__entry(
		__field(int, card)
		__field(u32, ring)
		__field(u32, tag)
		__field(u32, opcode)
		__field(u32, channel)
		__field(u32, reply_len)
		__field(u32, status)
		__field(int, error)
		__field(u64, latency_ns)
	),
	TP_fast_assign(
		__entry->card = ring->k7->index;
		__entry->ring = ring->index;
		__entry->tag = req->tag;
		__entry->opcode = req->opcode;
		__entry->channel = req->channel;
		__entry->reply_len = req->error ? 0 : req->reply_len;
		__entry->status = req->error ? K7_TRACE_UNANSWERED : req->status;
		__entry->error = req->error;
		__entry->latency_ns = req->sent_ns ? local_clock() - req->sent_ns : 0;
	),
	TP_printk("k7pf%d ring=%u tag=%#x opcode=%s channel=%u reply_len=%u status=%s error=%d latency_ns=%llu",
		  __entry->card, __entry->ring, __entry->tag, k7_show_opcode(__entry->opcode),
		  __entry->channel, __entry->reply_len, k7_show_status(__entry->status),
		  __entry->error, __entry->latency_ns)
);

/* The submission doorbell: @batch new requests are for the card to fetch. */
TRACE_EVENT(k7_doorbell,
	TP_PROTO(const struct k7_ring *ring, bool armed, u32 batch),
	TP_ARGS(ring, armed, batch),
	TP_STRUCT__entry(
		__field(int, card)
		__field(u32, ring)
		__field(u32, sq_tail)
		__field(u32, cq_head)
		__field(bool, armed)
		__field(u32, batch)
	),
	TP_fast_assign(
		__entry->card = ring->k7->index;
		__entry->ring = ring->index;
		__entry->sq_tail = ring->sq_tail;
		__entry->cq_head = ring->cq_head;
		__entry->armed = armed;
		__entry->batch = batch;
	),
	TP_printk("k7pf%d ring=%u sq_tail=%u cq_head=%u armed=%d batch=%u", __entry->card,
		  __entry->ring, __entry->sq_tail, __entry->cq_head, __entry->armed, __entry->batch)
);

/* An interrupt has taken @count completions; 0: somebody who polls was quicker. */
TRACE_EVENT(k7_interrupt,
	TP_PROTO(const struct k7_ring *ring, u32 count),
	TP_ARGS(ring, count),
	TP_STRUCT__entry(
		__field(int, card)
		__field(u32, ring)
		__field(u32, count)
	),
	TP_fast_assign(
		__entry->card = ring->k7->index;
		__entry->ring = ring->index;
		__entry->count = count;
	),
	TP_printk("k7pf%d ring=%u count=%u", __entry->card, __entry->ring, __entry->count)
);

TRACE_EVENT(k7_driver_state,
	TP_PROTO(const struct k7_device *k7, u32 from, u32 to),
	TP_ARGS(k7, from, to),
	TP_STRUCT__entry(
		__field(int, card)
		__field(u32, from)
		__field(u32, to)
	),
	TP_fast_assign(
		__entry->card = k7->index;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("k7pf%d from=%s to=%s", __entry->card, k7_show_driver_state(__entry->from),
		  k7_show_driver_state(__entry->to))
);

TRACE_EVENT(k7_card_state,
	TP_PROTO(const struct k7_device *k7, const struct k7_card_view *from,
		 const struct k7_card_view *to),
	TP_ARGS(k7, from, to),
	TP_STRUCT__entry(
		__field(int, card)
		__field(u32, from)
		__field(u32, to)
		__field(u32, generation)
		__field(u32, fault_sequence)
	),
	TP_fast_assign(
		__entry->card = k7->index;
		__entry->from = from->state;
		__entry->to = to->state;
		__entry->generation = to->generation;
		__entry->fault_sequence = to->fault_sequence;
	),
	TP_printk("k7pf%d from=%s to=%s reason=%s generation=%u fault_sequence=%u", __entry->card,
		  k7_show_card_state(K7_STATE_GET(__entry->from)),
		  k7_show_card_state(K7_STATE_GET(__entry->to)),
		  k7_show_card_reason(K7_REASON_GET(__entry->to)),
		  __entry->generation, __entry->fault_sequence)
);

/* A reset or an erase has ended. @reason: user, timeout, pci. */
TRACE_EVENT(k7_reset,
	TP_PROTO(const struct k7_device *k7, const char *kind, const char *reason, int error),
	TP_ARGS(k7, kind, reason, error),
	TP_STRUCT__entry(
		__field(int, card)
		__string(kind, kind)
		__string(reason, reason)
		__field(int, error)
		__field(u64, duration_ns)
	),
	TP_fast_assign(
		__entry->card = k7->index;
		K7_ASSIGN_STR(kind, kind);
		K7_ASSIGN_STR(reason, reason);
		__entry->error = error;
		__entry->duration_ns = ktime_get_ns() - k7->resetting_since;
	),
	TP_printk("k7pf%d kind=\"%s\" reason=%s error=%d duration_ns=%llu", __entry->card,
		  __get_str(kind), __get_str(reason), __entry->error, __entry->duration_ns)
);

/* An answer did not come, or the card is not as it should be: what was found, or done about it. */
TRACE_EVENT(k7_ladder,
	TP_PROTO(const struct k7_device *k7, const char *rung),
	TP_ARGS(k7, rung),
	TP_STRUCT__entry(
		__field(int, card)
		__string(rung, rung)
	),
	TP_fast_assign(
		__entry->card = k7->index;
		K7_ASSIGN_STR(rung, rung);
	),
	TP_printk("k7pf%d rung=%s", __entry->card, __get_str(rung))
);

#endif /* K7_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
