// SPDX-License-Identifier: GPL-2.0-only
/*
 * k7hsm: driver of the K7 PCIe hardware security module. The module as such:
 * parameters, class, device numbers.
 */
#include <linux/fs.h>
#include <linux/module.h>

#include "compat.h"
#include "k7.h"
#include "visible.h"

#define K7_TIMEOUT_MIN_MS	10u
#define K7_TIMEOUT_LIMIT_MS	(60u * 60 * 1000)

static unsigned int request_timeout_ms = 10 * 1000;
module_param(request_timeout_ms, uint, 0444);
MODULE_PARM_DESC(request_timeout_ms, "longest wait for a command in ms, if the caller gives none (default 10000)");

static unsigned int request_timeout_max_ms = 10 * 60 * 1000;
module_param(request_timeout_max_ms, uint, 0444);
MODULE_PARM_DESC(request_timeout_max_ms, "longest wait for a command in ms that a caller can ask for (default 600000)");

dev_t k7_devt;

/**
 * k7_request_timeout - how long to wait for a command
 * @wanted_ms:	what the caller wants, 0: nothing in particular
 *
 * Return: milliseconds, never more than the module parameter allows.
 */
unsigned int k7_request_timeout(unsigned int wanted_ms)
{
	return min(wanted_ms ?: request_timeout_ms, request_timeout_max_ms);
}

/* The group comes from the udev rule; the mode must not be wider before it has run. */
static char *k7_devnode(K7_CLASS_DEVICE *dev, umode_t *mode)
{
	if (mode)
		*mode = 0660;
	return NULL;
}

/*
 * Not a static one: the last reference to a class may go when the module has gone
 * (CONFIG_DEBUG_KOBJECT_RELEASE), and what is released then must not be the module's.
 */
struct class *k7_class;

static int __init k7_make_class(void)
{
	k7_class = k7_class_create(K7_NAME);
	if (IS_ERR(k7_class))
		return PTR_ERR(k7_class);
	k7_class->devnode = k7_devnode;
	return 0;
}

static void __init k7_clamp_parameters(void)
{
	request_timeout_max_ms = clamp(request_timeout_max_ms, K7_TIMEOUT_MIN_MS,
				       K7_TIMEOUT_LIMIT_MS);
	request_timeout_ms = clamp(request_timeout_ms, K7_TIMEOUT_MIN_MS,
				   request_timeout_max_ms);
}

static int __init k7_init(void)
{
	int err;

	k7_clamp_parameters();
	err = k7_make_class();
	if (err)
		return err;
	err = alloc_chrdev_region(&k7_devt, 0, K7_MINORS, K7_NAME);
	if (err)
		goto fail_class;
	k7_debugfs_init();
	err = pci_register_driver(&k7_pci_driver);
	if (err)
		goto fail_debugfs;
	return 0;

fail_debugfs:
	k7_debugfs_exit();
	unregister_chrdev_region(k7_devt, K7_MINORS);
fail_class:
	class_destroy(k7_class);
	return err;
}

static void __exit k7_exit(void)
{
	pci_unregister_driver(&k7_pci_driver);
	k7_devices_wait();
	k7_debugfs_exit();
	unregister_chrdev_region(k7_devt, K7_MINORS);
	class_destroy(k7_class);
}

module_init(k7_init);
module_exit(k7_exit);

MODULE_DESCRIPTION("Driver of the K7 PCIe hardware security module");
MODULE_AUTHOR("The k7hsm authors");
MODULE_VERSION(K7_DRIVER_VERSION);
MODULE_LICENSE("GPL");
