/* SPDX-License-Identifier: Apache-2.0 */
/*
 * malloc over the FM's heap region: one list of blocks in address order, first fit, neighbours merged when freed.
 * Every block carries a mark, so that a wrong or second free, or a write beyond a block, is found where it happens.
 */
#include <fm/debug.h>
#include <k7/fm_abi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MARK_USED 0x75736564u
#define MARK_FREE 0x66726565u

/* Sits before the memory that it describes; its size is a multiple of the alignment of 8. */
struct block {
    uint32_t mark;
    uint32_t size; /* bytes that follow this */
};

#define HEAP_END (K7_FM_HEAP_BASE + K7_FM_HEAP_SIZE)

/* No free block lies below this one: many small blocks in use are not walked again and again. NULL: not begun. */
static struct block *lowest;

static void begin(void)
{
    if (lowest != NULL)
        return;
    lowest = (struct block *)(uintptr_t)K7_FM_HEAP_BASE;
    *lowest = (struct block){.mark = MARK_FREE, .size = K7_FM_HEAP_SIZE - sizeof *lowest};
}

/* The block behind this one, NULL behind the last. */
static struct block *next_block(struct block *block)
{
    if ((block->mark != MARK_USED && block->mark != MARK_FREE) ||
        block->size > HEAP_END - (uint32_t)(uintptr_t)block - sizeof *block)
        FMAbort("heap damaged: a write went beyond its block");
    uintptr_t next = (uintptr_t)(block + 1) + block->size;
    return next < HEAP_END ? (struct block *)next : NULL;
}

static void split(struct block *block, uint32_t size)
{
    if (block->size < size + 2 * sizeof *block)
        return;
    struct block *rest = (struct block *)(void *)((uint8_t *)(block + 1) + size);
    *rest = (struct block){.mark = MARK_FREE, .size = block->size - size - (uint32_t)sizeof *rest};
    block->size = size;
}

void *malloc(size_t size)
{
    if (size > K7_FM_HEAP_SIZE)
        return NULL;
    begin();
    uint32_t rounded = ((uint32_t)size + 7u) & ~7u;
    bool any_free = false;
    for (struct block *block = lowest; block != NULL; block = next_block(block)) {
        if (block->mark != MARK_FREE)
            continue;
        if (!any_free)
            lowest = block;
        any_free = true;
        if (block->size < rounded)
            continue;
        split(block, rounded);
        block->mark = MARK_USED;
        return block + 1;
    }
    return NULL;
}

/* Merges the block, which has become free, with the free ones around it. */
static void merge_with_neighbours(const struct block *freed)
{
    struct block *block = lowest;
    while (block <= freed) {
        struct block *next = next_block(block);
        if (next == NULL)
            return;
        if (block->mark == MARK_FREE && next->mark == MARK_FREE) {
            block->size += (uint32_t)sizeof *next + next->size;
            memset(next, 0, sizeof *next);
        } else {
            block = next;
        }
    }
}

static struct block *block_of(void *memory)
{
    struct block *block = (struct block *)memory - 1;
    if ((uintptr_t)memory < K7_FM_HEAP_BASE + sizeof *block || (uintptr_t)memory > HEAP_END ||
        block->mark != MARK_USED)
        FMAbort("free() or realloc() of what malloc() did not give, or gave back already");
    return block;
}

void free(void *memory)
{
    if (memory == NULL)
        return;
    struct block *block = block_of(memory);
    next_block(block);
    memset(memory, 0, block->size);
    block->mark = MARK_FREE;
    if (block < lowest)
        lowest = block;
    merge_with_neighbours(block);
}

void *calloc(size_t count, size_t size)
{
    if (size != 0 && count > K7_FM_HEAP_SIZE / size)
        return NULL;
    void *memory = malloc(count * size);
    if (memory != NULL)
        memset(memory, 0, count * size);
    return memory;
}

void *realloc(void *memory, size_t size)
{
    if (memory == NULL)
        return malloc(size);
    struct block *block = block_of(memory);
    if (size <= block->size)
        return memory;
    void *grown = malloc(size);
    if (grown != NULL) {
        memcpy(grown, memory, block->size);
        free(memory);
    }
    return grown;
}
