// SPDX-License-Identifier: GPL-2.0-or-later
// The driver's KUnit cases as GoogleTest cases.
#include <cstdarg>
#include <cstdio>
#include <gtest/gtest.h>
#include <kunit/test.h>

void kunit_fail(const char *file, int line, const char *format, ...) {
    char text[256];
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ADD_FAILURE_AT(file, line) << text;
}

namespace {

class KunitCase : public testing::Test {
  public:
    explicit KunitCase(const kunit_case &which) : case_(which) {}
    void TestBody() override {
        kunit test{case_.name};
        case_.run_case(&test);
    }

  private:
    const kunit_case &case_;
};

void register_suite(const kunit_suite &suite) {
    for (const kunit_case *one = suite.test_cases; one->run_case != nullptr; ++one) {
        testing::RegisterTest(suite.name, one->name, nullptr, nullptr, __FILE__, __LINE__,
                              [one]() -> testing::Test * { return new KunitCase(*one); });
    }
}

} // namespace

int main(int argc, char **argv) {
    testing::InitGoogleTest(&argc, argv);
    for (auto suite = kunit_suites; *suite != nullptr; ++suite)
        register_suite(**suite);
    return RUN_ALL_TESTS();
}
