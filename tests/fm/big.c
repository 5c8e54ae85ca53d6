/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * big: uses nearly all the memory that one FM may have. FM ID a0f8. Any request fills the memory with a pattern, reads
 * it back and replies "filled N bytes", status 0; or "differs at N", status 1.
 * toobig.c is the same with a page more than allowed: no card takes it.
 */
#include "text.h"

#ifndef BIG_SIZE
/* Leaves 64 KiB of the quota for code and constants. */
#define BIG_SIZE (K7_FM_MEMORY_MAX - 0x10000u)
DEFINE_FM_HEADER(0xa0f8, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "big");
#endif

static uint32_t memory[BIG_SIZE / sizeof(uint32_t)];

static uint32_t pattern(size_t index)
{
    return (uint32_t)index * 2654435761u;
}

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    (void)request, (void)length;
    char text[TEXT_MAX];
    size_t count = sizeof memory / sizeof *memory, same = 0;
    for (size_t i = 0; i < count; i++)
        memory[i] = pattern(i);
    __asm__ volatile("" : : "r"(memory) : "memory");
    while (same < count && memory[same] == pattern(same))
        same++;
    snprintf(text, sizeof text, same == count ? "filled %u bytes" : "differs at %u", (unsigned)(same * sizeof *memory));
    reply_text(token, same != count, text);
}

FM_RV Startup(void)
{
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
