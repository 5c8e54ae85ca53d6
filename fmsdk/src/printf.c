/* SPDX-License-Identifier: Apache-2.0 */
/* snprintf: a format is parsed into one spec at a time, each kind of conversion has one function. */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Where the text goes; counts also what no longer fits. */
struct sink {
    char *to;
    size_t size;
    size_t length;
};

/* One conversion. A precision of -1 is none. */
struct spec {
    bool left, zero, plus, space, alternate;
    int width;
    int precision;
    int longs; /* 0 int, 1 long, 2 long long, -1 short, -2 char */
};

static void put(struct sink *sink, char character)
{
    if (sink->length + 1 < sink->size)
        sink->to[sink->length] = character;
    sink->length++;
}

static void put_text(struct sink *sink, const char *text, size_t length)
{
    while (length-- > 0)
        put(sink, *text++);
}

static void put_times(struct sink *sink, char character, int times)
{
    while (times-- > 0)
        put(sink, character);
}

static void put_padded(struct sink *sink, const struct spec *spec, const char *text, size_t length)
{
    int padding = spec->width - (int)length;
    if (!spec->left)
        put_times(sink, ' ', padding);
    put_text(sink, text, length);
    if (spec->left)
        put_times(sink, ' ', padding);
}

/* The digits of value, right-aligned before end. Returns the first; none for 0. */
static char *digits(char *end, uint64_t value, unsigned base, bool upper)
{
    const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    for (; value >> 32 != 0; value /= base)
        *--end = set[value % base];
    for (uint32_t rest = (uint32_t)value; rest != 0; rest /= base)
        *--end = set[rest % base];
    return end;
}

static void put_number(struct sink *sink, const struct spec *spec, uint64_t value, unsigned base, const char *prefix,
                       bool upper)
{
    char text[24]; /* 22 octal digits are the longest */
    const char *first = digits(text + sizeof text, value, base, upper);
    int count = (int)(text + sizeof text - first);
    int length = (int)strlen(prefix);
    int zeros = (spec->precision >= 0 ? spec->precision : 1) - count;
    if (zeros < 0)
        zeros = 0;
    int padding = spec->width - length - zeros - count;
    if (spec->zero && !spec->left && spec->precision < 0 && padding > 0) {
        zeros += padding;
        padding = 0;
    }
    if (!spec->left)
        put_times(sink, ' ', padding);
    put_text(sink, prefix, (size_t)length);
    put_times(sink, '0', zeros);
    put_text(sink, first, (size_t)count);
    if (spec->left)
        put_times(sink, ' ', padding);
}

/* va_list is passed by pointer inside a struct, because it may be an array type. */
struct arguments {
    va_list list;
};

static int64_t signed_argument(struct arguments *arguments, int longs)
{
    if (longs == 2)
        return va_arg(arguments->list, long long);
    long value = longs == 1 ? va_arg(arguments->list, long) : va_arg(arguments->list, int);
    if (longs == -1)
        return (short)value;
    return longs == -2 ? (signed char)value : value;
}

static uint64_t unsigned_argument(struct arguments *arguments, int longs)
{
    if (longs == 2)
        return va_arg(arguments->list, unsigned long long);
    unsigned long value = longs == 1 ? va_arg(arguments->list, unsigned long) : va_arg(arguments->list, unsigned);
    if (longs == -1)
        return (unsigned short)value;
    return longs == -2 ? (unsigned char)value : value;
}

static void put_signed(struct sink *sink, const struct spec *spec, int64_t value)
{
    const char *sign = value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";
    put_number(sink, spec, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, sign, false);
}

static void put_string(struct sink *sink, const struct spec *spec, const char *text)
{
    if (text == NULL)
        text = "(null)";
    put_padded(sink, spec, text, strnlen(text, spec->precision >= 0 ? (size_t)spec->precision : SIZE_MAX));
}

static const char *parse_flags(const char *at, struct spec *spec)
{
    for (;; at++) {
        if (*at == '-')
            spec->left = true;
        else if (*at == '0')
            spec->zero = true;
        else if (*at == '+')
            spec->plus = true;
        else if (*at == ' ')
            spec->space = true;
        else if (*at == '#')
            spec->alternate = true;
        else
            return at;
    }
}

static const char *parse_count(const char *at, int *count, struct arguments *arguments)
{
    if (*at == '*') {
        *count = va_arg(arguments->list, int);
        return at + 1;
    }
    for (*count = 0; isdigit(*at); at++)
        *count = *count * 10 + (*at - '0');
    return at;
}

static const char *parse_length(const char *at, struct spec *spec)
{
    for (;; at++) {
        if (*at == 'l')
            spec->longs++;
        else if (*at == 'h')
            spec->longs--;
        else if (*at == 'j')
            spec->longs = 2;
        else if (*at != 'z' && *at != 't')
            return at;
    }
}

static const char *parse_spec(const char *at, struct spec *spec, struct arguments *arguments)
{
    *spec = (struct spec){.precision = -1};
    at = parse_count(parse_flags(at, spec), &spec->width, arguments);
    if (spec->width < 0) {
        spec->left = true;
        spec->width = -spec->width;
    }
    if (*at == '.')
        at = parse_count(at + 1, &spec->precision, arguments);
    return parse_length(at, spec);
}

/* Print one conversion. Returns false when the FM SDK does not have it. */
static bool convert(struct sink *sink, const struct spec *spec, char conversion, struct arguments *arguments)
{
    switch (conversion) {
    case 'd':
    case 'i':
        put_signed(sink, spec, signed_argument(arguments, spec->longs));
        return true;
    case 'u':
        put_number(sink, spec, unsigned_argument(arguments, spec->longs), 10, "", false);
        return true;
    case 'o':
        put_number(sink, spec, unsigned_argument(arguments, spec->longs), 8, spec->alternate ? "0" : "", false);
        return true;
    case 'x':
    case 'X': {
        uint64_t value = unsigned_argument(arguments, spec->longs);
        const char *prefix = conversion == 'x' ? "0x" : "0X";
        put_number(sink, spec, value, 16, spec->alternate && value != 0 ? prefix : "", conversion == 'X');
        return true;
    }
    case 'p':
        put_number(sink, spec, (uintptr_t)va_arg(arguments->list, void *), 16, "0x", false);
        return true;
    case 'c':
        put_padded(sink, spec, &(char){(char)va_arg(arguments->list, int)}, 1);
        return true;
    case 's':
        put_string(sink, spec, va_arg(arguments->list, const char *));
        return true;
    case '%':
        put(sink, '%');
        return true;
    default:
        return false;
    }
}

int vsnprintf(char *to, size_t size, const char *format, va_list list)
{
    struct sink sink = {.to = to, .size = size, .length = 0};
    struct arguments arguments;
    va_copy(arguments.list, list);
    for (const char *at = format; *at != '\0'; at++) {
        if (*at != '%') {
            put(&sink, *at);
            continue;
        }
        struct spec spec;
        const char *conversion = parse_spec(at + 1, &spec, &arguments);
        if (!convert(&sink, &spec, *conversion, &arguments))
            put_text(&sink, at, (size_t)(conversion - at) + (*conversion != '\0'));
        at = *conversion != '\0' ? conversion : conversion - 1;
    }
    va_end(arguments.list);
    if (size > 0)
        to[sink.length < size ? sink.length : size - 1] = '\0';
    return (int)sink.length;
}

int snprintf(char *to, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(to, size, format, arguments);
    va_end(arguments);
    return length;
}
