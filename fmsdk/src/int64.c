/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64-bit arithmetic that RV32IM has no instruction for and that compilers call by these names (the libgcc interface).
 * The SDK has its own so that an FM links with clang too, which has no such library for this CPU.
 */
#include <stdbool.h>
#include <stdint.h>

uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *remainder);
uint64_t __udivdi3(uint64_t dividend, uint64_t divisor);
uint64_t __umoddi3(uint64_t dividend, uint64_t divisor);
int64_t __divdi3(int64_t dividend, int64_t divisor);
int64_t __moddi3(int64_t dividend, int64_t divisor);
uint64_t __ashldi3(uint64_t value, int count);
uint64_t __lshrdi3(uint64_t value, int count);
int64_t __ashrdi3(int64_t value, int count);

/* The halves of a 64-bit number, so that no helper here compiles into a call to itself. */
union halves {
    uint64_t whole;
    struct {
        uint32_t low, high;
    } half;
};

/* Schoolbook division, one bit at a time; dividend bits move up into rest while quotient bits follow them. */
static uint64_t divide_by_bits(uint64_t dividend, uint64_t divisor, uint64_t *remainder)
{
    uint64_t rest = 0;
    for (int bit = 0; bit < 64; bit++) {
        bool carry = rest >> 63;
        rest = rest << 1 | dividend >> 63;
        dividend <<= 1;
        if (carry || rest >= divisor) {
            rest -= divisor;
            dividend |= 1;
        }
    }
    *remainder = rest;
    return dividend;
}

uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *remainder)
{
    union halves n = {.whole = dividend}, d = {.whole = divisor};
    /* Most divisions in practice fit the CPU's own instruction. Division by 0 gives what RISC-V gives: all ones. */
    if (n.half.high == 0 && d.half.high == 0 && d.half.low != 0) {
        *remainder = n.half.low % d.half.low;
        return n.half.low / d.half.low;
    }
    if (divisor == 0) {
        *remainder = dividend;
        return UINT64_MAX;
    }
    return divide_by_bits(dividend, divisor, remainder);
}

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor)
{
    uint64_t remainder;
    return __udivmoddi4(dividend, divisor, &remainder);
}

uint64_t __umoddi3(uint64_t dividend, uint64_t divisor)
{
    uint64_t remainder;
    __udivmoddi4(dividend, divisor, &remainder);
    return remainder;
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

int64_t __divdi3(int64_t dividend, int64_t divisor)
{
    if (divisor == 0)
        return -1;
    uint64_t quotient = __udivdi3(magnitude(dividend), magnitude(divisor));
    return (int64_t)((dividend < 0) != (divisor < 0) ? 0 - quotient : quotient);
}

int64_t __moddi3(int64_t dividend, int64_t divisor)
{
    uint64_t remainder = __umoddi3(magnitude(dividend), magnitude(divisor));
    return (int64_t)(dividend < 0 ? 0 - remainder : remainder);
}

static uint64_t join(uint32_t high, uint32_t low)
{
    return (union halves){.half = {.low = low, .high = high}}.whole;
}

uint64_t __ashldi3(uint64_t value, int count)
{
    union halves v = {.whole = value};
    if (count == 0)
        return value;
    if (count & 32)
        return join(v.half.low << (count & 31), 0);
    return join(v.half.high << count | v.half.low >> (32 - count), v.half.low << count);
}

uint64_t __lshrdi3(uint64_t value, int count)
{
    union halves v = {.whole = value};
    if (count == 0)
        return value;
    if (count & 32)
        return join(0, v.half.high >> (count & 31));
    return join(v.half.high >> count, v.half.low >> count | v.half.high << (32 - count));
}

int64_t __ashrdi3(int64_t value, int count)
{
    uint64_t shifted = __lshrdi3((uint64_t)value, count);
    uint64_t sign = value < 0 && count != 0 ? __ashldi3(UINT64_MAX, 64 - count) : 0;
    return (int64_t)(shifted | sign);
}
