// SPDX-License-Identifier: GPL-2.0-only
/*
 * The firmware's commands as the driver knows them, and the one place that decides
 * who may do what.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/string.h>

#include "k7.h"

static_assert(sizeof(struct k7_command_info) == 48);

enum k7_command_states {
	K7_IN_OPERATIONAL,
	K7_IN_FIRMWARE,
};

struct k7_command_rule {
	const char *name;
	u16 opcode;
	enum k7_command_states states;
	enum k7_access access;
	u32 in_min;
	u32 in_max;
};

static const struct k7_command_rule k7_command_rules[] = {
#define K7_COMMAND(name, opcode, in_min, in_max, states, access) \
	{ #name, opcode, states, K7_ACCESS_##access, in_min, in_max },
#include <k7/commands.def>
#undef K7_COMMAND
};

static const struct k7_command_rule *k7_command_find(u32 opcode)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(k7_command_rules); i++) {
		if (k7_command_rules[i].opcode == opcode)
			return &k7_command_rules[i];
	}
	return NULL;
}

/* ---- Who may do what ---- */

/**
 * k7_permit - may the current task do this on this file?
 * @file:	open file
 * @access:	what is asked for: commands, erases, resets, claims
 *
 * Return: 0, -EPERM, -EBADF, -EOPNOTSUPP; -EBUSY when another file has the card.
 */
int k7_permit(const struct file *file, enum k7_access access)
{
	switch (access) {
	case K7_ACCESS_USER:
		/* Whoever may open the node. */
		break;
	case K7_ACCESS_ADMIN:
		/* Changes what the card holds or does for everybody. */
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		if (!(file->f_mode & FMODE_WRITE))
			return -EBADF;
		break;
	default:
		/* Would meddle with the channels of others: not for user space, root or not. */
		return -EOPNOTSUPP;
	}
	return k7_claim_check(file->private_data);
}

/* May the current task send this command on this file? Errors as k7_permit(). */
int k7_permit_command(const struct file *file, u32 opcode)
{
	const struct k7_command_rule *rule = k7_command_find(opcode);

	/* A command that the driver cannot judge does not reach the card. */
	return rule ? k7_permit(file, rule->access) : -EOPNOTSUPP;
}

/* ---- What is there ---- */

static bool k7_command_is_bulk(const struct k7_device *k7, const struct k7_command_rule *rule)
{
	return k7->bulk_max && rule->in_max > k7->payload_max;
}

/**
 * k7_command_in_max - longest request payload that the driver passes on
 * @k7:		card
 * @opcode:	command, perhaps an unknown one
 *
 * The card has its own opinion on shorter ones.
 *
 * Return: bytes.
 */
u32 k7_command_in_max(const struct k7_device *k7, u32 opcode)
{
	const struct k7_command_rule *rule = k7_command_find(opcode);

	if (!rule || !k7_command_is_bulk(k7, rule))
		return k7->payload_max;
	return min(rule->in_max, k7->bulk_max);
}

static u32 k7_command_flags(const struct file *file, const struct k7_command_rule *rule)
{
	const struct k7_file *kf = file->private_data;

	return (rule->access == K7_ACCESS_ADMIN ? K7_COMMAND_ADMIN : 0) |
	       (rule->states == K7_IN_OPERATIONAL ? K7_COMMAND_OPERATIONAL : 0) |
	       (k7_command_is_bulk(kf->k7, rule) ? K7_COMMAND_BULK : 0) |
	       (k7_permit(file, rule->access) ? 0 : K7_COMMAND_PERMITTED);
}

static void k7_command_describe(const struct file *file, const struct k7_command_rule *rule,
				struct k7_command_info *info)
{
	const struct k7_file *kf = file->private_data;

	memset(info, 0, sizeof(*info));
	info->opcode = rule->opcode;
	info->flags = k7_command_flags(file, rule);
	info->in_min = rule->in_min;
	info->in_max = min(rule->in_max, k7_command_in_max(kf->k7, rule->opcode));
	strscpy(info->name, rule->name, sizeof(info->name));
}

/* K7_IOC_COMMANDS */
long k7_ioctl_commands(struct file *file, void *arg)
{
	struct k7_ioc_commands *commands = arg;
	struct k7_command_info info;
	u32 i, written = 0;
	int err;

	if (commands->reserved)
		return -EINVAL;
	err = k7_entry_size_check(commands->entry_size, sizeof(info));
	if (err)
		return err;
	commands->total = 0;
	for (i = 0; i < ARRAY_SIZE(k7_command_rules); i++) {
		/* Those of the driver's own cannot be sent. */
		if (k7_command_rules[i].access == K7_ACCESS_DRIVER)
			continue;
		commands->total++;
		if (written == commands->count)
			continue;
		k7_command_describe(file, &k7_command_rules[i], &info);
		err = k7_entry_to_user(commands->commands_addr, written++, commands->entry_size,
				       &info, sizeof(info));
		if (err)
			return err;
	}
	commands->count = written;
	return 0;
}
