// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading FM images through the kernel's firmware upload, /sys/class/firmware/k7pfN.
 * The image must be signed by a certificate that the card has already, for there
 * is no place for one here. Like every loaded FM it runs after the next start of
 * the firmware.
 */
#include <linux/firmware.h>
#include <linux/slab.h>

#include "compat.h"
#include "regs.h"
#include "visible.h"

#define K7_FW_COMMIT_TIMEOUT_MS	60000	/* the card checks the image and writes its store */

/**
 * struct k7_fw_upload - the upload of a card; one at a time, the kernel sees to that
 * @k7:		card
 * @upload:	handle of the kernel
 * @file:	the upload that is under way sends like an open file: with a channel
 * @cancelled:	somebody does not want it any more; written at any time
 */
struct k7_fw_upload {
	struct k7_device *k7;
	struct fw_upload *upload;
	struct k7_file *file;
	bool cancelled;
};

/* ---- Errors: the interface knows few, so the log says which it was ---- */

static const struct {
	u32 status;
	const char *text;
} k7_fw_status_texts[] = {
#define K7_FW_STATUS(name, number, text) { number, text },
	K7_STATUS_LIST(K7_FW_STATUS)
#undef K7_FW_STATUS
};

static const char *k7_fw_status_text(u32 status)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(k7_fw_status_texts); i++) {
		if (k7_fw_status_texts[i].status == status)
			return k7_fw_status_texts[i].text;
	}
	return "unknown status";
}

static enum fw_upload_err k7_fw_status_error(u32 status)
{
	switch (status) {
	case K7_ST_OK:
		return FW_UPLOAD_ERR_NONE;
	case K7_ST_BUSY:
	case K7_ST_BAD_STATE:
		return FW_UPLOAD_ERR_BUSY;
	case K7_ST_ABORTED:
		return FW_UPLOAD_ERR_CANCELED;
	case K7_ST_BAD_LENGTH:
	case K7_ST_IMAGE_TOO_LARGE:
		return FW_UPLOAD_ERR_INVALID_SIZE;
	case K7_ST_DMA_ERROR:
	case K7_ST_STORE_FULL:
	case K7_ST_STORE_ERROR:
		return FW_UPLOAD_ERR_RW_ERROR;
	case K7_ST_IMAGE_FORMAT:
	case K7_ST_IMAGE_SIGNATURE:
	case K7_ST_IMAGE_CERTIFICATE:
	case K7_ST_IMAGE_HEADER:
	case K7_ST_IMAGE_ELF:
	case K7_ST_IMAGE_OLDER:
		return K7_FW_UPLOAD_ERR_INVALID;
	default:
		return FW_UPLOAD_ERR_HW_ERROR;
	}
}

static enum fw_upload_err k7_fw_errno_error(int err)
{
	switch (err) {
	case 0:
		return FW_UPLOAD_ERR_NONE;
	case -EAGAIN:
	case -EBUSY:
		return FW_UPLOAD_ERR_BUSY;
	case -ETIMEDOUT:
		return FW_UPLOAD_ERR_TIMEOUT;
	case -EMSGSIZE:
		return FW_UPLOAD_ERR_INVALID_SIZE;
	default:
		return FW_UPLOAD_ERR_HW_ERROR;
	}
}

/* ---- Commands ---- */

/**
 * struct k7_fw_command - a step of an upload
 * @what:	for the log
 * @opcode:	K7_CMD_FM_LOAD_*
 * @arg:	first argument
 * @data:	request payload
 * @size:	bytes of @data
 * @reply_size:	room for the reply, which nobody looks at
 * @timeout_ms:	longest wait, 0: the driver's own
 */
struct k7_fw_command {
	const char *what;
	u16 opcode;
	u32 arg;
	const void *data;
	u32 size;
	u32 reply_size;
	unsigned int timeout_ms;
};

static enum fw_upload_err k7_fw_result(struct k7_device *k7, const char *what, int err,
				       u32 status)
{
	if (err) {
		dev_err(&k7->dev, "upload of an FM: %s failed: %d\n", what, err);
		return k7_fw_errno_error(err);
	}
	if (status != K7_ST_OK)
		dev_err(&k7->dev, "upload of an FM: %s refused: status %#x, %s\n", what, status,
			k7_fw_status_text(status));
	return k7_fw_status_error(status);
}

static enum fw_upload_err k7_fw_run(struct k7_fw_upload *fw, const struct k7_fw_command *command)
{
	struct k7_device *k7 = fw->k7;
	unsigned int timeout_ms = k7_request_timeout(command->timeout_ms);
	struct k7_request *req;
	enum fw_upload_err result;
	int err;

	req = k7_request_alloc(command->opcode, command->size, command->reply_size, GFP_KERNEL);
	if (!req)
		return k7_fw_result(k7, command->what, -ENOMEM, 0);
	kref_get(&fw->file->ref);
	req->file = fw->file;
	req->channel = fw->file->channel;
	req->arg[0] = command->arg;
	req->patience = msecs_to_jiffies(timeout_ms);
	memcpy(req->in, command->data, command->size);
	err = k7_request_run(req, timeout_ms, false);
	result = k7_fw_result(k7, command->what, err, req->status);
	k7_request_put(req);
	return result;
}

/* ---- A channel ---- */

static int k7_fw_open(struct k7_fw_upload *fw)
{
	int channel;

	fw->file = kzalloc(sizeof(*fw->file), GFP_KERNEL);
	if (!fw->file)
		return -ENOMEM;
	channel = k7_channel_alloc(fw->k7);
	if (channel < 0) {
		kfree(fw->file);
		return channel;
	}
	k7_file_init(fw->file, fw->k7, channel);
	return 0;
}

/* With its channel the card forgets a load that was not committed. */
static void k7_fw_close(struct k7_fw_upload *fw)
{
	k7_channel_release(fw->file);
	fw->file = NULL;
}

/* ---- The operations, in the order in which they are called ---- */

static enum fw_upload_err k7_fw_begin(struct k7_fw_upload *fw, u32 size)
{
	struct k7_fm_load load = { .image_size = cpu_to_le32(size) };
	struct k7_fw_command command = {
		.what = "begin", .opcode = K7_CMD_FM_LOAD_BEGIN,
		.data = &load, .size = sizeof(load),
	};

	return k7_fw_run(fw, &command);
}

static enum fw_upload_err k7_fw_prepare(struct fw_upload *upload, const u8 *data, u32 size)
{
	struct k7_fw_upload *fw = upload->dd_handle;
	enum fw_upload_err result;
	int err;

	WRITE_ONCE(fw->cancelled, false);
	err = k7_fw_open(fw);
	if (err)
		return k7_fw_result(fw->k7, "finding a channel", err, 0);
	result = k7_fw_begin(fw, size);
	/* Nobody cleans up after a prepare that failed. */
	if (result != FW_UPLOAD_ERR_NONE)
		k7_fw_close(fw);
	return result;
}

static enum fw_upload_err k7_fw_write(struct fw_upload *upload, const u8 *data, u32 offset,
				      u32 size, u32 *written)
{
	struct k7_fw_upload *fw = upload->dd_handle;
	struct k7_fw_command command = {
		.what = "data", .opcode = K7_CMD_FM_LOAD_DATA, .arg = offset, .data = data + offset,
		.size = min(size, fw->k7->payload_max),
	};
	enum fw_upload_err result;

	if (READ_ONCE(fw->cancelled))
		return FW_UPLOAD_ERR_CANCELED;
	result = k7_fw_run(fw, &command);
	*written = result == FW_UPLOAD_ERR_NONE ? command.size : 0;
	return result;
}

static enum fw_upload_err k7_fw_poll_complete(struct fw_upload *upload)
{
	struct k7_fw_upload *fw = upload->dd_handle;
	struct k7_fw_command command = {
		.what = "commit", .opcode = K7_CMD_FM_LOAD_COMMIT,
		.reply_size = sizeof(struct k7_fm_info), .timeout_ms = K7_FW_COMMIT_TIMEOUT_MS,
	};
	enum fw_upload_err result;

	/* The last moment: the commit is all or nothing. */
	if (READ_ONCE(fw->cancelled))
		return FW_UPLOAD_ERR_CANCELED;
	result = k7_fw_run(fw, &command);
	if (result == FW_UPLOAD_ERR_NONE)
		dev_info(&fw->k7->dev, "FM uploaded; it runs after a restart of the firmware\n");
	return result;
}

static void k7_fw_cancel(struct fw_upload *upload)
{
	struct k7_fw_upload *fw = upload->dd_handle;

	WRITE_ONCE(fw->cancelled, true);
}

static void k7_fw_cleanup(struct fw_upload *upload)
{
	k7_fw_close(upload->dd_handle);
}

static const struct fw_upload_ops k7_fw_ops = {
	.prepare = k7_fw_prepare,
	.write = k7_fw_write,
	.poll_complete = k7_fw_poll_complete,
	.cancel = k7_fw_cancel,
	.cleanup = k7_fw_cleanup,
};

/* ---- Coming and going ---- */

/**
 * k7_fw_upload_add - offer the upload
 * @k7:		card; one without FMs has none
 *
 * The kernel gets no module to hold: removal waits for the upload, and a card
 * that is bound must not keep the module from being unloaded.
 */
void k7_fw_upload_add(struct k7_device *k7)
{
	struct k7_fw_upload *fw;

	if (!(k7->features & K7_FEATURE_FM))
		return;
	fw = kzalloc(sizeof(*fw), GFP_KERNEL);
	if (!fw)
		return;
	fw->k7 = k7;
	fw->upload = firmware_upload_register(NULL, &k7->pdev->dev, dev_name(&k7->dev), &k7_fw_ops,
					      fw);
	if (IS_ERR(fw->upload)) {
		dev_warn(&k7->dev, "no upload of FMs: %ld\n", PTR_ERR(fw->upload));
		kfree(fw);
		return;
	}
	k7->fw_upload = fw;
}

/*
 * Waits for the end of an upload. So it is called when the hardware has been
 * stopped: then a request that the card does not answer has ended, too.
 */
void k7_fw_upload_remove(struct k7_device *k7)
{
	if (!k7->fw_upload)
		return;
	firmware_upload_unregister(k7->fw_upload->upload);
	kfree(k7->fw_upload);
	k7->fw_upload = NULL;
}
