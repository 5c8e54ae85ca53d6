/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slow: runs as many instructions as asked for. FM ID a0fa.
 * Request: a decimal number N; a loop of N instructions (an even number) runs, then the reply is "ran N", status 0.
 * The call as a whole runs some hundred instructions more.
 */
#include "text.h"
#include <stdlib.h>

DEFINE_FM_HEADER(0xa0fa, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "slow");

static __attribute__((noinline)) void run_instructions(uint32_t count)
{
    uint32_t turns = count / 2;
    if (turns > 0)
        __asm__ volatile("1: addi %0, %0, -1\n bnez %0, 1b" : "+r"(turns));
}

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    char text[TEXT_MAX], *end;
    request_text(request, length, text);
    unsigned long count = strtoul(text, &end, 10);
    if (end == text || *end != '\0') {
        reply_text(token, STATUS_BAD_REQUEST, "a number of instructions");
        return;
    }
    run_instructions(count);
    snprintf(text, sizeof text, "ran %lu", count);
    reply_text(token, 0, text);
}

FM_RV Startup(void)
{
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
