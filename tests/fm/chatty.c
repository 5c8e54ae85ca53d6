/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chatty: says as many lines as it is asked for. FM ID a0fe.
 * Request: a decimal number N. Logs `chatty starts` at its start, then in a call `line 1` to `line N`; replies `said N`.
 */
#include "text.h"

#include <stdlib.h>

DEFINE_FM_HEADER(0xa0fe, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "chatty");

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    char text[TEXT_MAX];
    request_text(request, length, text);
    unsigned long lines = strtoul(text, NULL, 10);
    if (lines == 0) {
        reply_text(token, STATUS_BAD_REQUEST, "a number of lines");
        return;
    }
    for (unsigned long line = 1; line <= lines; line++)
        FMDebugPrintf("line %lu", line);
    snprintf(text, sizeof text, "said %lu", lines);
    reply_text(token, 0, text);
}

FM_RV Startup(void)
{
    FMDebugPrintf("chatty starts");
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
