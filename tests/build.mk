# SPDX-License-Identifier: GPL-2.0-or-later
# Collects the fragments of the test folders; `unit-tests` builds every GoogleTest binary of UNIT_TESTS.
include $(sort $(wildcard tests/*/*.mk))

.PHONY: unit-tests print-unit-tests benchmarks
unit-tests: $(UNIT_TESTS) fms

print-unit-tests:
	@printf '%s\n' $(UNIT_TESTS)

benchmarks: $(BENCHMARKS) fms
	@for benchmark in $(BENCHMARKS); do $$benchmark; done
