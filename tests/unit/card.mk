# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of the card, through its C ABI and what is behind it only: registers, rings, files, FMs that were really built.

CARD_TEST_OBJECTS := $(patsubst %.cpp,$(O)/%.o,$(wildcard tests/unit/card_*.cpp))
CARD_TEST_LIBS := -Wl,-rpath,'$$ORIGIN/../lib' -lgtest_main -lgtest -lcrypto -lsqlite3 -pthread

$(O)/tests/card_test: $(CARD_TEST_OBJECTS) $(O)/lib/libk7card.so.0
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -o $@ $^ $(CARD_TEST_LIBS)

# What is left after a power cut, an erase, a restart. The suite "aftermath" of tests/check runs it without sanitizers.
# AddressSanitizer's shadow is terabytes of writable memory, and it keeps what was freed: no search of the memory there.
AFTERMATH_TEST_OBJECTS := $(patsubst %.cpp,$(O)/%.o,$(wildcard tests/unit/aftermath_*.cpp))
ifeq ($(SAN),1)
AFTERMATH_TEST_OBJECTS := $(filter-out %/aftermath_memory.o,$(AFTERMATH_TEST_OBJECTS))
endif

$(O)/tests/aftermath_test: $(AFTERMATH_TEST_OBJECTS) $(O)/lib/libk7card.so.0
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -o $@ $^ $(CARD_TEST_LIBS)

UNIT_TESTS += $(O)/tests/card_test $(O)/tests/aftermath_test
