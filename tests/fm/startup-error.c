/* SPDX-License-Identifier: GPL-2.0-or-later */
/* startup-error: its start-up says 7, which is no fault but a failed start. FM ID a0f2. Takes no request. */
#include <fm/fm.h>

DEFINE_FM_HEADER(0xa0f2, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "startup-error");

FM_RV Startup(void)
{
    FMDebugPrintf("start-up gives up with 7");
    return 7;
}
