// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of include/uapi/linux/k7hsm.h. User memory is copied in once and the
 * copy is checked; what is copied out was zeroed before.
 */
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "regs.h"

static_assert(sizeof(struct k7_ioc_info) == 136);
static_assert(sizeof(struct k7_ioc_query) == 40);
static_assert(sizeof(struct k7_ioc_request) == 96);
static_assert(sizeof(struct k7_ioc_erase) == 24);
static_assert(sizeof(struct k7_ioc_reset) == 32);
static_assert(sizeof(struct k7_ioc_event) == 40);
static_assert(sizeof(struct k7_ioc_commands) == 32);
static_assert(sizeof(struct k7_ioc_claim) == 16);
static_assert(sizeof(struct k7_ioc_submit) == 32);
static_assert(sizeof(struct k7_ioc_collect) == 40);

/*
 * STATE now; as it was seen last while a reset hides the registers; all ones when there
 * is no card to ask. gate is held.
 */
static u32 k7_state_now(struct k7_device *k7)
{
	if (k7_going(k7))
		return K7_GONE;
	if (READ_ONCE(k7->function_reset))
		return READ_ONCE(k7->card.state);
	return k7_read(k7, K7_REG_STATE);
}

/* ---- K7_IOC_INFO ---- */

static u32 k7_driver_features(const struct k7_device *k7)
{
	return K7_DRIVER_HAS_SUBMIT | K7_DRIVER_HAS_CLAIM |
	       (IS_ENABLED(CONFIG_IO_URING) ? K7_DRIVER_HAS_URING : 0) |
	       (k7->bulk_max ? K7_DRIVER_HAS_BULK : 0);
}

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
	info->driver_features = k7_driver_features(k7);
	info->bulk_max = k7->bulk_max;
	info->in_flight_max = K7_IN_FLIGHT_MAX;
	info->claimed = k7_claim_seen_by(kf);
	scoped_guard(rwsem_read, &k7->gate)
		info->card_state = k7_state_now(k7);
	return 0;
}

/* ---- K7_IOC_QUERY ---- */

static const u32 k7_query_opcodes[] = {
	[K7_QUERY_IDENTITY] = K7_BOOT_IDENTIFY,
	[K7_QUERY_STATE] = K7_BOOT_STATE,
	[K7_QUERY_FAULT_REPORT] = K7_BOOT_FAULT_REPORT,
	[K7_QUERY_FAULT_CORE] = K7_BOOT_FAULT_CORE,
};

static int k7_query_check(struct file *file, const struct k7_ioc_query *query)
{
	if (!query->query || query->query >= ARRAY_SIZE(k7_query_opcodes))
		return -EOPNOTSUPP;
	if (query->reserved || (query->arg && query->query < K7_QUERY_FAULT_REPORT))
		return -EINVAL;
	/* A core holds memory of an FM, secrets of its own included. */
	return query->query == K7_QUERY_FAULT_CORE ? k7_permit(file, K7_ACCESS_ADMIN) : 0;
}

static long k7_ioctl_query(struct file *file, void *arg)
{
	struct k7_file *kf = file->private_data;
	struct k7_ioc_query *query = arg;
	struct k7_mailbox_call call = { .arg = query->arg };
	int err = k7_query_check(file, query);
	u32 index;

	if (err)
		return err;
	index = array_index_nospec(query->query, ARRAY_SIZE(k7_query_opcodes));
	call.opcode = k7_query_opcodes[index];
	call.reply = kzalloc(K7_MB_DATA_BYTES, GFP_KERNEL_ACCOUNT);
	if (!call.reply)
		return -ENOMEM;
	err = k7_mailbox_query(kf->k7, &call);
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

static long k7_ioctl_request(struct file *file, void *arg)
{
	struct k7_ioc_request *ioc = arg;
	struct k7_submission sub = {
		.opcode = ioc->opcode,
		.flags = ioc->flags,
		.in_addr = ioc->in_addr,
		.in_len = ioc->in_len,
		.out_len = ioc->out_len,
		.timeout_ms = ioc->timeout_ms,
		.arg = { ioc->arg[0], ioc->arg[1], ioc->arg[2], ioc->arg[3] },
	};
	struct k7_request *req;
	int err;

	if (!k7_is_zero(ioc->reserved, sizeof(ioc->reserved)))
		return -EINVAL;
	req = k7_request_make(file, &sub, GFP_KERNEL);
	if (IS_ERR(req))
		return PTR_ERR(req);
	err = k7_request_run(req, k7_request_timeout(ioc->timeout_ms), file->f_flags & O_NONBLOCK);
	if (!err) {
		ioc->card_status = req->status;
		ioc->result = req->result;
		ioc->generation = req->generation;
		ioc->out_len = req->reply_len;
		err = k7_request_copy_out(req, ioc->out_addr);
	}
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
	err = k7_job_run(job, kf);
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
	err = k7_job_run(job, kf);
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

/* ---- Arrays of structs that grow as the arguments do ---- */

/* Return: 0, -EINVAL when it is smaller than the first version, -E2BIG when it is absurd. */
int k7_entry_size_check(u32 entry_size, size_t min_size)
{
	if (entry_size < min_size)
		return -EINVAL;
	return entry_size > PAGE_SIZE ? -E2BIG : 0;
}

/* Write entry @index of an array at @array; what the driver does not know is zero. */
int k7_entry_to_user(u64 array, u32 index, u32 entry_size, const void *entry, size_t size)
{
	u8 __user *user = u64_to_user_ptr(array + (u64)index * entry_size);
	size_t known = min_t(size_t, size, entry_size);

	if (copy_to_user(user, entry, known) || clear_user(user + known, entry_size - known))
		return -EFAULT;
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
	struct k7_ioc_commands commands;
	struct k7_ioc_claim claim;
	struct k7_ioc_submit submit;
	struct k7_ioc_collect collect;
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
	[_IOC_NR(K7_IOC_COMMANDS)] = { sizeof(struct k7_ioc_commands), 32, k7_ioctl_commands },
	[_IOC_NR(K7_IOC_CLAIM)] = { sizeof(struct k7_ioc_claim), 16, k7_ioctl_claim },
	[_IOC_NR(K7_IOC_SUBMIT)] = { sizeof(struct k7_ioc_submit), 32, k7_ioctl_submit },
	[_IOC_NR(K7_IOC_COLLECT)] = { sizeof(struct k7_ioc_collect), 40, k7_ioctl_collect },
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
