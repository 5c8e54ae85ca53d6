# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of the FM CPU. They link its objects and not the card, so they need nothing of the rest.

FMCPU_OBJECTS := $(patsubst %.cpp,$(O)/%.o,$(wildcard card/fm/*.cpp))
FMCPU_TEST_OBJECTS := $(patsubst %.cpp,$(O)/%.o,$(wildcard tests/unit/fmcpu_*.cpp))

# Unicorn is the oracle of one test. Without it that test is skipped and says so.
ifeq ($(shell pkg-config --exists unicorn && echo yes),yes)
fmcpu_unicorn_CXXFLAGS := -DK7_HAVE_UNICORN $(shell pkg-config --cflags unicorn)
FMCPU_LIBS := $(shell pkg-config --libs unicorn)
endif

$(O)/tests/fmcpu_test: $(FMCPU_TEST_OBJECTS) $(FMCPU_OBJECTS)
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -o $@ $^ -lgtest_main -lgtest $(FMCPU_LIBS) -pthread

UNIT_TESTS += $(O)/tests/fmcpu_test
