/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fm/system.h
 * Services of the card: time, random numbers, hashes. They run at the card's own speed, outside the FM's budget.
 */
#ifndef FM_SYSTEM_H
#define FM_SYSTEM_H

#include <fm/fmsw.h>

FM_BEGIN_DECLS

#define FM_SHA256_SIZE 32u
/** Most bytes that one FMRandom call gives. */
#define FM_RANDOM_MAX 65536u

/** Wall clock. @return microseconds since 1970, UTC */
uint64_t FMGetTime(void);

/** Clock that never goes back. @return microseconds since the firmware started */
uint64_t FMGetMonotonicTime(void);

/** Fill @p buffer with random bytes fit for keys. @return FMSW_OK, FMSW_BAD_POINTER or FMSW_BAD_LENGTH */
FMSW_STATUS FMRandom(void *buffer, uint32_t length);

/** SHA-256 (FIPS 180-4) of @p length bytes. @return FMSW_OK or FMSW_BAD_POINTER */
FMSW_STATUS FMSha256(const void *data, uint32_t length, uint8_t digest[FM_SHA256_SIZE]);

/** HMAC-SHA-256 (FIPS 198-1). @return FMSW_OK or FMSW_BAD_POINTER. Compare MACs with memcmp_consttime. */
FMSW_STATUS FMHmacSha256(const void *key, uint32_t keyLength, const void *data, uint32_t length,
                         uint8_t mac[FM_SHA256_SIZE]);

FM_END_DECLS

#endif
