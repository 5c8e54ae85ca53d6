// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/k7hsm/k7pfN, for root only. docs/ABI/testing/debugfs-k7hsm
 * describes the files.
 */
#include <linux/debugfs.h>
#include <linux/seq_buf.h>
#include <linux/seq_file.h>

#include "regs.h"
#include "visible.h"

static struct dentry *k7_debugfs_root;

/* What does not fit is written again, to a larger buffer. */
static int k7_debugfs_show(struct seq_file *file,
			   void (*describe)(struct seq_buf *text, struct k7_device *k7))
{
	struct seq_buf text;
	char *buffer;
	size_t size = seq_get_buf(file, &buffer);

	seq_buf_init(&text, buffer, size);
	describe(&text, file->private);
	seq_commit(file, seq_buf_has_overflowed(&text) ? -1 : (int)text.len);
	return 0;
}

static int k7_debugfs_registers_show(struct seq_file *file, void *unused)
{
	struct k7_device *k7 = file->private;
	int err;

	/* As long as the gate is held, remove() waits. */
	guard(rwsem_read)(&k7->gate);
	err = k7_check_live(k7);
	return err ?: k7_debugfs_show(file, k7_describe_registers);
}
DEFINE_SHOW_ATTRIBUTE(k7_debugfs_registers);

static int k7_debugfs_rings_show(struct seq_file *file, void *unused)
{
	return k7_debugfs_show(file, k7_describe_rings);
}
DEFINE_SHOW_ATTRIBUTE(k7_debugfs_rings);

static int k7_debugfs_requests_show(struct seq_file *file, void *unused)
{
	return k7_debugfs_show(file, k7_describe_requests);
}
DEFINE_SHOW_ATTRIBUTE(k7_debugfs_requests);

static int k7_debugfs_counters_show(struct seq_file *file, void *unused)
{
	return k7_debugfs_show(file, k7_describe_counters);
}
DEFINE_SHOW_ATTRIBUTE(k7_debugfs_counters);

/**
 * k7_debugfs_add - make the files of a card
 * @k7:		card
 *
 * Nothing depends on them: that they cannot be made is no error.
 */
void k7_debugfs_add(struct k7_device *k7)
{
	struct dentry *dir = debugfs_create_dir(dev_name(&k7->dev), k7_debugfs_root);

	debugfs_create_file("registers", 0400, dir, k7, &k7_debugfs_registers_fops);
	debugfs_create_file("rings", 0400, dir, k7, &k7_debugfs_rings_fops);
	debugfs_create_file("requests", 0400, dir, k7, &k7_debugfs_requests_fops);
	debugfs_create_file("counters", 0400, dir, k7, &k7_debugfs_counters_fops);
#if IS_ENABLED(CONFIG_FAULT_INJECTION_DEBUG_FS)
	k7_fault_inject_add(k7, dir);
#endif
	k7->debugfs = dir;
}

/* Waits for readers; an open file reads as an error from then on. */
void k7_debugfs_remove(struct k7_device *k7)
{
	debugfs_remove(k7->debugfs);
}

void k7_debugfs_init(void)
{
	k7_debugfs_root = debugfs_create_dir(K7_NAME, NULL);
}

void k7_debugfs_exit(void)
{
	debugfs_remove(k7_debugfs_root);
}
