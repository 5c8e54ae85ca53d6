/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the test FMs share: requests and replies as text. */
#ifndef TESTS_FM_TEXT_H
#define TESTS_FM_TEXT_H

#include <fm/fm.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 128u
#define REPORT_MAX 16384u

/* Status of a reply whose request made no sense. */
#define STATUS_BAD_REQUEST 2u

/* The request as a terminated text, cut when too long. */
static inline void request_text(const void *request, uint32_t length, char text[TEXT_MAX])
{
    uint32_t kept = length < TEXT_MAX ? length : TEXT_MAX - 1;
    memcpy(text, request, kept);
    text[kept] = '\0';
}

static inline void reply_text(HI_MsgHandle token, uint32_t status, const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    void *buffer = SVC_GetReplyBuffer(token, length);
    if (buffer != NULL)
        memcpy(buffer, text, length);
    SVC_SendReply(token, buffer != NULL ? status : FMSW_BAD_LENGTH);
}

/* A report grows line by line; what does not fit is cut. */
struct report {
    char text[REPORT_MAX];
    size_t length;
    unsigned failures;
    unsigned checks;
};

__attribute__((format(printf, 2, 3))) static inline void report_line(struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(report->text + report->length, REPORT_MAX - report->length, format, arguments);
    va_end(arguments);
    report->length += (size_t)length;
    if (report->length > REPORT_MAX - 1)
        report->length = REPORT_MAX - 1;
}

/* One check of a self-test: a line only when it fails. */
#define CHECK(report, condition)                                                                                       \
    do {                                                                                                               \
        (report)->checks++;                                                                                            \
        if (!(condition)) {                                                                                            \
            (report)->failures++;                                                                                      \
            report_line((report), "failed: line %d: %s\n", __LINE__, #condition);                                      \
        }                                                                                                              \
    } while (0)

/* As CHECK, for results that are numbers. */
#define CHECK_EQUAL(report, got, wanted)                                                                               \
    do {                                                                                                               \
        unsigned long got_ = (unsigned long)(got), wanted_ = (unsigned long)(wanted);                                  \
        (report)->checks++;                                                                                            \
        if (got_ != wanted_) {                                                                                         \
            (report)->failures++;                                                                                      \
            report_line((report), "failed: line %d: %s is 0x%lx, not 0x%lx\n", __LINE__, #got, got_, wanted_);         \
        }                                                                                                              \
    } while (0)

/* The reply of a self-test: "ok N" with status 0, or the failures with status 1. */
static inline void reply_report(HI_MsgHandle token, struct report *report)
{
    if (report->failures == 0)
        report_line(report, "ok %u", report->checks);
    reply_text(token, report->failures != 0, report->text);
}

#endif
