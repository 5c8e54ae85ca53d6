# SPDX-License-Identifier: GPL-2.0-or-later
# Static checks of the driver (docs/packaging.md).
.PHONY: check-kernel
check-kernel: packages
	@tests/kernel/check-kernel
