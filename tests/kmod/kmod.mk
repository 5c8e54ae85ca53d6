# SPDX-License-Identifier: GPL-2.0-or-later
# The driver's test program. Static, so that it runs in any guest; so it has no sanitized variant.

ifneq ($(SAN),1)
IOCTL_TEST_OBJECTS := $(patsubst %.cpp,$(O)/%.o,$(wildcard tests/kmod/*.cpp))
ALL += $(O)/tests/ioctl_test

$(O)/tests/ioctl_test: $(IOCTL_TEST_OBJECTS)
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) -static $(LDFLAGS) -o $@ $^
endif
