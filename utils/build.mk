# SPDX-License-Identifier: GPL-2.0-or-later
#
# The tools: utils/NAME.cpp with what they share, utils/common/, over libhsm.so.0.

TOOLS := $(notdir $(basename $(wildcard utils/*.cpp)))
TOOL_COMMON := $(patsubst %.cpp,$(O)/%.o,$(wildcard utils/common/*.cpp))

$(TOOLS:%=$(O)/bin/%): $(O)/bin/%: $(O)/utils/%.o $(TOOL_COMMON) $(O)/lib/libhsm.so.0
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -Wl,-rpath,'$$ORIGIN/../lib' -o $@ $< $(TOOL_COMMON) $(O)/lib/libhsm.so.0 -pthread

ALL += $(TOOLS:%=$(O)/bin/%)
