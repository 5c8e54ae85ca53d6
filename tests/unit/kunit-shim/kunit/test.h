/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Just enough of the kernel's <kunit/test.h> to run the driver's KUnit files as unit tests of user space.
 * kmod_kunit.cpp makes each case a GoogleTest case; an expectation that fails is a failure there.
 */
#ifndef KUNIT_SHIM_TEST_H
#define KUNIT_SHIM_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct kunit {
    const char *name;
};

struct kunit_case {
    void (*run_case)(struct kunit *test);
    const char *name;
};

struct kunit_suite {
    const char *name;
    struct kunit_case *test_cases;
};

#ifdef __cplusplus
extern "C" {
#endif
/* Ends the list with NULL. */
extern struct kunit_suite *const kunit_suites[];
__attribute__((format(printf, 3, 4))) void kunit_fail(const char *file, int line, const char *format, ...);
#ifdef __cplusplus
}
#endif

#define KUNIT_CASE(function) {.run_case = function, .name = #function}
#define kunit_test_suite(suite) struct kunit_suite *const kunit_suites[] = {&(suite), NULL}

#define KUNIT_EXPECT_TRUE_MSG(test, condition, ...)                                                                    \
    do {                                                                                                               \
        (void)(test);                                                                                                  \
        if (!(condition))                                                                                              \
            kunit_fail(__FILE__, __LINE__, #condition " is false: " __VA_ARGS__);                                      \
    } while (0)
#define KUNIT_EXPECT_EQ_MSG(test, left, right, ...) KUNIT_EXPECT_TRUE_MSG(test, (left) == (right), __VA_ARGS__)
#define KUNIT_EXPECT_TRUE(test, condition) KUNIT_EXPECT_TRUE_MSG(test, condition, "%s", (test)->name)
#define KUNIT_EXPECT_FALSE(test, condition) KUNIT_EXPECT_TRUE(test, !(condition))
#define KUNIT_EXPECT_EQ(test, left, right) KUNIT_EXPECT_TRUE(test, (left) == (right))
#define KUNIT_EXPECT_LE(test, left, right) KUNIT_EXPECT_TRUE(test, (left) <= (right))
#define KUNIT_EXPECT_STREQ(test, left, right)                                                                          \
    KUNIT_EXPECT_TRUE_MSG(test, strcmp(left, right) == 0, "%s, not %s", left, right)
#define KUNIT_ASSERT_EQ(test, left, right)                                                                             \
    do {                                                                                                               \
        KUNIT_EXPECT_EQ(test, left, right);                                                                            \
        if (!((left) == (right)))                                                                                      \
            return;                                                                                                    \
    } while (0)

#endif
