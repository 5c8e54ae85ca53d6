# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of libhsm and of what the tools share. They link the objects, to reach inside; the card is loaded as always.

HSM_TEST_OBJECTS := $(patsubst %.cpp,$(O)/%.o,$(wildcard tests/unit/hsm_*.cpp))

$(O)/tests/hsm_test: $(HSM_TEST_OBJECTS) $(HSM_OBJECTS) $(TOOL_COMMON) $(O)/lib/libk7card.so.0
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -Wl,-rpath,'$$ORIGIN/../lib' -o $@ $(filter %.o,$^) -lgtest_main -lgtest \
		$(HSM_LIBS)

UNIT_TESTS += $(O)/tests/hsm_test
