/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fm/system.h
 * Services of the card: time, timers, random numbers, hashes. They run at the card's own speed, outside the FM's budget.
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

/** Timers of an FM are numbered from 0 to this less one. */
#define FM_TIMERS_MAX K7_FM_TIMERS_MAX

/** Called when a timer is due. @param timer its number */
typedef void (*FM_TimerHandler)(uint32_t timer);

/**
 * Have @p handler called in @p first milliseconds, and then every @p period milliseconds. It is called between two messages
 * of any FM, never within one, so it may come late; a period that was missed is not made up for. It has the budget of a
 * call. There is no message: it cannot reply. A fault in it counts as any other. Timers end with the FM and with
 * every restart, so a start-up function is the place to start one that always runs.
 * @param timer  0 to FM_TIMERS_MAX - 1; one that runs starts anew
 * @param first  10 to 86,400,000 (a day)
 * @param period likewise, or 0: once
 * @return FMSW_OK, FMSW_BAD_POINTER when @p handler is no function of the FM, FM_BAD_PARAMETER (fm/crypto.h)
 */
FMSW_STATUS FMTimerStart(uint32_t timer, uint32_t first, uint32_t period, FM_TimerHandler handler);

/** Stop @p timer, if it runs. @return FMSW_OK or FM_BAD_PARAMETER */
FMSW_STATUS FMTimerStop(uint32_t timer);

FM_END_DECLS

#endif
