// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of include/uapi/linux/k7hsm.h. User memory is copied in once and the
 * copy is checked; what is copied out was zeroed before.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "regs.h"

static_assert(sizeof(struct k7_ioc_info) == 136);
static_assert(sizeof(struct k7_ioc_query) == 40);
static_assert(sizeof(struct k7_ioc_request) == 96);
static_assert(sizeof(struct k7_ioc_erase) == 24);
static_assert(sizeof(struct k7_ioc_reset) == 32);
static_assert(sizeof(struct k7_ioc_event) == 40);

/* ---- Who may do what ---- */

enum k7_access {
	K7_ACCESS_USER,
	K7_ACCESS_ADMIN,
	K7_ACCESS_DRIVER,
};

struct k7_command_rule {
	u16 opcode;
	enum k7_access access;
};

static const struct k7_command_rule k7_command_rules[] = {
#define K7_COMMAND(name, opcode, in_min, in_max, states, access) { opcode, K7_ACCESS_##access },
#include <k7/commands.def>
#undef K7_COMMAND
};

/* The one place that decides: for commands, erases and resets. */
static int k7_permit(const struct file *file, enum k7_access access)
{
	switch (access) {
	case K7_ACCESS_USER:
		/* Whoever may open the node. */
		return 0;
	case K7_ACCESS_ADMIN:
		/* Changes what the card holds or does for everybody. */
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		return file->f_mode & FMODE_WRITE ? 0 : -EBADF;
	case K7_ACCESS_DRIVER:
		/* Would meddle with the channels of others: not for user space, root or not. */
		return -EOPNOTSUPP;
	}
	return -EOPNOTSUPP;
}

static int k7_permit_command(const struct file *file, u32 opcode)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(k7_command_rules); i++) {
		if (k7_command_rules[i].opcode == opcode)
			return k7_permit(file, k7_command_rules[i].access);
	}
	/* A command that the driver cannot judge does not reach the card. */
	return -EOPNOTSUPP;
}

static bool k7_is_zero(const void *reserved, size_t size)
{
	return !memchr_inv(reserved, 0, size);
}

/* STATE now, all ones when there is no card to ask. gate is held. */
static u32 k7_state_now(struct k7_device *k7)
{
	return k7_going(k7) ? K7_GONE : k7_read(k7, K7_REG_STATE);
}

/* ---- K7_IOC_INFO ---- */

static long k7_ioctl_info(struct file *file, void *arg)
{
	struct k7_file *kf = file->private_data;
	struct k7_device *k7 = kf->k7;
	struct k7_ioc_info *info = arg;

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	info->abi_level = K7HSM_ABI_LEVEL;
	strscpy(info->driver_version, K7_DRIVER_VERSION, sizeof(info->driver_version));
	info->index = k7->index;
	info->driver_state = k7_state(k7);
	info->generation = READ_ONCE(k7->card.generation);
	info->fault_sequence = READ_ONCE(k7->card.fault_sequence);
	info->features = k7->features;
	info->payload_max = k7->payload_max;
	info->channels = k7->channel_max;
	info->rings = k7->ring_count;
	info->channel = kf->channel;
	memcpy(info->esn, k7->esn, sizeof(info->esn));
	info->pci_address = k7->pci_address;
	scoped_guard(rwsem_read, &k7->gate)
		info->card_state = k7_state_now(k7);
	return 0;
}

/* ---- K7_IOC_QUERY ---- */

static const u32 k7_query_opcodes[] = {
	[K7_QUERY_IDENTITY] = K7_BOOT_IDENTIFY,
	[K7_QUERY_STATE] = K7_BOOT_STATE,
	[K7_QUERY_FAULT_REPORT] = K7_BOOT_FAULT_REPORT,
};

static int k7_query_check(const struct k7_ioc_query *query)
{
	if (!query->query || query->query >= ARRAY_SIZE(k7_query_opcodes))
		return -EOPNOTSUPP;
	if (query->reserved || (query->arg && query->query != K7_QUERY_FAULT_REPORT))
		return -EINVAL;
	return 0;
}

static int k7_query_card(struct k7_device *k7, struct k7_mailbox_call *call)
{
	int err;

	guard(rwsem_read)(&k7->gate);
	if (k7_going(k7))
		return -ENODEV;
	err = k7_mailbox(k7, call);
	if (err != -ENODEV)
		return err;
	/* Registers are not there while the function is being reset. */
	if (k7_state(k7) == K7_DRIVER_RESETTING)
		return -EAGAIN;
	if (!k7_going(k7))
		k7_card_kick(k7);
	return -ENODEV;
}

static long k7_ioctl_query(struct file *file, void *arg)
{
	struct k7_file *kf = file->private_data;
	struct k7_ioc_query *query = arg;
	struct k7_mailbox_call call = { .arg = query->arg };
	int err = k7_query_check(query);
	u32 index;

	if (err)
		return err;
	index = array_index_nospec(query->query, ARRAY_SIZE(k7_query_opcodes));
	call.opcode = k7_query_opcodes[index];
	call.reply = kzalloc(K7_MB_DATA_BYTES, GFP_KERNEL_ACCOUNT);
	if (!call.reply)
		return -ENOMEM;
	err = k7_query_card(kf->k7, &call);
	if (!err) {
		query->card_status = call.status;
		query->reply_len = call.reply_len;
		query->data_len = min(query->data_len, call.reply_len);
		if (copy_to_user(u64_to_user_ptr(query->data_addr), call.reply, query->data_len))
			err = -EFAULT;
	}
	kfree_sensitive(call.reply);
	return err;
}

/* ---- K7_IOC_REQUEST ---- */

static int k7_request_check(const struct file *file, const struct k7_ioc_request *ioc,
			    u32 payload_max)
{
	if (ioc->flags)
		return -EOPNOTSUPP;
	if (!k7_is_zero(ioc->reserved, sizeof(ioc->reserved)))
		return -EINVAL;
	if (ioc->in_len > payload_max || ioc->out_len > payload_max)
		return -EMSGSIZE;
	return k7_permit_command(file, ioc->opcode);
}

static int k7_request_answer(struct k7_ioc_request *ioc, const struct k7_request *req)
{
	ioc->card_status = req->status;
	ioc->result = req->result;
	ioc->generation = req->generation;
	ioc->out_len = req->reply_len;
	return copy_to_user(u64_to_user_ptr(ioc->out_addr), req->out, req->reply_len) ? -EFAULT : 0;
}

static long k7_ioctl_request(struct file *file, void *arg)
{
	struct k7_file *kf = file->private_data;
	struct k7_ioc_request *ioc = arg;
	struct k7_request *req;
	int err;

	err = k7_request_check(file, ioc, kf->k7->payload_max);
	if (err)
		return err;
	req = k7_request_alloc(ioc->opcode, ioc->in_len, ioc->out_len);
	if (!req)
		return -ENOMEM;
	req->channel = kf->channel;
	memcpy(req->arg, ioc->arg, sizeof(req->arg));
	if (copy_from_user(req->in, u64_to_user_ptr(ioc->in_addr), ioc->in_len))
		err = -EFAULT;
	else
		err = k7_request_run(kf->k7, req, k7_request_timeout(ioc->timeout_ms));
	if (!err)
		err = k7_request_answer(ioc, req);
	k7_request_put(req);
	return err;
}

/* ---- K7_IOC_ERASE and K7_IOC_RESET ---- */

static long k7_ioctl_erase(struct file *file, void *arg)
{
	struct k7_file *kf = file->private_data;
	struct k7_ioc_erase *erase = arg;
	bool fms = erase->target == K7_ERASE_FMS;
	struct k7_job *job;
	int err;

	if (erase->reserved || (!fms && erase->target != K7_ERASE_SMFS))
		return -EINVAL;
	err = k7_permit(file, K7_ACCESS_ADMIN);
	if (err)
		return err;
	job = k7_job_alloc(kf->k7, fms ? K7_JOB_ERASE_FMS : K7_JOB_ERASE_SMFS);
	if (!job)
		return -ENOMEM;
	err = k7_job_run(job);
	if (!err) {
		erase->card_status = job->card_status;
		erase->card_state = job->card_state;
	}
	k7_job_put(job);
	return err;
}

static int k7_reset_check(const struct k7_ioc_reset *reset)
{
	bool by_bus = reset->kind == K7_RESET_FUNCTION || reset->kind == K7_RESET_BUS;

	if (reset->reserved || reset->mode > K7_MODE_BOOT_LOADER)
		return -EINVAL;
	if (reset->kind < K7_RESET_FIRMWARE || reset->kind > K7_RESET_BUS)
		return -EINVAL;
	return by_bus && reset->mode != K7_MODE_OPERATIONAL ? -EINVAL : 0;
}

static long k7_ioctl_reset(struct file *file, void *arg)
{
	struct k7_file *kf = file->private_data;
	struct k7_ioc_reset *reset = arg;
	struct k7_job *job;
	int err;

	err = k7_reset_check(reset) ?: k7_permit(file, K7_ACCESS_ADMIN);
	if (err)
		return err;
	job = k7_job_alloc(kf->k7, reset->kind);
	if (!job)
		return -ENOMEM;
	job->mode = reset->mode;
	if (reset->timeout_ms)
		job->timeout_ms = k7_request_timeout(reset->timeout_ms);
	err = k7_job_run(job);
	if (!err) {
		reset->card_state = job->card_state;
		reset->generation = job->generation;
	}
	k7_job_put(job);
	return err;
}

/* ---- K7_IOC_EVENT ---- */

static long k7_ioctl_event(struct file *file, void *arg)
{
	struct k7_file *kf = file->private_data;
	struct k7_device *k7 = kf->k7;
	struct k7_ioc_event *event = arg;
	int err;

	if (!k7_is_zero(event->reserved, sizeof(event->reserved)))
		return -EINVAL;
	err = k7_event_wait(kf, event->mask ?: U32_MAX, event->timeout_ms, &event->events);
	if (err)
		return err;
	event->generation = READ_ONCE(k7->card.generation);
	event->fault_sequence = READ_ONCE(k7->card.fault_sequence);
	scoped_guard(rwsem_read, &k7->gate)
		event->card_state = k7_state_now(k7);
	return 0;
}

/* ---- Dispatch ---- */

union k7_ioc {
	__u32 size;
	struct k7_ioc_info info;
	struct k7_ioc_query query;
	struct k7_ioc_request request;
	struct k7_ioc_erase erase;
	struct k7_ioc_reset reset;
	struct k7_ioc_event event;
};

struct k7_ioctl_op {
	size_t size;		/* as this driver knows it */
	size_t min_size;	/* of the first published version */
	long (*run)(struct file *file, void *arg);
};

static const struct k7_ioctl_op k7_ioctl_ops[] = {
	[_IOC_NR(K7_IOC_INFO)] = { sizeof(struct k7_ioc_info), 136, k7_ioctl_info },
	[_IOC_NR(K7_IOC_QUERY)] = { sizeof(struct k7_ioc_query), 40, k7_ioctl_query },
	[_IOC_NR(K7_IOC_REQUEST)] = { sizeof(struct k7_ioc_request), 96, k7_ioctl_request },
	[_IOC_NR(K7_IOC_ERASE)] = { sizeof(struct k7_ioc_erase), 24, k7_ioctl_erase },
	[_IOC_NR(K7_IOC_RESET)] = { sizeof(struct k7_ioc_reset), 32, k7_ioctl_reset },
	[_IOC_NR(K7_IOC_EVENT)] = { sizeof(struct k7_ioc_event), 40, k7_ioctl_event },
};

/*
 * The size in the number is that of the caller's struct, which may be older or
 * newer: it is not looked at.
 */
static const struct k7_ioctl_op *k7_ioctl_find(unsigned int cmd)
{
	unsigned int nr = _IOC_NR(cmd);

	if (_IOC_TYPE(cmd) != K7HSM_IOC_MAGIC || _IOC_DIR(cmd) != (_IOC_READ | _IOC_WRITE))
		return NULL;
	if (nr >= ARRAY_SIZE(k7_ioctl_ops))
		return NULL;
	return &k7_ioctl_ops[array_index_nospec(nr, ARRAY_SIZE(k7_ioctl_ops))];
}

static int k7_ioctl_copy_in(union k7_ioc *ioc, const struct k7_ioctl_op *op, void __user *user,
			    u32 *size)
{
	int err;

	if (get_user(*size, (u32 __user *)user))
		return -EFAULT;
	if (*size < op->min_size)
		return -EINVAL;
	if (*size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(ioc, op->size, user, *size);
	/* Not what another thread may have written there meanwhile. */
	ioc->size = *size;
	return err;
}

long k7_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct k7_ioctl_op *op = k7_ioctl_find(cmd);
	void __user *user = (void __user *)arg;
	union k7_ioc ioc = {};
	u32 size;
	long err;

	if (!op)
		return -ENOTTY;
	err = k7_ioctl_copy_in(&ioc, op, user, &size);
	if (err)
		return err;
	err = op->run(file, &ioc);
	if (err)
		return err;
	return copy_to_user(user, &ioc, min_t(size_t, size, op->size)) ? -EFAULT : 0;
}
