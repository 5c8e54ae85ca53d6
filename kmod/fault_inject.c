// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on demand, with the kernel's fault injection: fail_request in the card's
 * folder in debugfs has the usual knobs (probability, interval, times, ...) and
 * errno, the error that a chosen request ends with.
 */
#include <linux/debugfs.h>

#include "k7.h"
#include "visible.h"

static DECLARE_FAULT_ATTR(k7_fault_default);

/**
 * k7_fault_inject_add - make the knobs of a card
 * @k7:		card
 * @parent:	its folder in debugfs, which takes them along when it goes
 */
void k7_fault_inject_add(struct k7_device *k7, struct dentry *parent)
{
	struct dentry *dir;

	k7->fail_request = k7_fault_default;
	/* A line in the log for each fault, without a backtrace. */
	k7->fail_request.verbose = 1;
	k7->fail_request_errno = EIO;
	dir = fault_create_debugfs_attr("fail_request", parent, &k7->fail_request);
	if (!IS_ERR(dir))
		debugfs_create_u32("errno", 0600, dir, &k7->fail_request_errno);
}

/**
 * k7_fault_inject_request - shall a request that the card has answered fail?
 * @k7:		card
 *
 * Return: 0, or the negative errno that it shall end with. From any context.
 */
int k7_fault_inject_request(struct k7_device *k7)
{
	u32 error = READ_ONCE(k7->fail_request_errno);

	if (!should_fail(&k7->fail_request, 1))
		return 0;
	return error && error <= MAX_ERRNO ? -(int)error : -EIO;
}
