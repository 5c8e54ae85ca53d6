/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What C++ compilers call by name: the operators new and delete over the FM's heap, and the ends that an FM never comes
 * to. The names are those of the Itanium C++ ABI, in which size_t of this CPU is 'j'.
 */
#include <fm/debug.h>
#include <stdlib.h>

void *fm_new(size_t size) __asm__("_Znwj");
void *fm_new_array(size_t size) __asm__("_Znaj");
void fm_delete(void *memory) __asm__("_ZdlPv");
void fm_delete_array(void *memory) __asm__("_ZdaPv");
void fm_delete_sized(void *memory, size_t size) __asm__("_ZdlPvj");
void fm_delete_array_sized(void *memory, size_t size) __asm__("_ZdaPvj");
void __cxa_pure_virtual(void);
int __cxa_atexit(void (*function)(void *), void *argument, void *module);

void *__dso_handle = NULL;

/* There are no exceptions, so new either succeeds or gives up. Who wants to go on without memory uses malloc(). */
void *fm_new(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL)
        FMAbort("operator new: the heap is full");
    return memory;
}

void *fm_new_array(size_t size)
{
    return fm_new(size);
}

void fm_delete(void *memory)
{
    free(memory);
}

void fm_delete_array(void *memory)
{
    free(memory);
}

void fm_delete_sized(void *memory, size_t size)
{
    (void)size;
    free(memory);
}

void fm_delete_array_sized(void *memory, size_t size)
{
    (void)size;
    free(memory);
}

void __cxa_pure_virtual(void)
{
    FMAbort("a pure virtual function was called");
}

/* Destructors of static objects: an FM ends with its card, and then its memory is wiped. */
int __cxa_atexit(void (*function)(void *), void *argument, void *module)
{
    (void)function, (void)argument, (void)module;
    return 0;
}
