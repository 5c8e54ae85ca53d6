// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the driver's table of states, transitions.h, and of the names that
 * user space sees. For KUnit, and for the unit tests of user space, which compile
 * this file with a header of their own for <kunit/test.h>.
 */
#include <kunit/test.h>

#ifdef __KERNEL__
#include <linux/module.h>
#include <linux/string.h>
#else
#include <string.h>
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

#include <k7/hw.h>

#include "transitions.h"

#define NEW		K7_DRIVER_NEW
#define INIT		K7_DRIVER_INIT
#define LIVE		K7_DRIVER_LIVE
#define RESETTING	K7_DRIVER_RESETTING
#define DELETING	K7_DRIVER_DELETING
#define DEAD		K7_DRIVER_DEAD

/* Written down a second time, by hand: rows are the present state, columns the next. */
static const bool k7_expected[K7_DRIVER_STATES][K7_DRIVER_STATES] = {
	/*		     NEW    INIT   LIVE   RESETT DELETI DEAD */
	[NEW]		= { false, true,  false, false, true,  false },
	[INIT]		= { false, false, true,  false, true,  false },
	[LIVE]		= { false, false, false, true,  true,  false },
	[RESETTING]	= { false, false, true,  false, true,  false },
	[DELETING]	= { false, false, false, false, false, true  },
	[DEAD]		= { false, false, false, false, false, false },
};

static void k7_test_whole_matrix(struct kunit *test)
{
	unsigned int from, to;

	for (from = 0; from < K7_DRIVER_STATES; from++) {
		for (to = 0; to < K7_DRIVER_STATES; to++)
			KUNIT_EXPECT_EQ_MSG(test, k7_transition_allowed(from, to),
					    k7_expected[from][to], "from %u to %u", from, to);
	}
}

/* A value that is no state leads nowhere, and nothing leads to it. */
static void k7_test_no_states(struct kunit *test)
{
	static const unsigned int none[] = { K7_DRIVER_STATES, 31, 32, 33, 0xff, ~0u };
	unsigned int i, state;

	for (i = 0; i < ARRAY_SIZE(none); i++) {
		KUNIT_EXPECT_FALSE(test, k7_transition_allowed(none[i], none[i]));
		for (state = 0; state < K7_DRIVER_STATES; state++) {
			KUNIT_EXPECT_FALSE(test, k7_transition_allowed(state, none[i]));
			KUNIT_EXPECT_FALSE(test, k7_transition_allowed(none[i], state));
		}
	}
}

static unsigned int k7_steps_to(unsigned int from, unsigned int to, unsigned int reached)
{
	unsigned int next, steps, fewest = K7_DRIVER_STATES;

	if (from == to)
		return 0;
	for (next = 0; next < K7_DRIVER_STATES; next++) {
		if (!k7_transition_allowed(from, next) || (reached & K7_TO(next)))
			continue;
		steps = 1 + k7_steps_to(next, to, reached | K7_TO(next));
		if (steps < fewest)
			fewest = steps;
	}
	return fewest;
}

/* remove() may come at any time: DEAD is at most two steps away, by way of DELETING. */
static void k7_test_end_is_near(struct kunit *test)
{
	unsigned int state;

	for (state = NEW; state < DEAD; state++) {
		KUNIT_EXPECT_LE(test, k7_steps_to(state, DEAD, K7_TO(state)), 2u);
		KUNIT_EXPECT_EQ(test, k7_transition_allowed(state, DEAD), state == DELETING);
	}
}

/* Whoever waits for the card after DELETING must not wait for ever. */
static void k7_test_no_way_back(struct kunit *test)
{
	unsigned int state;

	for (state = NEW; state < DELETING; state++) {
		KUNIT_EXPECT_FALSE(test, k7_transition_allowed(DELETING, state));
		KUNIT_EXPECT_FALSE(test, k7_transition_allowed(DEAD, state));
	}
}

/* Two at once cannot own the card: RESETTING does not follow itself, and comes from LIVE alone. */
static void k7_test_one_owner(struct kunit *test)
{
	unsigned int state;

	for (state = 0; state < K7_DRIVER_STATES; state++)
		KUNIT_EXPECT_EQ(test, k7_transition_allowed(state, RESETTING), state == LIVE);
}

static void k7_test_driver_state_names(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, k7_driver_state_name(NEW), "new");
	KUNIT_EXPECT_STREQ(test, k7_driver_state_name(INIT), "init");
	KUNIT_EXPECT_STREQ(test, k7_driver_state_name(LIVE), "live");
	KUNIT_EXPECT_STREQ(test, k7_driver_state_name(RESETTING), "resetting");
	KUNIT_EXPECT_STREQ(test, k7_driver_state_name(DELETING), "deleting");
	KUNIT_EXPECT_STREQ(test, k7_driver_state_name(DEAD), "dead");
	KUNIT_EXPECT_STREQ(test, k7_driver_state_name(K7_DRIVER_STATES), "unknown");
	KUNIT_EXPECT_STREQ(test, k7_driver_state_name(~0u), "unknown");
}

static const char * const k7_card_states[] = { K7_CARD_STATE_NAMES(K7_NAME_AT) };
static const char * const k7_card_reasons[] = { K7_CARD_REASON_NAMES(K7_NAME_AT) };

/* Every value has a name, no two the same. */
static void k7_expect_distinct(struct kunit *test, const char * const *names, unsigned int first,
			       unsigned int count)
{
	unsigned int i, other;

	for (i = first; i < count; i++) {
		KUNIT_EXPECT_TRUE_MSG(test, names[i] && names[i][0], "no name for %u", i);
		for (other = first; other < i; other++)
			KUNIT_EXPECT_TRUE_MSG(test, strcmp(names[i], names[other]),
					      "%u and %u have one name", i, other);
	}
}

static void k7_test_card_names(struct kunit *test)
{
	const unsigned int states = ARRAY_SIZE(k7_card_states);
	const unsigned int reasons = ARRAY_SIZE(k7_card_reasons);

	KUNIT_ASSERT_EQ(test, states, K7_STATE_TAMPERED + 1u);
	KUNIT_ASSERT_EQ(test, reasons, K7_REASON_STOPPED + 1u);
	k7_expect_distinct(test, k7_card_states, K7_STATE_BOOT, states);
	k7_expect_distinct(test, k7_card_reasons, K7_REASON_NONE, reasons);
	KUNIT_EXPECT_STREQ(test, k7_card_states[K7_STATE_HALTED], "halted");
	KUNIT_EXPECT_STREQ(test, k7_card_reasons[K7_REASON_FM_FAULT], "fm-fault");
}

static struct kunit_case k7_transition_cases[] = {
	KUNIT_CASE(k7_test_whole_matrix),
	KUNIT_CASE(k7_test_no_states),
	KUNIT_CASE(k7_test_end_is_near),
	KUNIT_CASE(k7_test_no_way_back),
	KUNIT_CASE(k7_test_one_owner),
	KUNIT_CASE(k7_test_driver_state_names),
	KUNIT_CASE(k7_test_card_names),
	{}
};

static struct kunit_suite k7_transition_suite = {
	.name = "k7hsm-transitions",
	.test_cases = k7_transition_cases,
};

kunit_test_suite(k7_transition_suite);

#ifdef __KERNEL__
MODULE_DESCRIPTION("KUnit tests of k7hsm's table of states");
MODULE_AUTHOR("The k7hsm authors");
MODULE_LICENSE("GPL");
#endif
