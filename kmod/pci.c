// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI side: finding a card, letting go of it, and what the PCI core does to
 * it in between (resets, errors, suspend).
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>

#include "regs.h"
#include "trace.h"
#include "visible.h"

#define K7_RECOVERY_TIMEOUT_MS	30000	/* for the PCI core to recover a frozen channel */

/* ---- Probe ---- */

static int k7_pci_enable(struct k7_device *k7)
{
	struct pci_dev *pdev = k7->pdev;
	int err;

	err = pcim_enable_device(pdev);
	if (err)
		return dev_err_probe(&pdev->dev, err, "cannot enable the PCI function\n");
	/* A card that a dead kernel has left running must not write to what is ours now. */
	pci_clear_master(pdev);
	if (pci_resource_len(pdev, K7_BAR_REGISTERS) < K7_BAR0_BYTES)
		return dev_err_probe(&pdev->dev, -ENODEV, "BAR 0 is too small\n");
	err = pcim_iomap_regions(pdev, BIT(K7_BAR_REGISTERS), K7_NAME);
	if (err)
		return dev_err_probe(&pdev->dev, err, "cannot map BAR 0\n");
	k7->mmio = pcim_iomap_table(pdev)[K7_BAR_REGISTERS];
	err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (err)
		return dev_err_probe(&pdev->dev, err, "no usable DMA addressing\n");
	return 0;
}

/* Probe and remove hold the device lock already: the core's own reset would wait for it. */
static int k7_pci_reset_locked(struct pci_dev *pdev)
{
	int err;

	pci_save_state(pdev);
	err = __pci_reset_function_locked(pdev);
	pci_restore_state(pdev);
	return err;
}

/*
 * One may still run when the last driver died without a word, also one that this
 * driver would not use: the last kernel may have had more processors. Return: true
 * when none runs any more, be it after a reset of the function.
 */
static bool k7_stop_stale_rings(struct k7_device *k7)
{
	return k7_rings_stop_all(k7) ||
	       (!k7_pci_reset_locked(k7->pdev) && k7_rings_stop_all(k7));
}

/* Everything that the hardware needs, up to a card that can be used. */
static int k7_start(struct k7_device *k7)
{
	int err;

	err = k7_rings_alloc(k7);
	if (err)
		return err;
	if (!k7_stop_stale_rings(k7))
		return dev_err_probe(&k7->pdev->dev, -EIO, "the card's rings do not stop\n");
	k7_event_mask(k7, 0);
	k7->wq = alloc_ordered_workqueue("%s", WQ_FREEZABLE, dev_name(&k7->dev));
	if (!k7->wq)
		return -ENOMEM;
	pci_set_master(k7->pdev);
	pci_save_state(k7->pdev);
	err = k7_irqs_request(k7);
	if (err)
		return dev_err_probe(&k7->pdev->dev, err, "no interrupts\n");
	k7_card_identify(k7);
	mutex_lock(&k7->control);
	err = k7_card_sync(k7);
	mutex_unlock(&k7->control);
	/* A card that refuses its rings may be starting, or can be mended through the mailbox. */
	if (err == -ENODEV)
		return dev_err_probe(&k7->pdev->dev, err, "the card has gone\n");
	return 0;
}

/*
 * The last act of bus mastering: a card that does not let go of its memory is
 * reset, or keeps the memory.
 */
static void k7_release_rings(struct k7_device *k7)
{
	mutex_lock(&k7->control);
	if (k7->rings && !k7_rings_stop(k7, -ENODEV) && !k7_pci_reset_locked(k7->pdev))
		k7_rings_stop(k7, -ENODEV);
	mutex_unlock(&k7->control);
	pci_clear_master(k7->pdev);
	k7_rings_free(k7);
}

/*
 * Stop everything that k7_start() may have started; the state is DELETING or DEAD,
 * and no file operation is in the hardware. Works on a card that is gone, too.
 */
static void k7_stop(struct k7_device *k7)
{
	k7_event_mask(k7, 0);
	k7_irqs_free(k7);
	if (k7->wq) {
		cancel_delayed_work_sync(&k7->card_work);
		destroy_workqueue(k7->wq);
	}
	k7_coredump_forget(k7);
	k7_release_rings(k7);
}

static void k7_pci_fail(struct k7_device *k7)
{
	k7_set_state(k7, K7_DRIVER_DELETING);
	k7_set_state(k7, K7_DRIVER_DEAD);
	put_device(&k7->dev);
}

static int k7_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct k7_device *k7;
	int err;

	k7 = k7_device_alloc(pdev);
	if (IS_ERR(k7))
		return PTR_ERR(k7);
	err = k7_pci_enable(k7);
	if (err)
		goto fail;
	k7_set_state(k7, K7_DRIVER_INIT);
	err = k7_card_probe(k7);
	if (err)
		goto fail;
	err = k7_vectors_alloc(k7);
	if (err)
		goto fail;
	err = k7_start(k7);
	if (err)
		goto fail_stop;
	k7_set_state(k7, K7_DRIVER_LIVE);
	err = k7_device_add(k7);
	if (err)
		goto fail_stop;
	pci_set_drvdata(pdev, k7);
	k7_visible_add(k7);
	k7_card_kick(k7);
	dev_info(&pdev->dev, "%s: ESN %s, card is %s, %u rings\n", dev_name(&k7->dev), k7->esn,
		 k7_card_state_name(k7->card.state), k7->ring_count);
	return 0;

fail_stop:
	k7_set_state(k7, K7_DRIVER_DELETING);
	k7_stop(k7);
	k7_vectors_free(k7);
fail:
	k7_pci_fail(k7);
	return err;
}

/* ---- Remove and shutdown ---- */

/*
 * The order matters: nobody new, see out those who are in the hardware, wake those
 * who wait, and only then what may take its time: the node, jobs, the card. Open
 * files stay, and get ENODEV from then on.
 */
static void k7_pci_remove(struct pci_dev *pdev)
{
	struct k7_device *k7 = pci_get_drvdata(pdev);

	/* Not allowed when the card was found gone: then all this was said already. */
	k7_set_state(k7, K7_DRIVER_DELETING);
	down_write(&k7->gate);
	up_write(&k7->gate);
	mutex_lock(&k7->mailbox_lock);
	mutex_unlock(&k7->mailbox_lock);
	k7_rings_fail(k7, -ENODEV);
	k7_visible_remove(k7);
	k7_device_del(k7);
	k7_stop(k7);
	k7_fw_upload_remove(k7);
	k7_fm_log_remove(k7);
	k7_vectors_free(k7);
	k7_set_state(k7, K7_DRIVER_DEAD);
	put_device(&k7->dev);
}

/*
 * The machine goes down, or another kernel takes over: the card must not write to
 * memory any more.
 */
static void k7_pci_shutdown(struct pci_dev *pdev)
{
	struct k7_device *k7 = pci_get_drvdata(pdev);

	if (!k7_set_state(k7, K7_DRIVER_DELETING))
		return;
	k7_event_mask(k7, 0);
	mutex_lock(&k7->control);
	k7_rings_stop(k7, -ENODEV);
	mutex_unlock(&k7->control);
	pci_clear_master(pdev);
}

/* ---- Resets and errors ---- */

static void k7_pci_reset_prepare(struct pci_dev *pdev)
{
	k7_reset_begin(pci_get_drvdata(pdev));
}

static void k7_pci_reset_done(struct pci_dev *pdev)
{
	k7_reset_end(pci_get_drvdata(pdev));
}

static void k7_pci_give_up(struct k7_device *k7)
{
	mutex_lock(&k7->control);
	k7_card_gone(k7);
	mutex_unlock(&k7->control);
}

/* From now on the PCI core has a while to recover the channel. */
static void k7_pci_freeze(struct k7_device *k7)
{
	mutex_lock(&k7->control);
	k7->frozen_until = (jiffies + msecs_to_jiffies(K7_RECOVERY_TIMEOUT_MS)) | 1;
	mutex_unlock(&k7->control);
	k7_card_kick(k7);
}

static pci_ers_result_t k7_pci_error_detected(struct pci_dev *pdev, pci_channel_state_t channel)
{
	struct k7_device *k7 = pci_get_drvdata(pdev);

	/* Nobody uses it any more: nothing must give it back its bus. */
	if (k7_going(k7))
		return PCI_ERS_RESULT_DISCONNECT;
	switch (channel) {
	case pci_channel_io_normal:
		return PCI_ERS_RESULT_CAN_RECOVER;
	case pci_channel_io_frozen:
		dev_warn(&pdev->dev, "PCI channel is frozen: waiting for a reset of the slot\n");
		atomic_inc(&k7->counters.aer);
		trace_k7_ladder(k7, "recovery");
		if (k7_reset_begin(k7))
			k7_pci_freeze(k7);
		return PCI_ERS_RESULT_NEED_RESET;
	case pci_channel_io_perm_failure:
		k7_pci_give_up(k7);
		return PCI_ERS_RESULT_DISCONNECT;
	}
	return PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t k7_pci_slot_reset(struct pci_dev *pdev)
{
	if (k7_going(pci_get_drvdata(pdev)))
		return PCI_ERS_RESULT_DISCONNECT;
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static void k7_pci_resume(struct pci_dev *pdev)
{
	k7_reset_end(pci_get_drvdata(pdev));
}

static const struct pci_error_handlers k7_pci_error_handlers = {
	.error_detected = k7_pci_error_detected,
	.slot_reset = k7_pci_slot_reset,
	.resume = k7_pci_resume,
	.reset_prepare = k7_pci_reset_prepare,
	.reset_done = k7_pci_reset_done,
};

/* ---- Suspend: nothing survives it but what the card stores; k7_reset_end() sees to that ---- */

static int k7_pm_suspend(struct device *dev)
{
	struct k7_device *k7 = dev_get_drvdata(dev);

	/* A job that does not end, or no card any more: only the latter is no obstacle. */
	return k7_reset_begin(k7) || k7_going(k7) ? 0 : -EBUSY;
}

static int k7_pm_resume(struct device *dev)
{
	k7_reset_end(dev_get_drvdata(dev));
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(k7_pm_ops, k7_pm_suspend, k7_pm_resume);

static const struct pci_device_id k7_pci_ids[] = {
	{ PCI_DEVICE_SUB(K7_PCI_VENDOR_ID, K7_PCI_DEVICE_ID,
			 K7_PCI_SUBSYSTEM_VENDOR_ID, K7_PCI_SUBSYSTEM_ID) },
	{ }
};
MODULE_DEVICE_TABLE(pci, k7_pci_ids);

struct pci_driver k7_pci_driver = {
	.name = K7_NAME,
	.id_table = k7_pci_ids,
	.probe = k7_pci_probe,
	.remove = k7_pci_remove,
	.shutdown = k7_pci_shutdown,
	.err_handler = &k7_pci_error_handlers,
	.driver.pm = pm_sleep_ptr(&k7_pm_ops),
};
