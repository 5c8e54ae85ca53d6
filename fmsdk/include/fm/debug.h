/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fm/debug.h
 * Text for the developer and the administrator. Never print a secret: the FM log leaves the card.
 */
#ifndef FM_DEBUG_H
#define FM_DEBUG_H

#include <fm/types.h>
#include <stdarg.h>

FM_BEGIN_DECLS

/** Longest line of the FM log in bytes; what is longer is cut. */
#define FM_LOG_LINE_MAX 256u

/** Add one line to the FM log. @param text terminated, without a newline */
void FMLog(const char *text);

/** printf to the FM log, one line per call, cut at FM_LOG_LINE_MAX; a newline at the end is dropped. */
void FMDebugPrintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * Give up on purpose: the card halts with cause "abort" and @p reason in the FM log. For states that must not be, as
 * abort() and assert(); to refuse a bad request, reply with an error instead.
 */
void FMAbort(const char *reason) __attribute__((noreturn));

FM_END_DECLS

#endif
