# SPDX-License-Identifier: GPL-2.0-or-later
#
# The tools: utils/NAME.cpp with what they share, utils/common/, over libhsm.so.0.

# Where a tool looks for libhsm first, so that a tree that was never installed works; packages go without.
RPATH := $$ORIGIN/../lib

TOOLS := $(notdir $(basename $(wildcard utils/*.cpp)))
TOOL_COMMON := $(patsubst %.cpp,$(O)/%.o,$(wildcard utils/common/*.cpp))

$(TOOLS:%=$(O)/bin/%): $(O)/bin/%: $(O)/utils/%.o $(TOOL_COMMON) $(O)/lib/libhsm.so.0
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) $(RPATH:%=-Wl,-rpath,'%') -o $@ $(filter %.o,$^) $(O)/lib/libhsm.so.0 -pthread

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

# Debian packages of libraries, tools and FM SDK in build/deb, beside the driver's. They are built apart from the tree,
# without the paths to libraries that the tree's own tools have.
.PHONY: deb deb-parts
deb: deb-dkms
	+@$(MAKE) --no-print-directory O=build/deb/tree RPATH= PREFIX=/usr deb-parts
	@packaging/deb/build-user $(VERSION)

deb-parts: $(TOOLS:%=$(O)/bin/%) $(MAN_PAGES) $(O)/lib/libhsm.so.0 $(O)/lib/libhsm.so $(O)/lib/libk7card.so.0 \
	$(O)/lib/pkgconfig/libhsm.pc
