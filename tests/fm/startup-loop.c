/* SPDX-License-Identifier: GPL-2.0-or-later */
/* startup-loop: never comes back from its start-up; stopped by the budget in loop_at_startup. FM ID a0f3. */
#include <fm/fm.h>

DEFINE_FM_HEADER(0xa0f3, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "startup-loop");

static __attribute__((noinline)) void loop_at_startup(void)
{
    for (;;)
        __asm__ volatile("");
}

FM_RV Startup(void)
{
    loop_at_startup();
    return FM_OK;
}
