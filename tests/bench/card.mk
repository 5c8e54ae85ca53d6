# SPDX-License-Identifier: GPL-2.0-or-later
# Benchmark of the card through its C ABI.

$(O)/tests/card_bench: $(O)/tests/bench/card_bench.o $(O)/lib/libk7card.so.0
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -o $@ $^ -Wl,-rpath,'$$ORIGIN/../lib' -lbenchmark -lcrypto -pthread

BENCHMARKS += $(O)/tests/card_bench
