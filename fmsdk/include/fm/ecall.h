/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fm/ecall.h
 * The instruction below every service: `ecall` with the number in a7. FMs use the functions of the other headers;
 * this one is for the SDK itself and for tests that call services in ways the functions do not allow.
 */
#ifndef FM_ECALL_H
#define FM_ECALL_H

#include <k7/fm_abi.h>
#include <stdint.h>

/** Call service @p number (K7_FM_SVC_*) with its five arguments; pass 0 for those that it does not have. */
static inline uint32_t fm_ecall(uint32_t number, uint32_t arg0, uint32_t arg1, uint32_t arg2, uint32_t arg3,
                                uint32_t arg4)
{
    register uint32_t a0 __asm__("a0") = arg0;
    register uint32_t a1 __asm__("a1") = arg1;
    register uint32_t a2 __asm__("a2") = arg2;
    register uint32_t a3 __asm__("a3") = arg3;
    register uint32_t a4 __asm__("a4") = arg4;
    register uint32_t a7 __asm__("a7") = number;
    /* The service may read and write the FM's memory through its arguments, hence the memory clobber. */
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7) : "memory");
    return a0;
}

/** An address as a service argument. */
static inline uint32_t fm_address(const volatile void *pointer)
{
    return (uint32_t)(uintptr_t)pointer;
}

#endif
