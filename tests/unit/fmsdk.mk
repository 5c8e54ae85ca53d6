# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of the FM SDK: FMs that were really built with it, on the FM CPU. Links the CPU's objects and not the card.

FMSDK_TEST_OBJECTS := $(O)/tests/unit/fmsdk_test.o $(patsubst %.cpp,$(O)/%.o,$(wildcard card/fm/*.cpp))

$(O)/tests/fmsdk_test: $(FMSDK_TEST_OBJECTS)
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -o $@ $^ -lgtest_main -lgtest -pthread

# The same tests over the FMs that clang made.
$(O)/tests/fmsdk_clang_test: $(O)/tests/fmsdk_test | fms-clang
	@printf '#!/bin/sh\nK7_FM_DIR=build/fm-clang exec "$${0%%/*}/fmsdk_test" "$$@"\n' >$@
	@chmod +x $@

UNIT_TESTS += $(O)/tests/fmsdk_test $(O)/tests/fmsdk_clang_test
