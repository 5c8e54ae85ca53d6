/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file assert.h
 * A failed assertion aborts the FM, which halts the card; file and line go to the FM log.
 * Included anew each time, as the C standard has it.
 */
#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define FM_ASSERT_TEXT2(number) #number
#define FM_ASSERT_TEXT(number) FM_ASSERT_TEXT2(number)
#define assert(condition)                                                                                              \
    ((condition) ? (void)0 : FMAbort(__FILE__ ":" FM_ASSERT_TEXT(__LINE__) ": assertion failed: " #condition))
#endif

#include <fm/debug.h>
#ifndef __cplusplus
#undef static_assert
#define static_assert _Static_assert
#endif
