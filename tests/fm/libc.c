/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libc: self-test of the SDK's mini libc and 64-bit arithmetic, on the FM CPU. FM ID a0f5.
 * Any request: replies "ok N", status 0, or one line for each failed check, status 1.
 */
#include "text.h"
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>

DEFINE_FM_HEADER(0xa0f5, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "libc");

static struct report report;

/* The same value, unknown to the compiler, so that the operation really runs on the FM CPU. */
#define OPAQUE(type, value)                                                                                            \
    ({                                                                                                                 \
        volatile type opaque_ = (value);                                                                               \
        opaque_;                                                                                                       \
    })

/* Copies of every length up to 40 between all alignments, with the bytes around them checked. */
static void check_copies(void)
{
    uint8_t from[64], to[64];
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (uint8_t)(i + 1);
    for (unsigned turn = 0; turn < 16 * 41; turn++) {
        size_t source = turn & 3, target = turn >> 2 & 3, length = turn >> 4;
        memset(to, 0xee, sizeof to);
        CHECK(&report, memcpy(to + 4 + target, from + source, length) == to + 4 + target);
        CHECK(&report, memcmp(to + 4 + target, from + source, length) == 0);
        CHECK_EQUAL(&report, to[3 + target], 0xee);
        CHECK_EQUAL(&report, to[4 + target + length], 0xee);
    }
}

static void check_moves(void)
{
    char text[] = "0123456789abcdefghijklmnopqrstuv";
    memmove(text + 3, text, 20);
    CHECK(&report, memcmp(text, "0120123456789abcdefghijnopqrstuv", 32) == 0);
    memmove(text, text + 3, 20);
    CHECK(&report, memcmp(text, "0123456789abcdefghijhijnopqrstuv", 32) == 0);
    memmove(text + 1, text + 1, 5);
    CHECK(&report, memcmp(text, "0123456789", 10) == 0);
}

static void check_fills(void)
{
    uint8_t bytes[24];
    for (size_t start = 0; start < 4; start++)
        for (size_t length = 0; length < 16; length++) {
            memset(bytes, 0x11, sizeof bytes);
            memset(bytes + start + 1, 0x1ab, length);
            for (size_t i = 0; i < sizeof bytes; i++)
                CHECK_EQUAL(&report, bytes[i], i > start && i <= start + length ? 0xab : 0x11);
        }
    memzero_explicit(bytes, sizeof bytes);
    CHECK(&report, memchr(bytes, 0xab, sizeof bytes) == NULL);
    CHECK(&report, memchr("abc", 'c', 3) != NULL && memchr("abc", 'c', 2) == NULL);
}

static void check_comparisons(void)
{
    CHECK(&report, memcmp("abc", "abd", 3) < 0 && memcmp("\xff", "\x01", 1) > 0 && memcmp("a", "b", 0) == 0);
    CHECK(&report, memcmp_consttime("abc", "abc", 3) == 0 && memcmp_consttime("abc", "xbc", 3) != 0);
    CHECK(&report, strcmp("abc", "abc") == 0 && strcmp("ab", "abc") < 0 && strcmp("b", "abc") > 0);
    CHECK(&report, strcmp("\xff", "a") > 0 && strcmp("", "") == 0);
    CHECK(&report, strncmp("abcX", "abcY", 3) == 0 && strncmp("abcX", "abcY", 4) < 0 && strncmp("a", "b", 0) == 0);
}

static void check_strings(void)
{
    char text[8], *state, words[] = "  one two,three ";
    CHECK_EQUAL(&report, strlen(""), 0);
    CHECK_EQUAL(&report, strlen("12345"), 5);
    CHECK_EQUAL(&report, strnlen("12345", 3), 3);
    memset(text, 'x', sizeof text);
    CHECK(&report, strncpy(text, "ab", 5) == text && memcmp(text, "ab\0\0\0xxx", 8) == 0);
    CHECK(&report, strncpy(text, "abcdef", 3) == text && memcmp(text, "abc\0\0xxx", 8) == 0);
    CHECK(&report, strcmp(strchr("a/b/c", '/'), "/b/c") == 0 && strcmp(strrchr("a/b/c", '/'), "/c") == 0);
    CHECK(&report, strchr("abc", 'x') == NULL && *strchr("abc", '\0') == '\0' && strrchr("abc", 'x') == NULL);
    CHECK(&report, strcmp(strstr("a needle here", "needle"), "needle here") == 0 && strstr("abc", "bd") == NULL);
    CHECK_EQUAL(&report, strspn("aabbc", "ab"), 4);
    CHECK_EQUAL(&report, strcspn("aabbc", "cb"), 2);
    CHECK(&report, strcmp(strtok_r(words, " ,", &state), "one") == 0);
    CHECK(&report, strcmp(strtok_r(NULL, " ,", &state), "two") == 0);
    CHECK(&report, strcmp(strtok_r(NULL, " ,", &state), "three") == 0);
    CHECK(&report, strtok_r(NULL, " ,", &state) == NULL && strtok_r(NULL, " ,", &state) == NULL);
    CHECK(&report, isdigit('7') && !isdigit('a') && isspace('\n') && toupper('q') == 'Q' && tolower('Q') == 'q');
}

static void check_numbers(void)
{
    char *end;
    CHECK(&report, atoi("  -42x") == -42 && atoi("+7") == 7 && atoi("") == 0);
    CHECK(&report, strtol("0x1fz", &end, 0) == 31 && *end == 'z');
    CHECK(&report, strtol("0755", NULL, 0) == 493 && strtol("zz", NULL, 36) == 35 * 36 + 35);
    CHECK(&report, strtol("0x", &end, 16) == 0 && *end == 'x');
    CHECK(&report, strtol(" none", &end, 10) == 0 && *end == ' ');
    CHECK(&report, strtol("2147483647", NULL, 10) == LONG_MAX && strtol("2147483648", NULL, 10) == LONG_MAX);
    CHECK(&report, strtol("-2147483648", NULL, 10) == LONG_MIN && strtol("-2147483649", NULL, 10) == LONG_MIN);
    CHECK(&report, strtoul("4294967295", NULL, 10) == ULONG_MAX && strtoul("4294967296", NULL, 10) == ULONG_MAX);
    CHECK(&report, strtoul("99999999999999999999", &end, 10) == ULONG_MAX && *end == '\0');
}

/* Format into a small text, and compare text and returned length. */
#define CHECK_FORMAT(wanted, ...)                                                                                      \
    do {                                                                                                               \
        char got_[80];                                                                                                 \
        int length_ = snprintf(got_, sizeof got_, __VA_ARGS__);                                                        \
        CHECK_EQUAL(&report, length_, strlen(wanted));                                                                 \
        if (strcmp(got_, wanted) != 0)                                                                                 \
            report_line(&report, "failed: line %d: got \"%s\"\n", __LINE__, got_);                                     \
        CHECK(&report, strcmp(got_, wanted) == 0);                                                                     \
    } while (0)

static void check_integer_formats(void)
{
    CHECK_FORMAT("-1 2 3", "%d %i %u", -1, 2, 3u);
    CHECK_FORMAT("2147483647 -2147483648 4294967295", "%d %d %u", INT_MAX, INT_MIN, UINT_MAX);
    CHECK_FORMAT("ff FF 0xff 0XFF 0 17 017", "%x %X %#x %#X %#x %o %#o", 255u, 255u, 255u, 255u, 0u, 15u, 15u);
    CHECK_FORMAT("-3 4 abc", "%ld %lu %lx", -3l, 4ul, 0xabcul);
    CHECK_FORMAT("9223372036854775807 -9223372036854775808", "%lld %lld", LLONG_MAX, LLONG_MIN);
    CHECK_FORMAT("18446744073709551615 ffffffffffffffff", "%llu %llx", ULLONG_MAX, ULLONG_MAX);
    CHECK_FORMAT("10000000000 4294967296", "%llu %lld", 10000000000ull, 4294967296ll);
    CHECK_FORMAT("7 -7", "%zu %td", (size_t)7, (ptrdiff_t)-7);
    CHECK_FORMAT("[   42][42   ][00042][  042]", "[%5d][%-5d][%05d][%5.3d]", 42, 42, 42, 42);
    CHECK_FORMAT("[+42][ 42][-0042][  0x2a]", "[%+d][% d][%05d][%#6x]", 42, 42, -42, 42u);
    CHECK_FORMAT("[   42][42   ][]", "[%*d][%*d][%.0d]", 5, 42, -5, 42, 0);
}

/* Formats that the compiler rightly complains about, or that only this libc gives meaning to. */
static int format_unchecked(char *to, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(to, size, format, arguments);
    va_end(arguments);
    return length;
}

static void check_text_formats(void)
{
    char text[16];
    CHECK_EQUAL(&report, format_unchecked(text, sizeof text, "%hhu %hhd %hu", 0x1ffu, 0xff, 0x1ffffu), 12);
    CHECK(&report, strcmp(text, "255 -1 65535") == 0);
    CHECK_FORMAT("a%b", "%c%%%c", 'a', 'b');
    CHECK_FORMAT("[abc][  abc][abc  ][ab]", "[%s][%5s][%-5s][%.2s]", "abc", "abc", "abc", "abc");
    CHECK_FORMAT("[  x][x  ]", "[%3c][%-3c]", 'x', 'x');
    CHECK_FORMAT("0x10000 0x0", "%p %p", (void *)0x10000, (void *)0);
    CHECK_EQUAL(&report, snprintf(text, 6, "%s", "0123456789"), 10);
    CHECK(&report, strcmp(text, "01234") == 0);
    CHECK_EQUAL(&report, snprintf(NULL, 0, "%d", 12345), 5);
    text[0] = 'k';
    CHECK_EQUAL(&report, snprintf(text, 1, "%d", 7), 1);
    CHECK_EQUAL(&report, text[0], '\0');
    CHECK_EQUAL(&report, format_unchecked(text, sizeof text, "%y%"), 3);
    CHECK(&report, strcmp(text, "%y%") == 0);
    CHECK_EQUAL(&report, format_unchecked(text, sizeof text, "%s", (char *)NULL), 6);
}

static void check_division(void)
{
    static const uint64_t numbers[] = {
        1,           2,          3,           7,           10,          0xffff,      0x10000,      0xffffffff,
        0x100000000, 0x100000001, 10000000000, 0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffffffe,
        UINT64_MAX,  0,
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (size_t j = 0; numbers[j] != 0; j++) {
            uint64_t n = OPAQUE(uint64_t, numbers[i]), d = OPAQUE(uint64_t, numbers[j]);
            uint64_t quotient = n / d, rest = n % d;
            CHECK(&report, rest < d && quotient * d + rest == n && quotient <= n);
            int64_t sn = (int64_t)n, sd = (int64_t)d;
            if (sn == INT64_MIN && sd == -1)
                continue;
            int64_t squotient = sn / sd, srest = sn % sd;
            CHECK(&report, squotient * sd + srest == sn);
            CHECK(&report, srest == 0 || (srest < 0) == (sn < 0));
        }
    CHECK(&report, OPAQUE(uint64_t, 1000000000000000000) / OPAQUE(uint64_t, 1000000007) == 999999993);
    CHECK(&report, OPAQUE(int64_t, -7) / OPAQUE(int64_t, 2) == -3 && OPAQUE(int64_t, -7) % OPAQUE(int64_t, 2) == -1);
    CHECK(&report, OPAQUE(uint64_t, 5) / OPAQUE(uint64_t, 0) == UINT64_MAX);
    CHECK(&report, OPAQUE(uint64_t, 5) % OPAQUE(uint64_t, 0) == 5);
}

uint64_t __ashldi3(uint64_t value, int count);
uint64_t __lshrdi3(uint64_t value, int count);
int64_t __ashrdi3(int64_t value, int count);

static void check_shifts(void)
{
    const uint64_t value = 0x8123456789abcdef;
    uint64_t left = value, right = value;
    int64_t arithmetic = (int64_t)value;
    for (int count = 0; count < 64; count++) {
        CHECK(&report, __ashldi3(value, count) == left && OPAQUE(uint64_t, value) << OPAQUE(int, count) == left);
        CHECK(&report, __lshrdi3(value, count) == right && OPAQUE(uint64_t, value) >> OPAQUE(int, count) == right);
        CHECK(&report, __ashrdi3((int64_t)value, count) == arithmetic);
        left <<= 1, right >>= 1, arithmetic >>= 1;
    }
    CHECK(&report, OPAQUE(uint64_t, 0x100000001) * OPAQUE(uint64_t, 0x100000001) == 0x200000001);
    CHECK_EQUAL(&report, OPAQUE(uint32_t, 7) / OPAQUE(uint32_t, 0), UINT32_MAX);
}

static void check_heap(void)
{
    char *blocks[64];
    for (unsigned i = 0; i < 64; i++) {
        blocks[i] = malloc(i * 5);
        CHECK(&report, blocks[i] != NULL && ((uintptr_t)blocks[i] & 7) == 0);
        memset(blocks[i], (int)i, i * 5);
    }
    for (unsigned i = 0; i < 64; i += 2)
        free(blocks[i]);
    for (unsigned i = 1; i < 64; i += 2) {
        CHECK(&report, blocks[i][0] == (char)i && blocks[i][i * 5 - 1] == (char)i);
        free(blocks[i]);
    }
    /* All of it is one block again. */
    char *all = malloc(K7_FM_HEAP_SIZE - 8);
    CHECK(&report, all != NULL && malloc(1) == NULL);
    /* What was freed is wiped. */
    for (unsigned i = 0; i < K7_FM_HEAP_SIZE - 8; i++)
        CHECK(&report, all[i] == 0);
    free(all);
    CHECK(&report, malloc(K7_FM_HEAP_SIZE) == NULL && malloc((size_t)-1) == NULL);
    CHECK(&report, calloc(0x10000, 0x10000) == NULL);
    char *text = realloc(NULL, 4);
    memcpy(text, "abc", 4);
    text = realloc(text, 1000);
    CHECK(&report, strcmp(text, "abc") == 0 && realloc(text, 10) == text);
    free(text);
    free(NULL);
}

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    (void)request, (void)length;
    memset(&report, 0, sizeof report);
    check_copies();
    check_moves();
    check_fills();
    check_comparisons();
    check_strings();
    check_numbers();
    check_integer_formats();
    check_text_formats();
    check_division();
    check_shifts();
    check_heap();
    reply_report(token, &report);
}

FM_RV Startup(void)
{
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
