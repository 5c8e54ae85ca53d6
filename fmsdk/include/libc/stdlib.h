/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file stdlib.h
 * The part of <stdlib.h> that the FM SDK has.
 */
#ifndef FM_LIBC_STDLIB_H
#define FM_LIBC_STDLIB_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Memory from the FM's heap (K7_FM_HEAP_SIZE bytes), aligned to 8. Blocks live until free() or the next firmware
 * start. free() wipes what it takes back; freeing twice, or a damaged heap, aborts the FM.
 */
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void free(void *block);

/** Numbers from text; a base of 0 takes 0x and 0 prefixes. Out of range gives the nearest value; there is no errno. */
long strtol(const char *text, char **end, int base);
unsigned long strtoul(const char *text, char **end, int base);
int atoi(const char *text);

/** As FMAbort("abort() called"): halts the card. */
void abort(void) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif
