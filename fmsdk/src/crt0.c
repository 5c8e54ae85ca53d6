/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ELF entry point. The card has set the stack pointer and the return address, data and bss are in place; what is
 * left are C++ constructors, and the FM's own start-up.
 */
#include <fm/types.h>

typedef void (*constructor_t)(void);

extern constructor_t __init_array_start[];
extern constructor_t __init_array_end[];

FM_RV _start(void);

FM_RV _start(void)
{
    for (constructor_t *constructor = __init_array_start; constructor != __init_array_end; constructor++)
        (*constructor)();
    return Startup();
}
