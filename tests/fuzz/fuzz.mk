# SPDX-License-Identifier: GPL-2.0-or-later
# libFuzzer targets. `make fuzz-elf` runs the ELF fuzzer for FUZZ_SECONDS; its corpus stays in build/fuzz/elf.

FUZZ_SECONDS ?= 60
FUZZ_FLAGS := -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I. -Iinclude

build/fuzz/elf_fuzz: tests/fuzz/elf_fuzz.cpp $(wildcard card/fm/*.cpp card/fm/*.hpp card/fm/*.def)
	@mkdir -p $(@D)
	$(QUIET_LINK)clang++ $(FUZZ_FLAGS) -o $@ $(filter %.cpp,$^)

build/fuzz/make_elf_corpus: $(O)/tests/fuzz/make_elf_corpus.o $(FMCPU_OBJECTS)
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CXX) $(LDFLAGS) -o $@ $^

.PHONY: fuzz-elf
fuzz-elf: build/fuzz/elf_fuzz build/fuzz/make_elf_corpus
	@mkdir -p build/fuzz/elf
	build/fuzz/make_elf_corpus build/fuzz/elf
	build/fuzz/elf_fuzz -max_total_time=$(FUZZ_SECONDS) -max_len=32768 -artifact_prefix=build/fuzz/ -print_final_stats=1 \
		build/fuzz/elf
