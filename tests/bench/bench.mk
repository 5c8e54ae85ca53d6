# SPDX-License-Identifier: GPL-2.0-or-later
# Benchmarks on the host: `make benchmarks`. The FM that fmcpu_bench runs is compiled from C here.

FMCPU_OBJECTS := $(patsubst %.cpp,$(O)/%.o,$(wildcard card/fm/*.cpp))
FMCPU_BENCH_ELFS := build/fm/bench/rv32im.elf build/fm/bench/rv32im_zba_zbb.elf

# Without a C library: the compiler must not make loops into calls of one.
build/fm/bench/%.elf: tests/bench/fm_bench.c tests/bench/fm_bench_work.c tests/bench/fm_bench_work.h \
		tests/bench/fm_bench.lds include/k7/fm_abi.h
	@mkdir -p $(@D)
	$(QUIET_GEN)riscv64-unknown-elf-gcc -march=$* -mabi=ilp32 -O2 -ffreestanding -nostdlib -fno-builtin \
		-fno-tree-loop-distribute-patterns -Wall -Wextra -Werror -Iinclude -Wl,-z,max-page-size=4096 \
		-Wl,--build-id=none -T tests/bench/fm_bench.lds -o $@ $(filter %.c,$^)

$(O)/tests/fmcpu_bench: $(O)/tests/bench/fmcpu_bench.o $(O)/tests/bench/fm_bench_work.o $(FMCPU_OBJECTS) | $(FMCPU_BENCH_ELFS)
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -o $@ $^ -lbenchmark -pthread

$(O)/tests/card_bench: $(O)/tests/bench/card_bench.o $(O)/lib/libk7card.so.0
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -o $@ $^ -Wl,-rpath,'$$ORIGIN/../lib' -lbenchmark -lgtest -lcrypto -pthread

# What card/fm/fusions.def is chosen by.
$(O)/tests/fmcpu_sequences: $(O)/tests/bench/fmcpu_sequences.o $(FMCPU_OBJECTS)
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -o $@ $^ -pthread

BENCHMARKS += $(O)/tests/fmcpu_bench $(O)/tests/card_bench

# What tests/bench/run measures with, in the guest. Static, so that it runs in any guest; so it has no sanitized variant.
ifneq ($(SAN),1)
BENCH_GUEST_OBJECTS := $(patsubst %.cpp,$(O)/%.o,$(wildcard tests/bench/guest/*.cpp))
ALL += $(O)/tests/bench_guest

$(O)/tests/bench_guest: $(BENCH_GUEST_OBJECTS)
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) -static $(LDFLAGS) -o $@ $^ -luring -pthread
endif
