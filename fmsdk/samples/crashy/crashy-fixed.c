/* SPDX-License-Identifier: Apache-2.0 */
/* crashy 1.2: looks before it writes. Same FM ID, so it replaces the broken versions. */
#include <fm/header.h>

#define CRASHY_VERSION FM_MAKE_VERSION(1, 2)
#define CRASHY_KEEPS_AT_STARTUP 0
#define CRASHY_LOOKS_FIRST 1
#include "crashy.c"
