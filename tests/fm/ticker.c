/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ticker: counts how often its timers come. FM ID a0e2. Requests:
 *   start TIMER FIRST PERIOD   starts one; "started" and 0, or the status of FMTimerStart
 *   stop TIMER                 stops it; "stopped" and 0, or the status
 *   count                      how often each has come, as in "3 0 0 0 0 0 0 0"
 *   fault, loop                timer 7 comes in 20 ms, and writes to address 0, or never returns
 * The handler leaves a line "tick TIMER" in the FM log. In it there is no message to reply to.
 */
#include "text.h"
#include <stdlib.h>

DEFINE_FM_HEADER(0xa0e2, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "ticker");

static uint32_t counts[FM_TIMERS_MAX];

static void on_timer(uint32_t timer)
{
    counts[timer]++;
    FMDebugPrintf("tick %lu", (unsigned long)timer);
    if (SVC_SendReply(1, 0) == FMSW_OK)
        FMAbort("a reply without a message");
}

__attribute__((noinline)) static void fault_in_timer(uint32_t timer)
{
    *(volatile uint32_t *)0 = timer;
}

static void loop_in_timer(uint32_t timer)
{
    for (;;)
        ((volatile uint32_t *)counts)[timer]++;
}

static FMSW_STATUS start(const char *text)
{
    char *end;
    uint32_t timer = strtoul(text, &end, 10);
    uint32_t first = strtoul(end, &end, 10);
    return FMTimerStart(timer, first, strtoul(end, &end, 10), on_timer);
}

static void reply_counts(HI_MsgHandle token)
{
    char text[TEXT_MAX] = "";
    size_t length = 0;
    for (unsigned i = 0; i < FM_TIMERS_MAX; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%lu", i == 0 ? "" : " ", (unsigned long)counts[i]);
    reply_text(token, FMSW_OK, text);
}

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    char text[TEXT_MAX];
    request_text(request, length, text);
    if (strncmp(text, "start ", 6) == 0)
        reply_text(token, start(text + 6), "started");
    else if (strncmp(text, "stop ", 5) == 0)
        reply_text(token, FMTimerStop(strtoul(text + 5, NULL, 10)), "stopped");
    else if (strcmp(text, "count") == 0)
        reply_counts(token);
    else if (strcmp(text, "fault") == 0)
        reply_text(token, FMTimerStart(7, 20, 0, fault_in_timer), "wait for it");
    else if (strcmp(text, "loop") == 0)
        reply_text(token, FMTimerStart(7, 20, 0, loop_in_timer), "wait for it");
    else
        reply_text(token, STATUS_BAD_REQUEST, "start, stop, count, fault, loop");
}

FMSW_STATUS Startup(void)
{
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
