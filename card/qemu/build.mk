# SPDX-License-Identifier: GPL-2.0-or-later
# QEMU with the k7-hsm device. build-qemu keeps the binary in a cache outside the tree; here is a link to it.

QEMU_LINK := $(O)/qemu/qemu-system-x86_64
QEMU_STAMP := $(O)/qemu/stamp

# The stamp says nothing when the cache was removed under the link.
ifeq ($(wildcard $(QEMU_LINK)),)
.PHONY: $(QEMU_STAMP)
endif

.PHONY: qemu
qemu: $(QEMU_STAMP)

$(QEMU_STAMP): $(O)/lib/libk7card.so.0 card/qemu/k7-hsm.c card/k7card.h card/qemu/build-qemu $(wildcard card/qemu/patches/*)
	@mkdir -p $(@D)
	@binary=$$(card/qemu/build-qemu $<) && ln -sfn "$$binary" $(QEMU_LINK) && touch $@
