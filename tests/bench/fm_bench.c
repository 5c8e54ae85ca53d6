/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What only an FM does, for the benchmark of the FM CPU: service calls and an echo. Linked with fm_bench_work.c. The
 * benchmark calls these functions by their symbols.
 */
#include <stdint.h>

#include "k7/fm_abi.h"

__attribute__((section(".fm_header"), used)) static const uint8_t header[72] = "KFMH";

uint32_t services(uint32_t calls) {
    register uint32_t a0 __asm__("a0");
    register uint32_t a7 __asm__("a7") = K7_FM_SVC_GET_FMID;
    for (a0 = 0; calls-- != 0;)
        __asm__ volatile("ecall" : "+r"(a0) : "r"(a7) : "memory");
    return a0;
}

/* What an FM's message handler does at least: copies the request to the reply. */
uint32_t echo(const uint8_t *request, uint32_t length, uint8_t *reply) {
    for (uint32_t i = 0; i < length; ++i)
        reply[i] = request[i];
    return length;
}

uint32_t _start(void) { return 0; }
