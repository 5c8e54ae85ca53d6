# SPDX-License-Identifier: GPL-2.0-or-later
#
# libhsm.so.0 and its pkg-config file.

comma := ,
HSM_SOURCES := $(wildcard libhsm/*.cpp)
HSM_OBJECTS := $(HSM_SOURCES:%.cpp=$(O)/%.o)
HSM_LIBS := -lcrypto -ludev -lpci -ldw -lelf -ldl -pthread

# The card is looked for beside the library first (dlopen): a tree that was never installed works.
$(O)/lib/libhsm.so.0: $(HSM_OBJECTS) libhsm/libhsm.map
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) -shared -Wl,-soname,libhsm.so.0 -Wl,--version-script=libhsm/libhsm.map \
		$(if $(RPATH),-Wl$(comma)-rpath$(comma)'$$ORIGIN') $(LDFLAGS) -o $@ $(HSM_OBJECTS) $(HSM_LIBS)

$(O)/lib/libhsm.so: $(O)/lib/libhsm.so.0
	@ln -sfn libhsm.so.0 $@

# `make install PREFIX=...` makes it anew, so that it names the right prefix.
.PHONY: libhsm-pc
libhsm-pc: $(O)/lib/pkgconfig/libhsm.pc
$(O)/lib/pkgconfig/libhsm.pc: libhsm/libhsm.pc.in Makefile
	@mkdir -p $(@D)
	$(QUIET_GEN)sed -e 's|@PREFIX@|$(if $(PREFIX),$(PREFIX),/usr/local)|; s|@VERSION@|$(VERSION)|' $< > $@

ALL += $(O)/lib/libhsm.so.0 $(O)/lib/libhsm.so $(O)/lib/pkgconfig/libhsm.pc
