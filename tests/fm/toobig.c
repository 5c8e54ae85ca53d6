/* SPDX-License-Identifier: GPL-2.0-or-later */
/* toobig: needs more memory than an FM may have, so mkfm and the card refuse it. FM ID a0f9. */
#include "text.h"

#define BIG_SIZE (K7_FM_MEMORY_MAX + K7_FM_PAGE)
DEFINE_FM_HEADER(0xa0f9, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "toobig");
#include "big.c"
