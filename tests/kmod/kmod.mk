# SPDX-License-Identifier: GPL-2.0-or-later
# Test programs of the driver that run in a guest: the ABI's tests, the fuzzer, and every failure one by one. Static, so
# that they run in any guest; so they have no sanitized variant.

ifneq ($(SAN),1)
KMOD_PROGRAMS := $(addprefix $(O)/tests/,ioctl_test k7fuzz k7failnth)
ALL += $(KMOD_PROGRAMS) $(O)/tests/compat_test

$(O)/tests/ioctl_test: $(patsubst %.cpp,$(O)/%.o,$(wildcard tests/kmod/*.cpp))
$(O)/tests/k7fuzz: $(patsubst %.cpp,$(O)/%.o,$(wildcard tests/kmod/fuzz/*.cpp))
$(O)/tests/k7failnth: $(patsubst %.cpp,$(O)/%.o,$(wildcard tests/kmod/failnth/*.cpp))

$(KMOD_PROGRAMS):
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) -static $(LDFLAGS) -o $@ $^

# Of 32 bits, without the C library, which few machines have for them; <asm/...> is that of the 64 bits.
$(O)/tests/compat_test: tests/kmod/compat/compat_test.c
	@mkdir -p $(@D)
	$(QUIET_CC)$(CC) -m32 -march=i686 -std=c11 -O2 -ffreestanding -fno-stack-protector -fno-pic -no-pie -nostdlib -static \
		$(filter-out -Wnon-virtual-dtor,$(WARNINGS)) $(CPPFLAGS) -idirafter /usr/include/$(shell $(CC) -print-multiarch) \
		-MMD -MP -MF $@.d -o $@ $<
endif
