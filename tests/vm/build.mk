# SPDX-License-Identifier: GPL-2.0-or-later
# Guest kernels, from Debian's packages. KERNELS names others: make kernels KERNELS="debian-6.1 debian-6.12"

KERNELS ?= $(shell tests/vm/kernels default)

.PHONY: kernels
kernels:
	@for kernel in $(KERNELS); do tests/vm/kernels get $$kernel >/dev/null || exit 1; done

# The plants, whose faults the guest runner must notice (tests/vm/plants/check builds what it needs through this).
.PHONY: plants
plants: kernels
	@for kernel in $(KERNELS); do tests/vm/plants/build $$kernel >/dev/null || exit 1; done
