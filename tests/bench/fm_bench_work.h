/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests/bench/fm_bench_work.c does. */
#ifndef K7_FM_BENCH_WORK_H
#define K7_FM_BENCH_WORK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* SHA-256 of length bytes (a multiple of 64) at data, digest as big-endian bytes at digest. Gives its first word. */
uint32_t sha256(const uint8_t *data, uint32_t length, uint8_t *digest);

/* Number of primes below 2^20. */
uint32_t sieve(void);

uint32_t xorshift(uint32_t state, uint32_t rounds);

#ifdef __cplusplus
}
#endif

#endif /* K7_FM_BENCH_WORK_H */
