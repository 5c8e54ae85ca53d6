# SPDX-License-Identifier: GPL-2.0-or-later
#
# libk7card.so.0: the card without its PCI shell.

include card/fm/flags.mk

CARD_SOURCES := $(wildcard card/*.cpp card/registers/*.cpp card/boot_loader/*.cpp card/rings/*.cpp \
	card/firmware/*.cpp card/fm_host/*.cpp card/smfs/*.cpp card/image/*.cpp card/store/*.cpp card/security/*.cpp \
	card/fm/*.cpp card/debug/*.cpp)
CARD_OBJECTS := $(CARD_SOURCES:%.cpp=$(O)/%.o)
CARD_LIBS := -lcrypto -lsqlite3 -pthread

$(O)/lib/libk7card.so.0: $(CARD_OBJECTS) card/card.map
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -shared -Wl,-soname,libk7card.so.0 -Wl,-z,nodelete -Wl,--version-script=card/card.map \
		-o $@ $(CARD_OBJECTS) $(CARD_LIBS)

$(O)/lib/libk7card.so: $(O)/lib/libk7card.so.0
	@ln -sf libk7card.so.0 $@

ALL += $(O)/lib/libk7card.so.0 $(O)/lib/libk7card.so
