/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo: replies the request. The smallest FM, and the one to measure a call with.
 *
 *     mkfm cert -k dev.key -c dev.crt                 once: a signing key and its certificate
 *     make && mkfm -f obj/echo.elf -o echo.fm -k dev.key -c dev.crt
 *     ctfm load -f echo.fm -c dev.crt && k7reset
 *     fmcall a000 --text hello                        replies: hello
 */
#include <fm/fm.h>
#include <string.h>

DEFINE_FM_HEADER(0xa000, FM_MAKE_VERSION(1, 0), 1, "k7hsm samples", "echo");

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    void *reply = SVC_GetReplyBuffer(token, length);
    if (reply == NULL) {
        /* The host takes less than it sent. */
        SVC_SendReply(token, FMSW_BAD_LENGTH);
        return;
    }
    memcpy(reply, request, length);
    SVC_SendReply(token, 0);
}

FM_RV Startup(void)
{
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
