# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of the card, through its C ABI and what is behind it only: registers, rings, files, FMs that were really built.

CARD_TEST_OBJECTS := $(patsubst %.cpp,$(O)/%.o,$(wildcard tests/unit/card_*.cpp))

$(O)/tests/card_test: $(CARD_TEST_OBJECTS) $(O)/lib/libk7card.so.0
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -o $@ $(CARD_TEST_OBJECTS) $(O)/lib/libk7card.so.0 -Wl,-rpath,'$$ORIGIN/../lib' \
		-lgtest_main -lgtest -lcrypto -lsqlite3 -pthread

UNIT_TESTS += $(O)/tests/card_test
