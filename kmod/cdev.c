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

static struct k7_request *k7_channel_close_request(u32 channel)
{
	struct k7_request *req = k7_request_alloc(K7_CMD_CHANNEL_CLOSE, 0, 0, GFP_KERNEL);

	if (!req)
		return NULL;
	req->channel = channel;
	req->async = true;
	/* The ladder shall not abort it: then the card would still know the channel. */
	req->aborted = true;
	req->patience = msecs_to_jiffies(k7_request_timeout(0));
	return req;
}

/* Return: 0, or -EHOSTDOWN. */
static int k7_channel_send_close(struct k7_device *k7, struct k7_request *req)
{
	LIST_HEAD(reqs);
	int err;

	list_add(&req->node, &reqs);
	err = k7_ring_submit(k7_ring_of_this_cpu(k7), &reqs, true);
	k7_request_put(req);
	return err;
}

/**
 * k7_channels_flush - tell the card of the channels that have ended
 * @k7:		card; gate or control is held
 *
 * A channel number is free again when the card has confirmed that, or when it has
 * other firmware than the one that knew the channel. Never waits.
 */
void k7_channels_flush(struct k7_device *k7)
{
	struct k7_request *req;
	unsigned int channel;

	for_each_set_bit(channel, k7->closing, K7_CHANNEL_MAX + 1) {
		req = k7_channel_close_request(channel);
		if (!req)
			return;
		if (!test_and_clear_bit(channel, k7->closing)) {
			k7_request_put(req);
			continue;
		}
		req->closes = channel;
		if (!k7_channel_send_close(k7, req))
			continue;
		set_bit(channel, k7->closing);
		return;
	}
}

/**
 * k7_channel_confirm - a CHANNEL_CLOSE has ended
 * @k7:		card
 * @req:	the request that has freed the number, if it is as the card says
 *
 * Whatever else came of it, the firmware may still know the channel: it is told
 * again. From any context.
 */
void k7_channel_confirm(struct k7_device *k7, const struct k7_request *req)
{
	if (!req->error && req->status == K7_ST_OK)
		ida_free(&k7->channels, req->closes);
	else
		set_bit(req->closes, k7->closing);
}

/**
 * k7_channels_forget - the firmware that knew the channels is dead
 * @k7:		card whose rings do not run in its present generation yet; control is held
 */
void k7_channels_forget(struct k7_device *k7)
{
	unsigned int channel;

	lockdep_assert_held(&k7->control);
	for_each_set_bit(channel, k7->closing, K7_CHANNEL_MAX + 1) {
		if (test_and_clear_bit(channel, k7->closing))
			ida_free(&k7->channels, channel);
	}
}

/* Return: a channel number that nobody else has, -EBUSY when all are in use, or -ENOMEM. */
int k7_channel_alloc(struct k7_device *k7)
{
	int channel = ida_alloc_range(&k7->channels, 1, k7->channel_max, GFP_KERNEL);

	return channel == -ENOSPC ? -EBUSY : channel;
}

/**
 * k7_channel_end - the file of a channel is closed, and none of its requests is left
 * @k7:		card
 * @channel:	number
 * @known:	the card was told of it
 *
 * From any context, also with a ring's lock held: the next look tells the card.
 */
void k7_channel_end(struct k7_device *k7, u32 channel, bool known)
{
	if (!known) {
		ida_free(&k7->channels, channel);
		return;
	}
	set_bit(channel, k7->closing);
	WRITE_ONCE(k7->kicked, true);
}

/*
 * The card has requests of a file that is closed. Have it end what it need not
 * begin, and what the channel has. One more CHANNEL_CLOSE follows when all have
 * ended: this one may overtake some. It is the file's, so it is not the last one.
 */
static void k7_channel_abort(struct k7_file *kf)
{
	struct k7_request *req = k7_channel_close_request(kf->channel);

	if (!req)
		return;
	kref_get(&kf->ref);
	req->file = kf;
	k7_channel_send_close(kf->k7, req);
}

/**
 * k7_channel_release - the end of a file; never waits for the card
 * @kf:		file of which no call is running; may be gone afterwards
 */
void k7_channel_release(struct k7_file *kf)
{
	struct k7_device *k7 = kf->k7;

	k7_file_close(kf);
	/* When the card is not there, a reset will see to it, or the next look. */
	guard(rwsem_read)(&k7->gate);
	if (READ_ONCE(kf->known) && kref_read(&kf->ref) > 1 && !k7_check_live(k7))
		k7_channel_abort(kf);
	k7_file_put(kf);
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
	k7_channel_release(kf);
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
