/* SPDX-License-Identifier: Apache-2.0 */
/* crashy 1.1: the bug sits in the start-up. Same FM ID, so it replaces crashy; the card then halts at every restart. */
#include <fm/header.h>

#define CRASHY_VERSION FM_MAKE_VERSION(1, 1)
#define CRASHY_KEEPS_AT_STARTUP 1
#define CRASHY_LOOKS_FIRST 0
#include "crashy.c"
