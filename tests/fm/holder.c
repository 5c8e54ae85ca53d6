/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * holder: makes and opens /shared/held while it starts, then fails to start if there is a file /shared/fail.
 * FM ID a0e4. Any request: faults, with the file open.
 */
#include "text.h"

DEFINE_FM_HEADER(0xa0e4, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "holder");

static volatile uint32_t *nothing;

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    (void)token, (void)request, (void)length;
    *nothing = 1;
}

FM_RV Startup(void)
{
    SMFS_HANDLE file;
    SmFsAttr attr;
    SmFsCreateFile("/shared/held", 16);
    if (SmFsOpenFile(&file, "/shared/held") != SMFS_OK)
        return 8;
    if (SmFsGetFileAttr("/shared/fail", &attr) == SMFS_OK)
        return 7;
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
