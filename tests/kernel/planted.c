// SPDX-License-Identifier: GPL-2.0-only
/*
 * A use after free. Never compiled: coccicheck has to report it, which shows that
 * it looked at the folder.
 */
#include <linux/slab.h>

struct planted {
	int value;
};

int planted_use_after_free(struct planted *planted);

int planted_use_after_free(struct planted *planted)
{
	kfree(planted);
	return planted->value;
}
