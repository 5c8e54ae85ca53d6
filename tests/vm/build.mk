# SPDX-License-Identifier: GPL-2.0-or-later
# Guest kernels, from Debian's packages. KERNELS names others: make kernels KERNELS="debian-6.1 debian-6.12 debug"

KERNELS ?= $(shell tests/vm/kernels default)

# What tests/vm/kernels says of a kernel; changes when the kernel does, so that what was built for it is built anew.
.PHONY: kernels always
kernels: $(KERNELS:%=build/kernels/%.info)
build/kernels/%.info: always
	@mkdir -p $(@D)
	@tests/vm/kernels get $* >$@.new || { rm -f $@.new; exit 1; }
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# The plants, whose faults the guest runner must notice (tests/vm/plants/check builds what it needs through this).
.PHONY: plants
plants: kernels
	@for kernel in $(KERNELS); do tests/vm/plants/build $$kernel >/dev/null || exit 1; done
