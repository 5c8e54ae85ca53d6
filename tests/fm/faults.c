/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * faults: does the one wrong thing that the request names. FM ID a0f0.
 *
 * Request: a name of the table at the end, for instance "null-write". What "some-name" does is in fault_some_name,
 * and that function is in the report: as its symbol, as the caller where the fault is a jump, or below FMAbort in the
 * backtrace where the FM gives up by itself. tests/fm/README.md lists the causes.
 * "none" does nothing wrong and replies "alive". An unknown name is answered with status 2.
 */
#include "text.h"
#include <assert.h>
#include <fm/crypto.h>
#include <fm/ecall.h>
#include <stdlib.h>

DEFINE_FM_HEADER(0xa0f0, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "faults");

#define FAULT static __attribute__((noinline))

/* An address that the compiler knows nothing about, so that it cannot reason about the access. */
static uintptr_t opaque(uintptr_t address)
{
    __asm__ volatile("" : "+r"(address));
    return address;
}

static void store8(uintptr_t address)
{
    *(volatile uint8_t *)opaque(address) = 0x5a;
}

static void store32(uintptr_t address)
{
    *(volatile uint32_t *)opaque(address) = 0x5a5a5a5a;
}

static uint32_t load8(uintptr_t address)
{
    return *(volatile uint8_t *)opaque(address);
}

static uint32_t load32(uintptr_t address)
{
    return *(volatile uint32_t *)opaque(address);
}

static void call(uintptr_t address)
{
    ((void (*)(void))opaque(address))();
}

static volatile uint32_t variable[4] = {1, 2, 3, 4};
static const uint32_t constant[4] = {1, 2, 3, 4};

/* The helpers above are small and static: they are inlined, so pc lies in the fault function itself. */
FAULT void fault_null_write(void) { store32(0); }
FAULT void fault_null_read(void) { load32(0); }
FAULT void fault_null_field(void) { store32(0xffc); }
FAULT void fault_wild_write(void) { store32(0xdead0000); }
FAULT void fault_wild_read(void) { load32(0xdead0000); }
FAULT void fault_high_read(void) { load32(0xfffffffc); }
FAULT void fault_space_end(void) { load32(K7_FM_SPACE); }
FAULT void fault_code_write(void) { store32((uintptr_t)fault_code_write); }
FAULT void fault_constant_write(void) { store32((uintptr_t)constant); }
FAULT void fault_header_write(void) { store32(K7_FM_IMAGE_BASE); }
FAULT void fault_request_write(void) { store32(K7_FM_REQUEST_BASE); }

FAULT void fault_call_data(void) { call((uintptr_t)variable); }
FAULT void fault_call_constant(void) { call((uintptr_t)constant); }
FAULT void fault_call_null(void) { call(0); }
FAULT void fault_call_wild(void) { call(0xdead0000); }
FAULT void fault_call_stack(void)
{
    uint32_t code[4] = {0x00008067, 0x00008067, 0x00008067, 0x00008067};
    call((uintptr_t)code);
}
/* Code that an FM makes at run time: there is no memory to run it from. */
static inline __attribute__((always_inline)) void call_made_code(uintptr_t address)
{
    static const uint32_t code[2] = {0x00000513, 0x00008067}; /* li a0, 0; ret */
    memcpy((void *)opaque(address), code, sizeof code);
    call(address);
}
FAULT void fault_call_heap(void) { call_made_code(K7_FM_HEAP_BASE + 0x100); }
FAULT void fault_call_reply(void) { call_made_code(K7_FM_REPLY_BASE); }
FAULT void fault_call_request(void) { call(K7_FM_REQUEST_BASE); }
FAULT void fault_call_header(void) { call(K7_FM_IMAGE_BASE); }
FAULT void fault_call_misaligned(void) { call((uintptr_t)fault_call_misaligned + 2); }

FAULT void fault_load_word_misaligned(void) { load32((uintptr_t)variable + 2); }
FAULT void fault_load_half_misaligned(void) { (void)*(volatile uint16_t *)opaque((uintptr_t)variable + 1); }
FAULT void fault_store_word_misaligned(void) { store32((uintptr_t)variable + 1); }
FAULT void fault_store_half_misaligned(void) { *(volatile uint16_t *)opaque((uintptr_t)variable + 3) = 1; }

FAULT void fault_illegal(void) { __asm__ volatile(".word 0xffffffff"); }
FAULT void fault_illegal_zero(void) { __asm__ volatile(".word 0"); }
FAULT void fault_illegal_csr(void) { __asm__ volatile(".word 0xc0002573"); /* rdcycle a0 */ }
FAULT void fault_illegal_float(void) { __asm__ volatile(".word 0x00107053"); /* fadd.s f0, f0, f1 */ }
FAULT void fault_illegal_atomic(void) { __asm__ volatile(".word 0x0005252f"); /* amoadd.w a0, x0, (a0) */ }
FAULT void fault_breakpoint(void) { __asm__ volatile("ebreak"); }
FAULT void fault_bad_service(void) { fm_ecall(9999, 0, 0, 0, 0, 0); }
FAULT void fault_bad_service_high(void) { fm_ecall(0xffffffff, 0, 0, 0, 0, 0); }

/* Byte by byte over the end of what is mapped, as a loop with a wrong bound does. */
FAULT void fault_heap_overrun(void)
{
    for (uintptr_t at = K7_FM_HEAP_BASE;; at++)
        store8(at);
}
FAULT void fault_heap_underrun(void)
{
    for (uintptr_t at = K7_FM_HEAP_BASE + 16;; at--)
        store8(at);
}
FAULT void fault_data_overrun(void)
{
    for (uintptr_t at = (uintptr_t)variable;; at++)
        store8(at);
}
FAULT void fault_data_underrun(void)
{
    for (uintptr_t at = (uintptr_t)variable;; at--)
        store8(at);
}
FAULT void fault_request_overrun(void)
{
    for (uintptr_t at = K7_FM_REQUEST_BASE;; at++)
        load8(at);
}
FAULT void fault_request_underrun(void) { load8(K7_FM_REQUEST_BASE - 1); }
FAULT void fault_reply_overrun(void)
{
    for (uintptr_t at = K7_FM_REPLY_BASE;; at++)
        store8(at);
}
FAULT void fault_reply_underrun(void) { store8(K7_FM_REPLY_BASE - 1); }
FAULT void fault_stack_underrun(void) { load32(K7_FM_STACK_TOP); }

/* A frame of 512 bytes per call, none of which the compiler may leave out. */
FAULT uint32_t fault_stack_overflow(uint32_t depth)
{
    volatile uint32_t frame[128];
    frame[depth & 127] = depth;
    if (opaque(depth) == UINT32_MAX)
        return 0;
    uint32_t deeper = fault_stack_overflow(depth + 1);
    return deeper + frame[(depth + 1) & 127];
}
static void start_stack_overflow(void) { variable[0] = fault_stack_overflow(0); }

/* One leap over the stack's guard, to where nothing is mapped. */
FAULT void fault_stack_leap(void) { store32(K7_FM_STACK_TOP - K7_FM_STACK_SIZE - K7_FM_STACK_GUARD - 16); }
FAULT void fault_stack_pointer_null(void) { __asm__ volatile("li sp, 0\n sw ra, -4(sp)"); }
FAULT void fault_stack_pointer_wild(void) { __asm__ volatile("li sp, 0x40000000\n sw ra, -4(sp)"); }

/* Waits for a time that never comes: asking for the time costs instructions too. */
FAULT void fault_time_loop(void)
{
    uint64_t now = 0;
    do
        fm_ecall(K7_FM_SVC_MONOTONIC, fm_address(&now), 0, 0, 0, 0);
    while (now != 0);
}
FAULT void fault_random_loop(void)
{
    uint32_t word;
    do
        fm_ecall(K7_FM_SVC_RANDOM, fm_address(&word), sizeof word, 0, 0, 0);
    while (opaque(1) != 0);
}
/* Few instructions, but much that the card does for them. */
FAULT void fault_hash_loop(void)
{
    static uint8_t data[65536], digest[32];
    do
        fm_ecall(K7_FM_SVC_SHA256, fm_address(data), sizeof data, fm_address(digest), 0, 0);
    while (opaque(1) != 0);
}
FAULT void fault_write_loop(void)
{
    uint32_t handle = 0;
    fm_ecall(K7_FM_SVC_SMFS_CREATE_FILE, fm_address("/loop"), sizeof handle, 0, 0, 0);
    fm_ecall(K7_FM_SVC_SMFS_OPEN, fm_address("/loop"), fm_address(&handle), 0, 0, 0);
    do
        fm_ecall(K7_FM_SVC_SMFS_WRITE, handle, 0, fm_address(&handle), sizeof handle, 0);
    while (opaque(1) != 0);
}
FAULT void fault_endless_loop(void)
{
    for (;;)
        __asm__ volatile("");
}

FAULT void fault_abort(void) { abort(); }
FAULT void fault_assert(void)
{
    uint32_t two = opaque(2);
    assert(two == 3);
}
FAULT void fault_fm_abort(void) { FMAbort("the test asked for it"); }
FAULT void fault_free_twice(void)
{
    char *block = malloc(24);
    free(block);
    free((void *)opaque((uintptr_t)block));
}
FAULT void fault_heap_damage(void)
{
    char *first = malloc(24), *second = malloc(24);
    memset((void *)opaque((uintptr_t)first), 0xff, 40);
    free(second);
}

/* A test finds the mark in the core, and by what follows it the handle that must not be there. */
static volatile uint32_t handle_after_mark[3];
FAULT void fault_with_key(void)
{
    uint8_t material[32];
    FM_KEY key = 0;
    for (unsigned i = 0; i < sizeof material; i++)
        ((volatile uint8_t *)material)[i] = (uint8_t)(7 * i + 3);
    FMKeyImport(&key, FM_KEY_AES, 0, material, sizeof material);
    memzero_explicit(material, sizeof material);
    handle_after_mark[0] = 0x6d61726b;
    handle_after_mark[1] = ~key;
    handle_after_mark[2] = key;
    store8(key); /* in a register, and as the address */
}

static const struct fault {
    const char *name;
    void (*run)(void);
} faults[] = {
    {"null-write", fault_null_write},
    {"with-key", fault_with_key},
    {"null-read", fault_null_read},
    {"null-field", fault_null_field},
    {"wild-write", fault_wild_write},
    {"wild-read", fault_wild_read},
    {"high-read", fault_high_read},
    {"space-end", fault_space_end},
    {"code-write", fault_code_write},
    {"constant-write", fault_constant_write},
    {"header-write", fault_header_write},
    {"request-write", fault_request_write},
    {"call-data", fault_call_data},
    {"call-constant", fault_call_constant},
    {"call-null", fault_call_null},
    {"call-wild", fault_call_wild},
    {"call-stack", fault_call_stack},
    {"call-heap", fault_call_heap},
    {"call-reply", fault_call_reply},
    {"call-request", fault_call_request},
    {"call-header", fault_call_header},
    {"call-misaligned", fault_call_misaligned},
    {"load-word-misaligned", fault_load_word_misaligned},
    {"load-half-misaligned", fault_load_half_misaligned},
    {"store-word-misaligned", fault_store_word_misaligned},
    {"store-half-misaligned", fault_store_half_misaligned},
    {"illegal", fault_illegal},
    {"illegal-zero", fault_illegal_zero},
    {"illegal-csr", fault_illegal_csr},
    {"illegal-float", fault_illegal_float},
    {"illegal-atomic", fault_illegal_atomic},
    {"breakpoint", fault_breakpoint},
    {"bad-service", fault_bad_service},
    {"bad-service-high", fault_bad_service_high},
    {"heap-overrun", fault_heap_overrun},
    {"heap-underrun", fault_heap_underrun},
    {"data-overrun", fault_data_overrun},
    {"data-underrun", fault_data_underrun},
    {"request-overrun", fault_request_overrun},
    {"request-underrun", fault_request_underrun},
    {"reply-overrun", fault_reply_overrun},
    {"reply-underrun", fault_reply_underrun},
    {"stack-underrun", fault_stack_underrun},
    {"stack-overflow", start_stack_overflow},
    {"stack-leap", fault_stack_leap},
    {"stack-pointer-null", fault_stack_pointer_null},
    {"stack-pointer-wild", fault_stack_pointer_wild},
    {"time-loop", fault_time_loop},
    {"random-loop", fault_random_loop},
    {"hash-loop", fault_hash_loop},
    {"write-loop", fault_write_loop},
    {"endless-loop", fault_endless_loop},
    {"abort", fault_abort},
    {"assert", fault_assert},
    {"fm-abort", fault_fm_abort},
    {"free-twice", fault_free_twice},
    {"heap-damage", fault_heap_damage},
};

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    char name[TEXT_MAX];
    request_text(request, length, name);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (strcmp(faults[i].name, name) == 0)
            faults[i].run();
    if (strcmp(name, "none") == 0)
        reply_text(token, 0, "alive");
    else
        reply_text(token, STATUS_BAD_REQUEST, name);
}

FM_RV Startup(void)
{
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
