# SPDX-License-Identifier: GPL-2.0-or-later
# The packages in roots of Debian (docs/packaging.md).
.PHONY: check-dkms check-packages
check-dkms: packages
	@tests/packaging/check-dkms

check-packages: packages
	@$(MAKE) --no-print-directory deb
	@tests/packaging/check-packages
