# SPDX-License-Identifier: GPL-2.0-or-later
# A hostile guest against a whole card. `make fuzz-card` runs it for FUZZ_SECONDS; its corpus stays in build/fuzz/card.

build/fuzz/card_fuzz: tests/fuzz/card_fuzz.cpp $(CARD_SOURCES) $(wildcard card/*.hpp card/*/*.hpp include/k7/*)
	@mkdir -p $(@D)
	$(QUIET_LINK)clang++ $(FUZZ_FLAGS) -Iinclude/uapi -DK7HSM_VERSION='"$(VERSION)"' -o $@ $(filter %.cpp,$^) $(CARD_LIBS)

.PHONY: fuzz-card
fuzz-card: build/fuzz/card_fuzz
	@mkdir -p build/fuzz/card
	build/fuzz/card_fuzz -max_total_time=$(FUZZ_SECONDS) -max_len=2048 -len_control=0 -artifact_prefix=build/fuzz/ -print_final_stats=1 \
		build/fuzz/card
