/* SPDX-License-Identifier: GPL-2.0-or-later */
/* startup-abort: gives up by itself while it starts; pc lies in FMAbort, called by Startup. FM ID a0f4. */
#include <fm/fm.h>

DEFINE_FM_HEADER(0xa0f4, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "startup-abort");

FM_RV Startup(void)
{
    FMAbort("start-up aborts");
}
