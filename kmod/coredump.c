// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is kept for people when a card has halted or a reset has failed: a text
 * below /sys/class/devcoredump, for root, for five minutes. While one is there,
 * the kernel takes no other of the same card. docs/driver.md has the format.
 *
 * Never a payload. The registers of the FM are those of the card's fault report,
 * which whoever may open the node can ask for anyway.
 */
#include <generated/utsrelease.h>
#include <linux/devcoredump.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <k7/fault_report.h>

#include "regs.h"
#include "visible.h"

#define K7_COREDUMP_BYTES	(64 * 1024)

static const char * const k7_fault_causes[] = {
	[K7_FAULT_NONE] = "none",
	[K7_FAULT_LOAD_ACCESS] = "load access fault",
	[K7_FAULT_STORE_ACCESS] = "store access fault",
	[K7_FAULT_FETCH_ACCESS] = "instruction fetch fault",
	[K7_FAULT_LOAD_MISALIGNED] = "misaligned load",
	[K7_FAULT_STORE_MISALIGNED] = "misaligned store",
	[K7_FAULT_FETCH_MISALIGNED] = "misaligned jump",
	[K7_FAULT_ILLEGAL_INSTRUCTION] = "illegal instruction",
	[K7_FAULT_BREAKPOINT] = "breakpoint",
	[K7_FAULT_BUDGET] = "hung (instruction budget used up)",
	[K7_FAULT_STACK_OVERFLOW] = "stack overflow",
	[K7_FAULT_BAD_SERVICE] = "unknown service called",
	[K7_FAULT_ABORT] = "aborted by itself",
	[K7_FAULT_WATCHDOG] = "firmware stopped answering (watchdog)",
	[K7_FAULT_FIRMWARE] = "firmware failed inside itself",
};

static const char *k7_fault_cause_name(u32 cause)
{
	if (cause < ARRAY_SIZE(k7_fault_causes) && k7_fault_causes[cause])
		return k7_fault_causes[cause];
	return "unknown";
}

/* ---- The parts of the text ---- */

static void k7_coredump_head(struct seq_buf *text, struct k7_device *k7, const char *cause)
{
	u32 state = READ_ONCE(k7->card.state);

	seq_buf_printf(text, "k7hsm core dump, format 1\n");
	seq_buf_printf(text, "cause: %s\n", cause);
	seq_buf_printf(text, "kernel: %s\n", UTS_RELEASE);
	seq_buf_printf(text, "driver_version: %s\n", K7_DRIVER_VERSION);
	seq_buf_printf(text, "device: %s %s\n", dev_name(&k7->dev), pci_name(k7->pdev));
	seq_buf_printf(text, "esn: %s\n", k7->esn);
	seq_buf_printf(text, "driver_state: %s\n", k7_state_name(k7_state(k7)));
	seq_buf_printf(text, "card_state: %s\n", k7_card_state_name(state));
	seq_buf_printf(text, "reason: %s\n", k7_card_reason_name(state));
	seq_buf_printf(text, "generation: %u\n", READ_ONCE(k7->card.generation));
	seq_buf_printf(text, "fault_sequence: %u\n", READ_ONCE(k7->card.fault_sequence));
}

/* Texts of the card may hold anything; what cannot be printed is escaped. */
static void k7_coredump_text(struct seq_buf *text, const char *name, const char *value, size_t size)
{
	seq_buf_printf(text, "%s: %*pE\n", name, (int)strnlen(value, size), value);
}

static void k7_coredump_registers(struct seq_buf *text, const struct k7_fault_report *report)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(report->regs); i++)
		seq_buf_printf(text, "x%u: 0x%08x\n", i, le32_to_cpu(report->regs[i]));
}

static void k7_coredump_backtrace(struct seq_buf *text, const struct k7_fault_report *report)
{
	u32 i, count = min_t(u32, le32_to_cpu(report->backtrace_count), K7_FAULT_BACKTRACE_MAX);

	for (i = 0; i < count; i++)
		seq_buf_printf(text, "backtrace%u: 0x%08x\n", i, le32_to_cpu(report->backtrace[i]));
}

static void k7_coredump_report(struct seq_buf *text, const struct k7_fault_report *report)
{
	u32 cause = le32_to_cpu(report->cause);

	seq_buf_printf(text, "sequence: %u\n", le32_to_cpu(report->sequence));
	seq_buf_printf(text, "time: %llu\n", le64_to_cpu(report->time));
	seq_buf_printf(text, "generation: %u\n", le32_to_cpu(report->generation));
	seq_buf_printf(text, "cause: %u %s\n", cause, k7_fault_cause_name(cause));
	seq_buf_printf(text, "phase: %u\n", le32_to_cpu(report->phase));
	seq_buf_printf(text, "fm_id: 0x%x\n", le32_to_cpu(report->fm_id));
	seq_buf_printf(text, "fm_version: 0x%x\n", le32_to_cpu(report->fm_version));
	seq_buf_printf(text, "fm_serial: %u\n", le32_to_cpu(report->fm_serial));
	k7_coredump_text(text, "fm_name", report->fm_name, sizeof(report->fm_name));
	seq_buf_printf(text, "fingerprint: %*phN\n", (int)sizeof(report->fingerprint),
		       report->fingerprint);
	seq_buf_printf(text, "pc: 0x%08x\n", le32_to_cpu(report->pc));
	k7_coredump_text(text, "symbol", report->symbol, sizeof(report->symbol));
	seq_buf_printf(text, "symbol_offset: 0x%x\n", le32_to_cpu(report->symbol_offset));
	seq_buf_printf(text, "address: 0x%08x\n", le32_to_cpu(report->address));
	seq_buf_printf(text, "instruction: 0x%08x\n", le32_to_cpu(report->instruction));
	seq_buf_printf(text, "instructions: %llu\n", le64_to_cpu(report->instructions));
	k7_coredump_registers(text, report);
	k7_coredump_backtrace(text, report);
}

/* The last report: when a reset has failed it may be an old one, so it has its generation. */
static void k7_coredump_ask_card(struct seq_buf *text, struct k7_device *k7)
{
	struct k7_mailbox_call call = { .opcode = K7_BOOT_FAULT_REPORT };
	int err;

	call.reply = kzalloc(K7_MB_DATA_BYTES, GFP_KERNEL);
	if (!call.reply)
		return;
	err = k7_mailbox(k7, &call);
	if (err)
		seq_buf_printf(text, "none: the boot loader does not answer (%d)\n", err);
	else if (call.status != K7_ST_OK)
		seq_buf_printf(text, "none: status %#x of the card\n", call.status);
	else
		k7_coredump_report(text, call.reply);
	kfree_sensitive(call.reply);
}

static void k7_coredump_rings(struct seq_buf *text, struct k7_device *k7)
{
	seq_buf_printf(text, "\n[rings]\n");
	k7_describe_rings(text, k7);
	seq_buf_printf(text, "\n[requests]\n");
	k7_describe_requests(text, k7);
}

/* ---- The dump ---- */

static void k7_coredump_write(struct seq_buf *text, struct k7_device *k7, const char *cause)
{
	k7_coredump_head(text, k7, cause);
	seq_buf_printf(text, "\n[counters]\n");
	k7_describe_counters(text, k7);
	seq_buf_printf(text, "\n[fault report]\n");
	k7_coredump_ask_card(text, k7);
	seq_buf_printf(text, "\n[registers]\n");
	k7_describe_registers(text, k7);
	if (k7->evidence)
		seq_buf_printf(text, "%s", k7->evidence);
	else
		k7_coredump_rings(text, k7);
}

/**
 * k7_coredump_keep - write down how the rings are, before they are stopped
 * @k7:		card; control is held
 *
 * For a core dump that may follow; until k7_coredump_forget().
 */
void k7_coredump_keep(struct k7_device *k7)
{
	struct seq_buf text;

	lockdep_assert_held(&k7->control);
	/* The first look tells most. */
	if (k7->evidence)
		return;
	k7->evidence = vzalloc(K7_COREDUMP_BYTES / 2);
	if (!k7->evidence)
		return;
	seq_buf_init(&text, k7->evidence, K7_COREDUMP_BYTES / 2 - 1);
	k7_coredump_rings(&text, k7);
}

void k7_coredump_forget(struct k7_device *k7)
{
	vfree(k7->evidence);
	k7->evidence = NULL;
}

/**
 * k7_coredump - write down how the card is, for whoever wants to know why
 * @k7:		card; control is held, or the state is RESETTING by the caller's doing
 * @cause:	a line that says what has happened
 *
 * Sleeps, and asks the boot loader. What does not fit is cut.
 */
void k7_coredump(struct k7_device *k7, const char *cause)
{
	char *buffer = vzalloc(K7_COREDUMP_BYTES);
	struct seq_buf text;

	if (!buffer)
		return;
	seq_buf_init(&text, buffer, K7_COREDUMP_BYTES - 1);
	k7_coredump_write(&text, k7, cause);
	/*
	 * Of the PCI function, not of the node's device: the dump may outlive both
	 * the binding and the module. The kernel frees the buffer.
	 */
	dev_coredumpv(&k7->pdev->dev, buffer, strlen(buffer), GFP_KERNEL);
}
