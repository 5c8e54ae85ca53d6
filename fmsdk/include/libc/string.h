/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file string.h
 * The part of <string.h> that the FM SDK has. strcpy, strcat and sprintf are left out on purpose: use snprintf.
 */
#ifndef FM_LIBC_STRING_H
#define FM_LIBC_STRING_H

#include <stddef.h>

#ifdef __cplusplus
#define FM_RESTRICT
extern "C" {
#else
#define FM_RESTRICT restrict
#endif

void *memcpy(void *FM_RESTRICT to, const void *FM_RESTRICT from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int byte, size_t count);
int memcmp(const void *left, const void *right, size_t count);
void *memchr(const void *where, int byte, size_t count);

/** memset to 0 that the compiler never removes: for keys and passwords. */
void memzero_explicit(void *where, size_t count);
/** Compare in a time that depends on @p count only. @return 0 when equal */
int memcmp_consttime(const void *left, const void *right, size_t count);

size_t strlen(const char *text);
size_t strnlen(const char *text, size_t limit);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t limit);
/** As in the C standard: pads with 0, does not terminate a text of @p count or more characters. */
char *strncpy(char *FM_RESTRICT to, const char *FM_RESTRICT from, size_t count);
char *strchr(const char *text, int character);
char *strrchr(const char *text, int character);
char *strstr(const char *text, const char *part);
size_t strspn(const char *text, const char *accepted);
size_t strcspn(const char *text, const char *rejected);
char *strtok_r(char *FM_RESTRICT text, const char *FM_RESTRICT separators, char **FM_RESTRICT state);

#ifdef __cplusplus
}
#endif

#endif
