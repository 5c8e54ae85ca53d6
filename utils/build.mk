# SPDX-License-Identifier: GPL-2.0-or-later
#
# The tools: utils/NAME.cpp with what they share, utils/common/, over libhsm.so.0.

TOOLS := $(notdir $(basename $(wildcard utils/*.cpp)))
TOOL_COMMON := $(patsubst %.cpp,$(O)/%.o,$(wildcard utils/common/*.cpp))

$(TOOLS:%=$(O)/bin/%): $(O)/bin/%: $(O)/utils/%.o $(TOOL_COMMON) $(O)/lib/libhsm.so.0
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -Wl,-rpath,'$$ORIGIN/../lib' -o $@ $(filter %.o,$^) $(O)/lib/libhsm.so.0 -pthread

# A tool with subcommands of some size has a folder for them.
$(O)/bin/fmsdk: $(patsubst %.cpp,$(O)/%.o,$(wildcard utils/fmsdk/*.cpp))
$(O)/bin/hsm: $(patsubst %.cpp,$(O)/%.o,$(wildcard utils/hsm/*.cpp))

ALL += $(TOOLS:%=$(O)/bin/%)

# Man pages: the parts that all of them share are one file each.
MAN_PAGES := $(patsubst docs/man/%,$(O)/man/%,$(wildcard docs/man/*.[18]))

$(MAN_PAGES): $(O)/man/%: docs/man/% $(wildcard docs/man/include/*.mdoc)
	@mkdir -p $(@D)
	$(QUIET_GEN)awk '/^@include / { sub(/@$$/, "", $$2); file = "docs/man/include/" $$2 ".mdoc"; \
		while ((result = (getline line < file)) > 0) print line; if (result < 0) exit 1; close(file); next } \
		{ print }' $< > $@

ALL += $(MAN_PAGES)
