# SPDX-License-Identifier: GPL-2.0-or-later
# Benchmarks of the FM CPU: `make benchmarks`. The FM that it runs is compiled from C here.

FMCPU_OBJECTS := $(patsubst %.cpp,$(O)/%.o,$(wildcard card/fm/*.cpp))
FMCPU_BENCH_ELF := build/fm/bench/fm_bench.elf
fmcpu_bench_CXXFLAGS := -DK7_FMCPU_BENCH_ELF='"$(FMCPU_BENCH_ELF)"'

$(FMCPU_BENCH_ELF): tests/bench/fm_bench.c tests/bench/fm_bench.lds include/k7/fm_abi.h
	@mkdir -p $(@D)
	$(QUIET_GEN)riscv64-unknown-elf-gcc -march=rv32im -mabi=ilp32 -O2 -ffreestanding -nostdlib -fno-builtin \
		-fno-tree-loop-distribute-patterns -Wall -Wextra -Werror -Iinclude -Wl,-z,max-page-size=4096 \
		-Wl,--build-id=none -T tests/bench/fm_bench.lds -o $@ tests/bench/fm_bench.c -lgcc

$(O)/tests/fmcpu_bench: $(O)/tests/bench/fmcpu_bench.o $(FMCPU_OBJECTS) | $(FMCPU_BENCH_ELF)
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -o $@ $^ -lbenchmark -pthread

BENCHMARKS += $(O)/tests/fmcpu_bench
