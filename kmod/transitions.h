/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which driver state may follow which. Needs nothing of the kernel but the user
 * space header, so that the table can be tested anywhere.
 */
#ifndef K7_TRANSITIONS_H
#define K7_TRANSITIONS_H

#ifndef __KERNEL__
#include <stdbool.h>
#endif
#include <linux/k7hsm.h>

#include "names.h"

#define K7_DRIVER_STATES	(K7_DRIVER_DEAD + 1)
#define K7_TO(state)		(1u << (state))

/*
 * DEAD is reached through DELETING only, which is when everybody who waits is
 * woken; and nothing leads back from there.
 */
static const unsigned char k7_transitions[K7_DRIVER_STATES] = {
	[K7_DRIVER_NEW] = K7_TO(K7_DRIVER_INIT) | K7_TO(K7_DRIVER_DELETING),
	[K7_DRIVER_INIT] = K7_TO(K7_DRIVER_LIVE) | K7_TO(K7_DRIVER_DELETING),
	[K7_DRIVER_LIVE] = K7_TO(K7_DRIVER_RESETTING) | K7_TO(K7_DRIVER_DELETING),
	[K7_DRIVER_RESETTING] = K7_TO(K7_DRIVER_LIVE) | K7_TO(K7_DRIVER_DELETING),
	[K7_DRIVER_DELETING] = K7_TO(K7_DRIVER_DEAD),
	[K7_DRIVER_DEAD] = 0,
};

static inline bool k7_transition_allowed(unsigned int from, unsigned int to)
{
	return from < K7_DRIVER_STATES && to < K7_DRIVER_STATES &&
	       (k7_transitions[from] & K7_TO(to));
}

static inline const char *k7_driver_state_name(unsigned int state)
{
	static const char * const names[K7_DRIVER_STATES] = {
		K7_DRIVER_STATE_NAMES(K7_NAME_AT)
	};

	return state < K7_DRIVER_STATES ? names[state] : "unknown";
}

#endif /* K7_TRANSITIONS_H */
