// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device node: one object for struct device and cdev, freed when the last
 * open file and the driver have let go of it; a channel for each open file.
 */
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "regs.h"

static DEFINE_IDA(k7_minors);
static atomic_t k7_devices;	/* that are not released yet */

/* ---- Channels ---- */

/* Return: 0, -EHOSTDOWN, or -ENOMEM: try again later. */
static int k7_channel_send_close(struct k7_device *k7, u32 channel)
{
	struct k7_request *req = k7_request_alloc(K7_CMD_CHANNEL_CLOSE, 0, 0, GFP_KERNEL);
	LIST_HEAD(reqs);
	int err;

	if (!req)
		return -ENOMEM;
	req->channel = channel;
	req->closes = channel;
	req->async = true;
	req->patience = msecs_to_jiffies(k7_request_timeout(0));
	list_add(&req->node, &reqs);
	err = k7_ring_submit(k7_ring_of_this_cpu(k7), &reqs, true);
	k7_request_put(req);
	return err;
}

/**
 * k7_channels_flush - tell the card of the channels whose files are closed
 * @k7:		card; gate or control is held
 *
 * A channel number is free again when the card has answered, or when the
 * firmware that knew the channel is dead. Never waits.
 */
void k7_channels_flush(struct k7_device *k7)
{
	unsigned int channel;
	int err;

	for_each_set_bit(channel, k7->closing, K7_CHANNEL_MAX + 1) {
		if (!test_and_clear_bit(channel, k7->closing))
			continue;
		err = k7_channel_send_close(k7, channel);
		if (err == -ENOMEM) {
			set_bit(channel, k7->closing);
			return;
		}
		if (err)
			ida_free(&k7->channels, channel);
	}
}

/* Return: a channel number that nobody else has, -EBUSY when all are in use, or -ENOMEM. */
int k7_channel_alloc(struct k7_device *k7)
{
	int channel = ida_alloc_range(&k7->channels, 1, k7->channel_max, GFP_KERNEL);

	return channel == -ENOSPC ? -EBUSY : channel;
}

/* The end of a channel; never waits for the card. */
void k7_channel_release(struct k7_device *k7, u32 channel)
{
	set_bit(channel, k7->closing);
	/* Otherwise a reset will see to it, or there is no card any more. */
	guard(rwsem_read)(&k7->gate);
	if (!k7_check_live(k7))
		k7_channels_flush(k7);
}

/* Have all who wait on an open file look again. */
void k7_files_wake(struct k7_device *k7)
{
	struct k7_file *kf;

	spin_lock_irq(&k7->files_lock);
	list_for_each_entry(kf, &k7->files, node)
		wake_up_all(&kf->wait);
	spin_unlock_irq(&k7->files_lock);
}

/* ---- File operations ---- */

static int k7_open(struct inode *inode, struct file *file)
{
	struct k7_device *k7 = container_of(inode->i_cdev, struct k7_device, cdev);
	struct k7_file *kf;
	int channel;

	if (k7_going(k7))
		return -ENODEV;
	kf = kzalloc(sizeof(*kf), GFP_KERNEL_ACCOUNT);
	if (!kf)
		return -ENOMEM;
	channel = k7_channel_alloc(k7);
	if (channel < 0) {
		kfree(kf);
		return channel;
	}
	k7_file_init(kf, k7, channel);
	get_device(&k7->dev);
	scoped_guard(spinlock_irq, &k7->files_lock)
		list_add_tail(&kf->node, &k7->files);
	file->private_data = kf;
	return nonseekable_open(inode, file);
}

static int k7_release(struct inode *inode, struct file *file)
{
	struct k7_file *kf = file->private_data;
	struct k7_device *k7 = kf->k7;

	scoped_guard(spinlock_irq, &k7->files_lock)
		list_del(&kf->node);
	k7_claim_drop(kf);
	/* First: a request that is sent after the channel was closed would be the next one's. */
	k7_file_close(kf);
	k7_channel_release(k7, kf->channel);
	k7_file_put(kf);
	put_device(&k7->dev);
	return 0;
}

static __poll_t k7_poll(struct file *file, struct poll_table_struct *table)
{
	struct k7_file *kf = file->private_data;

	poll_wait(file, &kf->k7->wait, table);
	poll_wait(file, &kf->wait, table);
	return k7_file_poll(kf);
}

static const struct file_operations k7_fops = {
	.owner = THIS_MODULE,
	.open = k7_open,
	.release = k7_release,
	.poll = k7_poll,
	.unlocked_ioctl = k7_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
#if IS_ENABLED(CONFIG_IO_URING)
	.uring_cmd = k7_uring_cmd,
#endif
	.llseek = noop_llseek,
};

/* ---- The device ---- */

static void k7_device_release(struct device *dev)
{
	struct k7_device *k7 = container_of(dev, struct k7_device, dev);

	/* Here and not earlier, so that a stale file never shares a number with a new card. */
	ida_free(&k7_minors, k7->index);
	ida_destroy(&k7->channels);
	pci_dev_put(k7->pdev);
	kfree(k7->rings);
	kfree(k7);
	if (atomic_dec_and_test(&k7_devices))
		wake_up_var(&k7_devices);
}

/**
 * k7_devices_wait - wait until all devices are released
 *
 * The driver core may release a device after its driver has let go of it, and
 * needs code of this module for that.
 */
void k7_devices_wait(void)
{
	wait_var_event(&k7_devices, !atomic_read(&k7_devices));
}

static void k7_device_init(struct k7_device *k7)
{
	init_rwsem(&k7->gate);
	spin_lock_init(&k7->state_lock);
	init_waitqueue_head(&k7->wait);
	mutex_init(&k7->control);
	mutex_init(&k7->mailbox_lock);
	mutex_init(&k7->identity_lock);
	INIT_DELAYED_WORK(&k7->card_work, k7_card_work);
	ida_init(&k7->channels);
	spin_lock_init(&k7->files_lock);
	INIT_LIST_HEAD(&k7->files);
}

/**
 * k7_device_alloc - make the object of a card
 * @pdev:	PCI function
 *
 * Return: the object, in state NEW, ended by put_device(&k7->dev); or an ERR_PTR.
 */
struct k7_device *k7_device_alloc(struct pci_dev *pdev)
{
	struct k7_device *k7 = kzalloc(sizeof(*k7), GFP_KERNEL);
	int index;

	if (!k7)
		return ERR_PTR(-ENOMEM);
	index = ida_alloc_max(&k7_minors, K7_MINORS - 1, GFP_KERNEL);
	if (index < 0) {
		kfree(k7);
		return ERR_PTR(index);
	}
	atomic_inc(&k7_devices);
	k7_device_init(k7);
	k7->index = index;
	k7->pdev = pci_dev_get(pdev);
	k7->pci_address = (u32)pci_domain_nr(pdev->bus) << 16 | pci_dev_id(pdev);

	device_initialize(&k7->dev);
	k7->dev.class = k7_class;
	k7->dev.parent = &pdev->dev;
	k7->dev.devt = MKDEV(MAJOR(k7_devt), index);
	k7->dev.groups = k7_groups;
	k7->dev.release = k7_device_release;
	cdev_init(&k7->cdev, &k7_fops);
	k7->cdev.owner = THIS_MODULE;
	if (dev_set_name(&k7->dev, "k7pf%d", index)) {
		put_device(&k7->dev);
		return ERR_PTR(-ENOMEM);
	}
	return k7;
}

/* Make the node appear. */
int k7_device_add(struct k7_device *k7)
{
	return cdev_device_add(&k7->cdev, &k7->dev);
}

/* Make the node disappear. Open files stay, and keep the object. */
void k7_device_del(struct k7_device *k7)
{
	cdev_device_del(&k7->cdev, &k7->dev);
}
