/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers from text. */
#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

struct parsed {
    unsigned long magnitude;
    bool negative;
    bool overflow;
};

static int digit_value(char character)
{
    if (isdigit(character))
        return character - '0';
    return isalpha(character) ? tolower(character) - 'a' + 10 : INT_MAX;
}

/* Take an optional 0x or 0 where the base allows it. "0x" without a digit after it is the number 0, then an 'x'. */
static const char *parse_prefix(const char *text, int *base)
{
    bool zero = text[0] == '0';
    if ((*base == 0 || *base == 16) && zero && tolower(text[1]) == 'x' && digit_value(text[2]) < 16) {
        *base = 16;
        return text + 2;
    }
    if (*base == 0)
        *base = zero ? 8 : 10;
    return text;
}

static const char *parse_digits(const char *text, int base, struct parsed *parsed)
{
    for (int digit; (digit = digit_value(*text)) < base; text++) {
        if (parsed->magnitude > (ULONG_MAX - (unsigned long)digit) / (unsigned long)base)
            parsed->overflow = true;
        parsed->magnitude = parsed->magnitude * (unsigned long)base + (unsigned long)digit;
    }
    return text;
}

static struct parsed parse(const char *text, char **end, int base)
{
    struct parsed parsed = {0};
    const char *at = text;
    while (isspace(*at))
        at++;
    if (*at == '+' || *at == '-')
        parsed.negative = *at++ == '-';
    at = parse_prefix(at, &base);
    const char *after = parse_digits(at, base, &parsed);
    if (end != NULL)
        *end = (char *)(after == at ? text : after);
    return parsed;
}

unsigned long strtoul(const char *text, char **end, int base)
{
    struct parsed parsed = parse(text, end, base);
    if (parsed.overflow)
        return ULONG_MAX;
    return parsed.negative ? 0 - parsed.magnitude : parsed.magnitude;
}

long strtol(const char *text, char **end, int base)
{
    struct parsed parsed = parse(text, end, base);
    unsigned long limit = parsed.negative ? 0ul - (unsigned long)LONG_MIN : LONG_MAX;
    if (parsed.overflow || parsed.magnitude > limit)
        return parsed.negative ? LONG_MIN : LONG_MAX;
    return (long)(parsed.negative ? 0 - parsed.magnitude : parsed.magnitude);
}

int atoi(const char *text)
{
    return (int)strtol(text, NULL, 10);
}
