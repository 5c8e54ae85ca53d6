// SPDX-License-Identifier: GPL-2.0-only
/*
 * A card for one file alone. Requests, resets and erases look at the claim with the
 * gate held for reading, and are sent, or begun, before they let go of it: so whoever
 * has the gate for writing knows that all of others are seen, and that no more will
 * come.
 */
#include "k7.h"

/* Return: 0, or -EBUSY when another file has the card. */
int k7_claim_check(struct k7_file *kf)
{
	const struct k7_file *owner = READ_ONCE(kf->k7->claim);

	return owner && owner != kf ? -EBUSY : 0;
}

/* For k7_ioc_info.claimed. */
u32 k7_claim_seen_by(struct k7_file *kf)
{
	const struct k7_file *owner = READ_ONCE(kf->k7->claim);

	if (!owner)
		return 0;
	return owner == kf ? 1 : 2;
}

/* Let go of the card, if this file has it. */
void k7_claim_drop(struct k7_file *kf)
{
	cmpxchg(&kf->k7->claim, kf, NULL);
}

static int k7_claim_take(struct k7_file *kf)
{
	struct k7_device *k7 = kf->k7;
	int err;

	if (down_write_killable(&k7->gate))
		return -EINTR;
	/* -EAGAIN: the reset or the erase may be another file's. */
	err = k7_check_live(k7);
	if (!err && (k7_claim_check(kf) || k7_rings_serve_others(k7, kf->channel)))
		err = -EBUSY;
	if (!err)
		WRITE_ONCE(k7->claim, kf);
	up_write(&k7->gate);
	return err;
}

/* K7_IOC_CLAIM */
long k7_ioctl_claim(struct file *file, void *arg)
{
	struct k7_file *kf = file->private_data;
	struct k7_ioc_claim *claim = arg;
	int err;

	if (claim->reserved || claim->action > K7_CLAIM_TAKE)
		return -EINVAL;
	err = k7_permit(file, K7_ACCESS_ADMIN);
	if (err)
		return err;
	if (claim->action == K7_CLAIM_TAKE)
		return k7_claim_take(kf);
	k7_claim_drop(kf);
	return 0;
}
