/* SPDX-License-Identifier: GPL-2.0-or-later */
/* startup-fault: writes through a null pointer while it starts, in fault_at_startup. FM ID a0f1. Takes no request. */
#include <fm/fm.h>

DEFINE_FM_HEADER(0xa0f1, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "startup-fault");

static volatile uint32_t *nothing;

static __attribute__((noinline)) void fault_at_startup(void)
{
    *nothing = 1;
}

FM_RV Startup(void)
{
    fault_at_startup();
    return FM_OK;
}
