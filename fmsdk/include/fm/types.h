/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fm/types.h
 * Types that every part of the FM SDK shares. Names follow the public FM SDK documentation.
 */
#ifndef FM_TYPES_H
#define FM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Names one message from the host while its handler runs. Opaque; unknown to every other message. */
typedef uint32_t HI_MsgHandle;

/** Result of an FM function that the card calls: 0 is success. */
typedef uint32_t FM_RV;
#define FM_OK 0u

#ifdef __cplusplus
#define FM_BEGIN_DECLS extern "C" {
#define FM_END_DECLS }
#else
#define FM_BEGIN_DECLS
#define FM_END_DECLS
#endif

FM_BEGIN_DECLS
/**
 * The FM's start-up function; every FM defines it. The card calls it once at every firmware start, before any message.
 * It registers a dispatch handler (FMSW_Register...Dispatch) and prepares what the FM needs.
 * @return FM_OK, or any other value: start-up failed, the FM takes no messages and is listed as failed.
 * @note A fault here halts the card at every start; only `fmrecover --fm` gets it back.
 */
FM_RV Startup(void);
FM_END_DECLS

#endif
