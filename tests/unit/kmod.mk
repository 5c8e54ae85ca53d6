# SPDX-License-Identifier: GPL-2.0-or-later
# The parts of the driver that need no kernel, with the driver's own KUnit files.

KMOD_TEST_OBJECTS := $(O)/tests/unit/kmod_kunit.o $(O)/tests/unit/kmod_transitions.o
$(KMOD_TEST_OBJECTS): CFLAGS += -Itests/unit/kunit-shim
$(KMOD_TEST_OBJECTS): CXXFLAGS += -Itests/unit/kunit-shim

$(O)/tests/kmod_test: $(KMOD_TEST_OBJECTS)
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -o $@ $^ -lgtest -pthread

UNIT_TESTS += $(O)/tests/kmod_test
