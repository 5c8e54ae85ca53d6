// SPDX-License-Identifier: GPL-2.0-only
/*
 * The card's sensors as a hwmon device: temperature, core voltage, voltage of the
 * battery that keeps the card's secrets. They come from the boot loader, so a
 * halted card is measured like any other. A sensor that reads 0 is not there.
 */
#include <linux/hwmon.h>
#include <linux/slab.h>

#include "regs.h"
#include "visible.h"

#define K7_HWMON_PERIOD		HZ	/* the card is asked at most that often */

enum k7_sensor {
	K7_SENSOR_TEMPERATURE,
	K7_SENSOR_CORE,
	K7_SENSOR_BATTERY,
	K7_SENSORS,
};

/**
 * struct k7_hwmon - the sensors of a card
 * @k7:		card
 * @dev:	hwmon device
 * @lock:	protects what follows; taken outside of mailbox_lock
 * @read_at:	jiffies when @values came
 * @valid:	there are @values
 * @values:	millidegrees Celsius, millivolts
 * @reply:	room for the boot loader's answer, K7_MB_DATA_BYTES
 */
struct k7_hwmon {
	struct k7_device *k7;
	struct device *dev;
	struct mutex lock;	/* values */
	unsigned long read_at;
	bool valid;
	long values[K7_SENSORS];
	void *reply;
};

/* ---- Values ---- */

static int k7_hwmon_query(struct k7_hwmon *hwmon)
{
	struct k7_mailbox_call call = { .opcode = K7_BOOT_STATE, .reply = hwmon->reply };
	const struct k7_card_state *state = hwmon->reply;
	int err = k7_mailbox_query(hwmon->k7, &call);

	if (err)
		return err;
	if (call.status != K7_ST_OK || call.reply_len < sizeof(*state))
		return -EIO;
	hwmon->values[K7_SENSOR_TEMPERATURE] = (s32)le32_to_cpu(state->temperature_mc);
	hwmon->values[K7_SENSOR_CORE] = le32_to_cpu(state->core_mv);
	hwmon->values[K7_SENSOR_BATTERY] = le32_to_cpu(state->battery_mv);
	hwmon->read_at = jiffies;
	hwmon->valid = true;
	return 0;
}

static int k7_hwmon_value(struct k7_hwmon *hwmon, enum k7_sensor sensor, long *value)
{
	int err = k7_check_live(hwmon->k7);

	if (err)
		return err;
	guard(mutex)(&hwmon->lock);
	if (!hwmon->valid || time_after_eq(jiffies, hwmon->read_at + K7_HWMON_PERIOD)) {
		err = k7_hwmon_query(hwmon);
		if (err)
			return err;
	}
	*value = hwmon->values[sensor];
	return *value ? 0 : -ENODATA;
}

/* ---- The hwmon device ---- */

static enum k7_sensor k7_hwmon_sensor(enum hwmon_sensor_types type, int channel)
{
	if (type == hwmon_temp)
		return K7_SENSOR_TEMPERATURE;
	return channel ? K7_SENSOR_BATTERY : K7_SENSOR_CORE;
}

static umode_t k7_hwmon_is_visible(const void *data, enum hwmon_sensor_types type, u32 attr,
				   int channel)
{
	const struct k7_hwmon *hwmon = data;

	return hwmon->values[k7_hwmon_sensor(type, channel)] ? 0444 : 0;
}

static int k7_hwmon_read(struct device *dev, enum hwmon_sensor_types type, u32 attr, int channel,
			 long *value)
{
	return k7_hwmon_value(dev_get_drvdata(dev), k7_hwmon_sensor(type, channel), value);
}

static int k7_hwmon_read_string(struct device *dev, enum hwmon_sensor_types type, u32 attr,
				int channel, const char **text)
{
	static const char * const labels[K7_SENSORS] = {
		[K7_SENSOR_TEMPERATURE] = "card",
		[K7_SENSOR_CORE] = "core",
		[K7_SENSOR_BATTERY] = "battery",
	};

	*text = labels[k7_hwmon_sensor(type, channel)];
	return 0;
}

static const struct hwmon_ops k7_hwmon_ops = {
	.is_visible = k7_hwmon_is_visible,
	.read = k7_hwmon_read,
	.read_string = k7_hwmon_read_string,
};

/* Not const: 6.1 takes it so. */
static const struct hwmon_channel_info *k7_hwmon_info[] = {
	HWMON_CHANNEL_INFO(temp, HWMON_T_INPUT | HWMON_T_LABEL),
	HWMON_CHANNEL_INFO(in, HWMON_I_INPUT | HWMON_I_LABEL, HWMON_I_INPUT | HWMON_I_LABEL),
	NULL,
};

static const struct hwmon_chip_info k7_hwmon_chip = {
	.ops = &k7_hwmon_ops,
	.info = k7_hwmon_info,
};

static void k7_hwmon_free(struct k7_hwmon *hwmon)
{
	if (!hwmon)
		return;
	kfree(hwmon->reply);
	kfree(hwmon);
}

static struct k7_hwmon *k7_hwmon_alloc(struct k7_device *k7)
{
	struct k7_hwmon *hwmon = kzalloc(sizeof(*hwmon), GFP_KERNEL);

	if (!hwmon)
		return NULL;
	hwmon->k7 = k7;
	mutex_init(&hwmon->lock);
	hwmon->reply = kzalloc(K7_MB_DATA_BYTES, GFP_KERNEL);
	if (hwmon->reply)
		return hwmon;
	kfree(hwmon);
	return NULL;
}

static bool k7_hwmon_has_sensors(const struct k7_hwmon *hwmon)
{
	return hwmon->values[K7_SENSOR_TEMPERATURE] || hwmon->values[K7_SENSOR_CORE] ||
	       hwmon->values[K7_SENSOR_BATTERY];
}

/* Return: 0; -ENODEV when there is nothing to measure. */
static int k7_hwmon_register(struct k7_hwmon *hwmon)
{
	int err;

	scoped_guard(mutex, &hwmon->lock)
		err = k7_hwmon_query(hwmon);
	if (err)
		return err;
	if (!k7_hwmon_has_sensors(hwmon))
		return -ENODEV;
	/* Below the PCI function, whose address tells monitoring tools one card from another. */
	hwmon->dev = hwmon_device_register_with_info(&hwmon->k7->pdev->dev, K7_NAME, hwmon,
						     &k7_hwmon_chip, NULL);
	return PTR_ERR_OR_ZERO(hwmon->dev);
}

/**
 * k7_hwmon_add - show the card's sensors, if it has any
 * @k7:		card
 *
 * Which sensors there are is asked once. A card that does not answer now has none
 * until the driver is bound anew; it is no error of the card's use.
 */
void k7_hwmon_add(struct k7_device *k7)
{
	struct k7_hwmon *hwmon = k7_hwmon_alloc(k7);
	int err = hwmon ? k7_hwmon_register(hwmon) : -ENOMEM;

	if (!err) {
		k7->hwmon = hwmon;
		return;
	}
	if (err != -ENODEV)
		dev_warn(&k7->dev, "no sensors: %d\n", err);
	k7_hwmon_free(hwmon);
}

/* Waits for readers; an open file reads as ENODEV from then on. */
void k7_hwmon_remove(struct k7_device *k7)
{
	if (!k7->hwmon)
		return;
	hwmon_device_unregister(k7->hwmon->dev);
	k7_hwmon_free(k7->hwmon);
	k7->hwmon = NULL;
}
