/* SPDX-License-Identifier: Apache-2.0 */
/* Log, abort, clocks, random numbers and hashes. */
#include <fm/debug.h>
#include <fm/ecall.h>
#include <fm/system.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void FMLog(const char *text)
{
    fm_ecall(K7_FM_SVC_LOG, fm_address(text), (uint32_t)strnlen(text, FM_LOG_LINE_MAX), 0, 0, 0);
}

static int log_formatted(const char *format, va_list arguments)
{
    char line[FM_LOG_LINE_MAX + 1];
    int length = vsnprintf(line, sizeof line, format, arguments);
    size_t kept = strnlen(line, sizeof line - 1);
    if (kept > 0 && line[kept - 1] == '\n')
        line[kept - 1] = '\0';
    FMLog(line);
    return length;
}

void FMDebugPrintf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_formatted(format, arguments);
    va_end(arguments);
}

int printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = log_formatted(format, arguments);
    va_end(arguments);
    return length;
}

void FMAbort(const char *reason)
{
    for (;;)
        fm_ecall(K7_FM_SVC_ABORT, fm_address(reason), (uint32_t)strnlen(reason, FM_LOG_LINE_MAX), 0, 0, 0);
}

void abort(void)
{
    FMAbort("abort() called");
}

/* The clocks cannot fail with memory that is the function's own. */
uint64_t FMGetTime(void)
{
    uint64_t microseconds = 0;
    fm_ecall(K7_FM_SVC_TIME, fm_address(&microseconds), 0, 0, 0, 0);
    return microseconds;
}

uint64_t FMGetMonotonicTime(void)
{
    uint64_t microseconds = 0;
    fm_ecall(K7_FM_SVC_MONOTONIC, fm_address(&microseconds), 0, 0, 0, 0);
    return microseconds;
}

FMSW_STATUS FMTimerStart(uint32_t timer, uint32_t first, uint32_t period, FM_TimerHandler handler)
{
    return fm_ecall(K7_FM_SVC_TIMER_START, timer, first, period, (uint32_t)(uintptr_t)handler, 0);
}

FMSW_STATUS FMTimerStop(uint32_t timer)
{
    return fm_ecall(K7_FM_SVC_TIMER_STOP, timer, 0, 0, 0, 0);
}

FMSW_STATUS FMRandom(void *buffer, uint32_t length)
{
    return fm_ecall(K7_FM_SVC_RANDOM, fm_address(buffer), length, 0, 0, 0);
}

FMSW_STATUS FMSha256(const void *data, uint32_t length, uint8_t digest[FM_SHA256_SIZE])
{
    return fm_ecall(K7_FM_SVC_SHA256, fm_address(data), length, fm_address(digest), 0, 0);
}

FMSW_STATUS FMHmacSha256(const void *key, uint32_t keyLength, const void *data, uint32_t length,
                         uint8_t mac[FM_SHA256_SIZE])
{
    return fm_ecall(K7_FM_SVC_HMAC_SHA256, fm_address(key), keyLength, fm_address(data), length, fm_address(mac));
}
