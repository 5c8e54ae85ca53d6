# SPDX-License-Identifier: GPL-2.0
#
# k7hsm.ko for each kernel of KERNELS (names of tests/vm/kernels), in build/kmod/RELEASE. It is built from links to the
# sources, so that the source tree stays clean.
#
#   kmod          the modules: W=1, warnings are errors
#   kmod-sparse   the same sources through sparse, with endian checks

KERNELS ?= $(shell tests/vm/kernels default)
KMOD_INPUTS := $(wildcard kmod/*.c kmod/*.h) kmod/Kbuild
KMOD_HEADERS := include/uapi/linux/k7hsm.h $(wildcard include/k7/*)

.PHONY: kmod kmod-sparse
kmod: $(KERNELS:%=build/kmod/%.stamp)
kmod-sparse: $(KERNELS:%=build/kmod/%.sparse)

# $(1): kernel name, $(2): suffix of the folder, $(3): further arguments of Kbuild
define kmod-kbuild
	@mkdir -p build/kmod
	+@eval "$$(sed -n '/^release=/p;/^headers=/p' build/kernels/$(1).info)"; \
	folder=$(abspath build/kmod)/$$release$(2); \
	mkdir -p "$$folder"; \
	find "$$folder" -maxdepth 1 -type l -delete; \
	ln -s $(abspath $(KMOD_INPUTS)) "$$folder/"; \
	echo "  KBUILD   $${folder#$(CURDIR)/}"; \
	env -u MAKEFLAGS $(MAKE) -s -C "$$headers" M="$$folder" K7_INCLUDE=$(abspath include) KCFLAGS=-Werror $(3) modules
	@touch $@
endef

build/kmod/%.stamp: build/kernels/%.info $(KMOD_INPUTS) $(KMOD_HEADERS) kmod/build.mk
	$(call kmod-kbuild,$*,,W=1)

build/kmod/%.sparse: build/kernels/%.info $(KMOD_INPUTS) $(KMOD_HEADERS) kmod/build.mk
	$(call kmod-kbuild,$*,-sparse,C=2 CF="-D__CHECK_ENDIAN__ -Wsparse-error")
