/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * system: time, random numbers, hashes and the log against known answers. FM ID a0fb.
 * Any request: replies "ok N", status 0, or the failed checks, status 1. Leaves the line "system: 0x2a" in the FM log.
 */
#include "text.h"

DEFINE_FM_HEADER(0xa0fb, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "system");

static struct report report;

/* FIPS 180-4 example "abc". */
static const uint8_t sha256_abc[32] = {
    0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
};

/* RFC 4231 test case 2. */
static const uint8_t hmac_jefe[32] = {
    0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
    0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
};

static void check_hashes(void)
{
    static const char question[] = "what do ya want for nothing?";
    uint8_t digest[FM_SHA256_SIZE];
    CHECK_EQUAL(&report, FMSha256("abc", 3, digest), FMSW_OK);
    CHECK(&report, memcmp(digest, sha256_abc, sizeof digest) == 0);
    CHECK_EQUAL(&report, FMHmacSha256("Jefe", 4, question, sizeof question - 1, digest), FMSW_OK);
    CHECK(&report, memcmp_consttime(digest, hmac_jefe, sizeof digest) == 0);
    CHECK_EQUAL(&report, FMSha256("abc", 0xffffffff, digest), FMSW_BAD_POINTER);
}

static void check_random(void)
{
    uint8_t first[32] = {0}, second[32] = {0};
    static const uint8_t zeros[32];
    CHECK_EQUAL(&report, FMRandom(first, sizeof first), FMSW_OK);
    CHECK_EQUAL(&report, FMRandom(second, sizeof second), FMSW_OK);
    CHECK(&report, memcmp(first, second, sizeof first) != 0);
    CHECK(&report, memcmp(first, zeros, sizeof first) != 0);
    CHECK(&report, FMRandom(first, FM_RANDOM_MAX + 1) != FMSW_OK);
}

static void check_clocks(void)
{
    uint64_t wall = FMGetTime(), before = FMGetMonotonicTime(), after = FMGetMonotonicTime();
    CHECK(&report, wall > 1600000000ull * 1000000ull); /* after 2020 */
    CHECK(&report, after >= before);
    CHECK(&report, after - before < 10000000ull);
}

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    (void)request, (void)length;
    memset(&report, 0, sizeof report);
    CHECK_EQUAL(&report, GetFMID(), 0xa0fb);
    CHECK_EQUAL(&report, SVC_GetRequestLength(token), length);
    CHECK_EQUAL(&report, SVC_GetRequestLength(token + 1), 0);
    CHECK(&report, SVC_GetReplyBuffer(token, SVC_GetUserReplyBufLen(token) + 1) == NULL);
    check_hashes();
    check_random();
    check_clocks();
    FMDebugPrintf("system: %#x\n", 42);
    reply_report(token, &report);
}

FM_RV Startup(void)
{
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
