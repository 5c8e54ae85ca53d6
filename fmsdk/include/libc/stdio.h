/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file stdio.h
 * Formatted text. Conversions: %d %i %u %x %X %o %c %s %p %%, lengths hh h l ll z j t, flags - 0 + space #, width and
 * precision as digits or '*'. There is no floating point; an unknown conversion is printed as it stands.
 */
#ifndef FM_LIBC_STDIO_H
#define FM_LIBC_STDIO_H

#include <stdarg.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Always terminates when @p size > 0. @return characters that the whole text has, without terminator */
int snprintf(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int vsnprintf(char *to, size_t size, const char *format, va_list arguments) __attribute__((format(printf, 3, 0)));

/** To the FM log, one line per call, as FMDebugPrintf. @return characters that the whole text has */
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#ifdef __cplusplus
}
#endif

#endif
