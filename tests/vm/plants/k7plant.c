// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on purpose, to see that the guest runner notices each of them:
 *     insmod k7plant.ko plant=NAME
 * An unknown name is refused, which serves as "a module that does not load".
 */

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/timer.h>

static char *plant = "";
module_param(plant, charp, 0444);
MODULE_PARM_DESC(plant, "which fault to commit");

#define OBJECT_SIZE 96
#define TRIES 3000 /* KFENCE guards one allocation per millisecond */

/* Slub's poison finds a write when the object is handed out again; KFENCE finds it at once, but only samples. */
static void use_after_free_write(void)
{
	int i;

	for (i = 0; i < TRIES; i++) {
		u8 *object = kmalloc(OBJECT_SIZE, GFP_KERNEL);

		if (!object)
			return;
		kfree(object);
		WRITE_ONCE(object[OBJECT_SIZE / 2], 0x42);
		kfree(kmalloc(OBJECT_SIZE, GFP_KERNEL));
		usleep_range(100, 200);
		if (test_taint(TAINT_BAD_PAGE))
			return;
	}
}

/* Only KFENCE or KASAN can see a read. */
static void use_after_free_read(void)
{
	int i;

	for (i = 0; i < TRIES && !test_taint(TAINT_BAD_PAGE); i++) {
		u8 *object = kmalloc(OBJECT_SIZE, GFP_KERNEL);

		if (!object)
			return;
		kfree(object);
		(void)READ_ONCE(object[OBJECT_SIZE / 2]);
		usleep_range(500, 1000);
	}
}

static void warn(void)
{
	WARN(1, "planted");
}

static void die(void)
{
	panic("planted");
}

static void null_pointer(void)
{
	int *nothing = NULL;

	/* What the compiler knows to be null becomes a ud2 at -O2. */
	OPTIMIZER_HIDE_VAR(nothing);
	WRITE_ONCE(*nothing, 1);
}

static void taint(void)
{
	add_taint(TAINT_USER, LOCKDEP_STILL_OK);
}

static void leak(void)
{
	(void)kmalloc(OBJECT_SIZE, GFP_KERNEL);
}

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static void lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void atomic_sleep(void)
{
	preempt_disable();
	might_sleep();
	preempt_enable();
}

static void timer_expired(struct timer_list *timer)
{
}

static void timer(void)
{
	struct timer_list *object = kmalloc(sizeof(*object), GFP_KERNEL);

	if (!object)
		return;
	timer_setup(object, timer_expired, 0);
	mod_timer(object, jiffies + HZ * 1000);
	kfree(object);
}

static void shift(void)
{
	static volatile int distance = 40;

	WRITE_ONCE(distance, 1 << distance);
}

static int raced;

static int count_unmarked(void *nothing)
{
	int i;

	for (i = 0; i < TRIES * 100; i++) {
		raced++;
		barrier();
		cond_resched();
	}
	return 0;
}

static void race_for_data(void)
{
	struct task_struct *other = kthread_run(count_unmarked, NULL, "k7plant");

	if (IS_ERR(other))
		return;
	get_task_struct(other);
	count_unmarked(NULL);
	kthread_stop(other);
	put_task_struct(other);
}

static void hung_task(void)
{
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule();
	}
}

static void lockup(void)
{
	preempt_disable();
	for (;;)
		cpu_relax();
}

static const struct {
	const char *name;
	void (*commit)(void);
} plants[] = {
	{ "uaf-write", use_after_free_write },
	{ "uaf-read", use_after_free_read },
	{ "warn", warn },
	{ "panic", die },
	{ "null-pointer", null_pointer },
	{ "taint", taint },
	{ "leak", leak },
	{ "lock-order", lock_order },
	{ "atomic-sleep", atomic_sleep },
	{ "timer", timer },
	{ "shift", shift },
	{ "data-race", race_for_data },
	{ "hung-task", hung_task },
	{ "lockup", lockup },
};

static int __init k7plant_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(plants); i++) {
		if (!strcmp(plants[i].name, plant)) {
			plants[i].commit();
			return 0;
		}
	}
	return -EINVAL;
}
module_init(k7plant_init);

static void __exit k7plant_exit(void)
{
}
module_exit(k7plant_exit);

MODULE_DESCRIPTION("Faults for the tests of the guest runner");
MODULE_LICENSE("GPL");
