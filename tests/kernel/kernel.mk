# SPDX-License-Identifier: GPL-2.0-or-later
# Static checks of the driver (docs/packaging.md), and its package in roots of Debian 12 and 13.
.PHONY: check-kernel check-dkms
check-kernel: packages
	@tests/kernel/check-kernel

check-dkms: packages
	@tests/kernel/check-dkms
