/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving bytes. On an interpreted CPU each instruction counts, so aligned blocks go by words; the FM CPU faults on
 * misaligned access, so all else goes by bytes.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef uint32_t __attribute__((may_alias)) word_t;

static bool word_aligned(const void *left, const void *right)
{
    return (((uintptr_t)left | (uintptr_t)right) & (sizeof(word_t) - 1)) == 0;
}

static void copy_upwards(uint8_t *to, const uint8_t *from, size_t count)
{
    if (word_aligned(to, from)) {
        for (; count >= 4 * sizeof(word_t); count -= 4 * sizeof(word_t)) {
            const word_t *source = (const word_t *)(const void *)from;
            word_t *target = (word_t *)(void *)to;
            word_t first = source[0], second = source[1], third = source[2], fourth = source[3];
            target[0] = first, target[1] = second, target[2] = third, target[3] = fourth;
            from += 4 * sizeof(word_t);
            to += 4 * sizeof(word_t);
        }
        for (; count >= sizeof(word_t); count -= sizeof(word_t)) {
            *(word_t *)(void *)to = *(const word_t *)(const void *)from;
            from += sizeof(word_t);
            to += sizeof(word_t);
        }
    }
    while (count-- > 0)
        *to++ = *from++;
}

static void copy_downwards(uint8_t *to, const uint8_t *from, size_t count)
{
    while (count-- > 0)
        to[count] = from[count];
}

void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    copy_upwards(to, from, count);
    return to;
}

void *memmove(void *to, const void *from, size_t count)
{
    if ((uintptr_t)to - (uintptr_t)from >= count)
        copy_upwards(to, from, count);
    else
        copy_downwards(to, from, count);
    return to;
}

void *memset(void *to, int byte, size_t count)
{
    uint8_t *at = to;
    for (; count > 0 && !word_aligned(at, at); count--)
        *at++ = (uint8_t)byte;
    for (word_t pattern = (uint8_t)byte * 0x01010101u; count >= sizeof pattern; count -= sizeof pattern) {
        *(word_t *)(void *)at = pattern;
        at += sizeof pattern;
    }
    while (count-- > 0)
        *at++ = (uint8_t)byte;
    return to;
}

int memcmp(const void *left, const void *right, size_t count)
{
    const uint8_t *a = left, *b = right;
    for (; count > 0; count--, a++, b++)
        if (*a != *b)
            return *a < *b ? -1 : 1;
    return 0;
}

void *memchr(const void *where, int byte, size_t count)
{
    for (const uint8_t *at = where; count > 0; count--, at++)
        if (*at == (uint8_t)byte)
            return (void *)(uintptr_t)at;
    return NULL;
}

void memzero_explicit(void *where, size_t count)
{
    memset(where, 0, count);
    __asm__ volatile("" : : "r"(where) : "memory");
}

int memcmp_consttime(const void *left, const void *right, size_t count)
{
    const volatile uint8_t *a = left, *b = right;
    uint8_t difference = 0;
    for (size_t i = 0; i < count; i++)
        difference |= (uint8_t)(a[i] ^ b[i]);
    return difference;
}
