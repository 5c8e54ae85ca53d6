# SPDX-License-Identifier: GPL-2.0-or-later
#
# libFuzzer targets, with ASan and UBSan: tests/fuzz/NAME_fuzz.cpp against the card's own objects. `make fuzz-NAME` runs
# one for FUZZ_SECONDS. It starts from tests/fuzz/corpus/NAME, which is kept small, and from what it found before in
# build/fuzz/NAME; what breaks goes to build/fuzz. `make fuzz-minimise-NAME` puts the least that covers the same into
# build/fuzz/NAME.min, for tests/fuzz/corpus; those there whose name is a hash came so, the others were written.

FUZZERS := elf image services card
FUZZ_SECONDS ?= 60
FUZZ_CXX ?= clang++
FUZZ_FLAGS := -std=c++20 -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all $(CPPFLAGS)
FUZZ_CARD_OBJECTS := $(CARD_SOURCES:%.cpp=build/fuzz/objects/%.o)

# How long an input may get, and what else differs.
fuzz_elf_options := -max_len=32768
fuzz_image_options := -max_len=32768
fuzz_services_options := -max_len=4096
fuzz_card_options := -max_len=2048 -len_control=0

build/fuzz/objects/%.o: %.cpp
	@mkdir -p $(@D)
	$(QUIET_CXX)$(FUZZ_CXX) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<

$(FUZZERS:%=build/fuzz/%_fuzz): build/fuzz/%_fuzz: build/fuzz/objects/tests/fuzz/%_fuzz.o
	$(QUIET_LINK)$(FUZZ_CXX) $(subst fuzzer-no-link,fuzzer,$(FUZZ_FLAGS)) -o $@ $^ $(CARD_LIBS)

build/fuzz/elf_fuzz: $(filter build/fuzz/objects/card/fm/%,$(FUZZ_CARD_OBJECTS))
build/fuzz/image_fuzz build/fuzz/services_fuzz build/fuzz/card_fuzz: $(FUZZ_CARD_OBJECTS)

-include $(shell [ -d build/fuzz/objects ] && find build/fuzz/objects -name '*.d')

.PHONY: $(FUZZERS:%=fuzz-%) $(FUZZERS:%=fuzz-minimise-%)
$(FUZZERS:%=fuzz-%): fuzz-%: build/fuzz/%_fuzz
	@mkdir -p build/fuzz/$*
	build/fuzz/$*_fuzz -max_total_time=$(FUZZ_SECONDS) $(fuzz_$*_options) -artifact_prefix=build/fuzz/ \
		-print_final_stats=1 build/fuzz/$* $(wildcard tests/fuzz/corpus/$*)

$(FUZZERS:%=fuzz-minimise-%): fuzz-minimise-%: build/fuzz/%_fuzz
	@mkdir -p build/fuzz/$*.min
	build/fuzz/$*_fuzz $(fuzz_$*_options) -merge=1 -use_counters=0 build/fuzz/$*.min build/fuzz/$* $(wildcard tests/fuzz/corpus/$*)
