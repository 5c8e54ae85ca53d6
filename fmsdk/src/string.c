/* SPDX-License-Identifier: Apache-2.0 */
/* Terminated texts. */
#include <stdint.h>
#include <string.h>

size_t strlen(const char *text)
{
    const char *end = text;
    while (*end != '\0')
        end++;
    return (size_t)(end - text);
}

size_t strnlen(const char *text, size_t limit)
{
    size_t length = 0;
    while (length < limit && text[length] != '\0')
        length++;
    return length;
}

int strcmp(const char *left, const char *right)
{
    return strncmp(left, right, SIZE_MAX);
}

int strncmp(const char *left, const char *right, size_t limit)
{
    for (; limit > 0; limit--, left++, right++) {
        int difference = (unsigned char)*left - (unsigned char)*right;
        if (difference != 0 || *left == '\0')
            return difference;
    }
    return 0;
}

char *strncpy(char *restrict to, const char *restrict from, size_t count)
{
    size_t length = strnlen(from, count);
    memcpy(to, from, length);
    memset(to + length, 0, count - length);
    return to;
}

char *strchr(const char *text, int character)
{
    for (;; text++) {
        if (*text == (char)character)
            return (char *)(uintptr_t)text;
        if (*text == '\0')
            return NULL;
    }
}

char *strrchr(const char *text, int character)
{
    for (size_t left = strlen(text) + 1; left > 0; left--)
        if (text[left - 1] == (char)character)
            return (char *)(uintptr_t)(text + left - 1);
    return NULL;
}

char *strstr(const char *text, const char *part)
{
    size_t length = strlen(part);
    for (;; text++) {
        if (strncmp(text, part, length) == 0)
            return (char *)(uintptr_t)text;
        if (*text == '\0')
            return NULL;
    }
}

/* Length of the part of text at its start whose characters all are, or all are not, in set. */
static size_t span(const char *text, const char *set, int wanted)
{
    size_t length = 0;
    while (text[length] != '\0' && (strchr(set, text[length]) != NULL) == wanted)
        length++;
    return length;
}

size_t strspn(const char *text, const char *accepted)
{
    return span(text, accepted, 1);
}

size_t strcspn(const char *text, const char *rejected)
{
    return span(text, rejected, 0);
}

char *strtok_r(char *restrict text, const char *restrict separators, char **restrict state)
{
    char *word = text != NULL ? text : *state;
    word += strspn(word, separators);
    char *end = word + strcspn(word, separators);
    *state = end;
    if (end == word)
        return NULL;
    if (*end != '\0') {
        *end = '\0';
        *state = end + 1;
    }
    return word;
}
