/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crashy: adds numbers and keeps results by name, with a bug, to see what a fault on the card looks like.
 *
 *     fmcall a002 --text hello            replies: hello from crashy 1.0
 *     fmcall a002 --text 'add 2 3'        replies: 5
 *     fmcall a002 --text crash            keeps a result under a name that has no slot: writes through a null pointer
 *     fmcall a002 --text 'crash wild'     writes through a stray pointer
 *     fmcall a002 --text 'crash code'     writes over its own code
 *     ctfm faults                         shows where, and who called
 *
 * Each of the three halts the card. crashy-startup.c has the same bug in its start-up: from then on every restart
 * halts, until `fmrecover --fm`. crashy-fixed.c looks before it writes: "crash" is answered with status 3.
 */
#include <fm/fm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef CRASHY_VERSION
#define CRASHY_VERSION FM_MAKE_VERSION(1, 0)
#define CRASHY_KEEPS_AT_STARTUP 0
#define CRASHY_LOOKS_FIRST 0
#endif

DEFINE_FM_HEADER(0xa002, CRASHY_VERSION, 1, "k7hsm samples", "crashy");

enum status { DONE = 0, BAD_REQUEST = 2, NO_SUCH_SLOT = 3 };

/* Calls are kept as calls, so that the backtrace in the fault report reads like the source. */
#define CALLED __attribute__((noinline))

struct slot {
    int32_t result;
    bool kept;
    const char *name;
};

static struct slot slots[] = {{.name = "sum"}, {.name = "product"}};

static CALLED struct slot *find_slot(const char *name)
{
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        if (strcmp(slots[i].name, name) == 0)
            return &slots[i];
    return NULL;
}

static CALLED void write_slot(struct slot *slot, int32_t result)
{
    slot->result = result;
    slot->kept = true;
}

/* Keep a result under a name. The bug: a name that has no slot gives a null pointer. */
static CALLED bool keep_result(const char *name, int32_t result)
{
    struct slot *slot = find_slot(name);
    if (CRASHY_LOOKS_FIRST && slot == NULL)
        return false;
    write_slot(slot, result);
    return true;
}

static void reply(HI_MsgHandle token, uint32_t status, const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    void *buffer = SVC_GetReplyBuffer(token, length);
    if (buffer != NULL)
        memcpy(buffer, text, length);
    SVC_SendReply(token, buffer != NULL ? status : FMSW_BAD_LENGTH);
}

static void hello(HI_MsgHandle token)
{
    char text[40];
    snprintf(text, sizeof text, "hello from crashy %u.%u", CRASHY_VERSION >> 8, CRASHY_VERSION & 0xffu);
    reply(token, DONE, text);
}

static void add(HI_MsgHandle token, const char *numbers)
{
    char text[16], *second, *end;
    int32_t sum = (int32_t)((uint32_t)strtol(numbers, &second, 10) + (uint32_t)strtol(second, &end, 10));
    if (second == numbers || end == second) {
        reply(token, BAD_REQUEST, "add needs two numbers");
        return;
    }
    keep_result("sum", sum);
    snprintf(text, sizeof text, "%ld", (long)sum);
    reply(token, DONE, text);
}

static CALLED void crash(HI_MsgHandle token, const char *how)
{
    if (!CRASHY_LOOKS_FIRST && strcmp(how, "wild") == 0)
        write_slot((struct slot *)0xdead0000, 1);
    if (!CRASHY_LOOKS_FIRST && strcmp(how, "code") == 0)
        write_slot((struct slot *)(uintptr_t)keep_result, 1);
    if (keep_result("quotient", 1))
        reply(token, DONE, "kept");
    else
        reply(token, NO_SUCH_SLOT, "nothing is kept under the name quotient");
}

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    char text[64];
    if (length >= sizeof text) {
        reply(token, BAD_REQUEST, "too long");
        return;
    }
    memcpy(text, request, length);
    text[length] = '\0';
    if (strcmp(text, "hello") == 0)
        hello(token);
    else if (strncmp(text, "add ", 4) == 0)
        add(token, text + 4);
    else if (strcmp(text, "crash") == 0 || strncmp(text, "crash ", 6) == 0)
        crash(token, text + strlen("crash") + (text[5] == ' '));
    else
        reply(token, BAD_REQUEST, "hello, add A B or crash [wild|code]");
}

FM_RV Startup(void)
{
    if (CRASHY_KEEPS_AT_STARTUP)
        keep_result("quotient", 0);
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
