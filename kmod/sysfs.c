// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes of /sys/class/k7hsm/k7pfN: one value a file, from memory, so that
 * reading them never waits for the card.
 */
#include <linux/sysfs.h>

#include "regs.h"

static struct k7_device *k7_of(struct device *dev)
{
	return container_of(dev, struct k7_device, dev);
}

static ssize_t esn_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", k7_of(dev)->esn);
}
static DEVICE_ATTR_RO(esn);

static ssize_t k7_show_text(struct k7_device *k7, const char *text, size_t size, char *buf)
{
	guard(mutex)(&k7->identity_lock);
	return sysfs_emit(buf, "%.*s\n", (int)size, text);
}

static ssize_t model_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct k7_device *k7 = k7_of(dev);

	return k7_show_text(k7, k7->identity.model, sizeof(k7->identity.model), buf);
}
static DEVICE_ATTR_RO(model);

static ssize_t label_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct k7_device *k7 = k7_of(dev);

	return k7_show_text(k7, k7->identity.label, sizeof(k7->identity.label), buf);
}
static DEVICE_ATTR_RO(label);

static ssize_t k7_show_version(struct k7_device *k7, const __le32 *version, char *buf)
{
	u32 v;

	scoped_guard(mutex, &k7->identity_lock)
		v = le32_to_cpu(*version);
	return sysfs_emit(buf, "%u.%u.%u\n", v >> 16, (v >> 8) & 0xff, v & 0xff);
}

static ssize_t firmware_version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct k7_device *k7 = k7_of(dev);

	return k7_show_version(k7, &k7->identity.firmware_version, buf);
}
static DEVICE_ATTR_RO(firmware_version);

static ssize_t boot_loader_version_show(struct device *dev, struct device_attribute *attr,
					char *buf)
{
	struct k7_device *k7 = k7_of(dev);

	return k7_show_version(k7, &k7->identity.boot_loader_version, buf);
}
static DEVICE_ATTR_RO(boot_loader_version);

static ssize_t hardware_version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct k7_device *k7 = k7_of(dev);

	return k7_show_version(k7, &k7->identity.hardware_version, buf);
}
static DEVICE_ATTR_RO(hardware_version);

static ssize_t interface_version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 version = k7_of(dev)->interface_version;

	return sysfs_emit(buf, "%u.%u\n", K7_VERSION_GET_MAJOR(version), version & 0xffff);
}
static DEVICE_ATTR_RO(interface_version);

static ssize_t features_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "0x%08x\n", k7_of(dev)->features);
}
static DEVICE_ATTR_RO(features);

static ssize_t card_state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", k7_card_state_name(READ_ONCE(k7_of(dev)->card.state)));
}
static DEVICE_ATTR_RO(card_state);

static ssize_t reason_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", k7_card_reason_name(READ_ONCE(k7_of(dev)->card.state)));
}
static DEVICE_ATTR_RO(reason);

static ssize_t driver_state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", k7_state_name(k7_state(k7_of(dev))));
}
static DEVICE_ATTR_RO(driver_state);

static ssize_t generation_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(k7_of(dev)->card.generation));
}
static DEVICE_ATTR_RO(generation);

static ssize_t fault_sequence_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(k7_of(dev)->card.fault_sequence));
}
static DEVICE_ATTR_RO(fault_sequence);

static ssize_t rings_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", k7_of(dev)->ring_count);
}
static DEVICE_ATTR_RO(rings);

static ssize_t interrupts_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", k7_irq_kind(k7_of(dev)));
}
static DEVICE_ATTR_RO(interrupts);

static struct attribute *k7_attrs[] = {
	&dev_attr_esn.attr,
	&dev_attr_model.attr,
	&dev_attr_label.attr,
	&dev_attr_firmware_version.attr,
	&dev_attr_boot_loader_version.attr,
	&dev_attr_hardware_version.attr,
	&dev_attr_interface_version.attr,
	&dev_attr_features.attr,
	&dev_attr_card_state.attr,
	&dev_attr_reason.attr,
	&dev_attr_driver_state.attr,
	&dev_attr_generation.attr,
	&dev_attr_fault_sequence.attr,
	&dev_attr_rings.attr,
	&dev_attr_interrupts.attr,
	NULL,
};

static const struct attribute_group k7_group = {
	.attrs = k7_attrs,
};

#define K7_COUNTER_ATTR(_name)								\
static ssize_t _name##_show(struct device *dev, struct device_attribute *attr, char *buf)	\
{											\
	return sysfs_emit(buf, "%d\n", atomic_read(&k7_of(dev)->counters._name));	\
}											\
static DEVICE_ATTR_RO(_name);
K7_COUNTERS(K7_COUNTER_ATTR)

#define K7_COUNTER_ENTRY(_name)	&dev_attr_##_name.attr,
static struct attribute *k7_counter_attrs[] = {
	K7_COUNTERS(K7_COUNTER_ENTRY)
	NULL,
};

static const struct attribute_group k7_counter_group = {
	.name = "counters",
	.attrs = k7_counter_attrs,
};

const struct attribute_group *k7_groups[] = {
	&k7_group,
	&k7_counter_group,
	NULL,
};
