// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's state of a card: one setter, and what hangs on a change.
 */
#include "k7.h"
#include "trace.h"
#include "transitions.h"

const char *k7_state_name(enum k7_driver_state state)
{
	return k7_driver_state_name(state);
}

/*
 * Tell udev, and whoever listens to it, how the card is. Sleeps.
 */
void k7_uevent(struct k7_device *k7)
{
	char driver[32], card[32], reason[32], generation[32];
	char *env[] = { driver, card, reason, generation, NULL };
	u32 state = READ_ONCE(k7->card.state);

	if (!device_is_registered(&k7->dev))
		return;
	snprintf(driver, sizeof(driver), "DRIVER_STATE=%s", k7_state_name(k7_state(k7)));
	snprintf(card, sizeof(card), "CARD_STATE=%s", k7_card_state_name(state));
	snprintf(reason, sizeof(reason), "REASON=%s", k7_card_reason_name(state));
	snprintf(generation, sizeof(generation), "GENERATION=%u", READ_ONCE(k7->card.generation));
	kobject_uevent_env(&k7->dev.kobj, KOBJ_CHANGE, env);
}

/**
 * k7_set_state - the only way to change the driver's state
 * @k7:		card
 * @next:	new state
 *
 * Whoever has moved a card from LIVE to RESETTING owns it until it moves it back.
 * Sleeps (for the uevent).
 *
 * Return: false when @next may not follow the present state; nothing has changed then.
 */
bool k7_set_state(struct k7_device *k7, enum k7_driver_state next)
{
	scoped_guard(spinlock_irqsave, &k7->state_lock) {
		if (!k7_transition_allowed(k7->state, next))
			return false;
		trace_k7_driver_state(k7, k7->state, next);
		if (next == K7_DRIVER_RESETTING)
			k7->resetting_since = ktime_get_ns();
		WRITE_ONCE(k7->state, next);
	}
	wake_up_all(&k7->wait);
	if (next >= K7_DRIVER_DELETING)
		k7_files_wake(k7);
	k7_uevent(k7);
	return true;
}

/**
 * k7_check_live - may a file operation send something to the firmware now?
 * @k7:		card
 *
 * Return: 0, -EAGAIN while a reset is running, or -ENODEV.
 */
int k7_check_live(struct k7_device *k7)
{
	switch (k7_state(k7)) {
	case K7_DRIVER_LIVE:
		return 0;
	case K7_DRIVER_NEW:
	case K7_DRIVER_INIT:
	case K7_DRIVER_RESETTING:
		return -EAGAIN;
	case K7_DRIVER_DELETING:
	case K7_DRIVER_DEAD:
		return -ENODEV;
	}
	return -ENODEV;
}
