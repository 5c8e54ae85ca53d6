# SPDX-License-Identifier: GPL-2.0-or-later
#
# k7hsm. The two commands of the README, `make demo` and `make check`, install what is missing, build what is out of
# date and run. `make help` lists the targets. Each folder has its rules in a build.mk, included below.

SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif

VERSION := 0.1.0

# ---- Variants: SAN=1 builds user space with ASan and UBSan below build/san -------------------------------------------
ifeq ($(SAN),1)
O := build/san
SAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT := -O1 -g1
else
O := build
SAN_FLAGS :=
OPT := -O2
endif

CC := gcc
CXX := g++
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Wcast-qual -Wformat=2 -Wundef
CPPFLAGS := -I. -Iinclude -Iinclude/uapi -DK7HSM_VERSION='"$(VERSION)"'
CXXFLAGS := -std=c++20 -g $(OPT) -fPIC -fvisibility=hidden -D_FORTIFY_SOURCE=2 -fstack-protector-strong $(SAN_FLAGS) \
	$(WARNINGS) $(CPPFLAGS)
CFLAGS := -std=c11 -g $(OPT) -fPIC -fvisibility=hidden $(SAN_FLAGS) $(filter-out -Wnon-virtual-dtor,$(WARNINGS)) $(CPPFLAGS)
LDFLAGS := $(SAN_FLAGS) -Wl,-z,relro,-z,now -Wl,--as-needed
ifeq ($(SAN),1)
# With sanitizers GCC takes members of a std::variant for uninitialized that are not there.
CXXFLAGS := $(filter-out -D_FORTIFY_SOURCE=2,$(CXXFLAGS)) -Wno-maybe-uninitialized
# The tests themselves need not be fast, and compile in two thirds of the time.
$(O)/tests/unit/%.o: CXXFLAGS += -O0
endif

ALL :=
UNIT_TESTS :=
BENCHMARKS :=

# The first rule of the file is the default goal.
.PHONY: all
all:

$(O)/%.o: %.cpp
	@mkdir -p $(@D)
	$(QUIET_CXX)$(CXX) $(CXXFLAGS) $($(*F)_CXXFLAGS) -MMD -MP -c -o $@ $<

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(QUIET_CC)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

ifneq ($(V),1)
QUIET_CXX = @echo "  CXX      $@";
QUIET_CC = @echo "  CC       $@";
QUIET_LINK = @echo "  LINK     $@";
QUIET_GEN = @echo "  GEN      $@";
endif

PARTS := card libhsm utils fmsdk kmod card/qemu tests
include $(PARTS:%=%/build.mk)

-include $(shell [ -d $(O) ] && find $(O) -name '*.d' -not -path '$(O)/kmod/*')

all: $(ALL)

# ---- What a person types ---------------------------------------------------------------------------------------------
# These install packages first and then start make anew, because the rules ask pkg-config while they are read.

.PHONY: demo check check-fast shell bench packages help clean install format

packages:
	@packaging/install-packages

demo: packages
	@$(MAKE) --no-print-directory guest-parts fms
	@tests/demo/run

check: packages
	@tests/check $(if $(UNTIL),--until $(UNTIL))

check-fast: packages
	@tests/check --fast

shell: packages
	@$(MAKE) --no-print-directory guest-parts
	@tests/vm/run --shell

bench: packages
	@$(MAKE) --no-print-directory KERNELS="$$(tests/bench/run --which-kernel)" guest-parts $(O)/tests/card_bench \
		$(O)/tests/fmcpu_bench
	@tests/bench/run

# Everything that a guest with a card consists of.
.PHONY: guest-parts
guest-parts: all qemu kernels kmod

# clang-tidy over the product; a file is looked at again when it or what it includes has changed.
LINT_SOURCES := $(wildcard $(foreach part,card libhsm utils,$(part)/*.cpp $(part)/*/*.cpp))
.PHONY: lint
lint: $(LINT_SOURCES:%.cpp=build/tidy/%.ok)

build/tidy/%.ok: build/%.o .clang-tidy
	@mkdir -p $(@D)
	@echo "  TIDY     $*.cpp"; clang-tidy --quiet $*.cpp -- -x c++ -std=c++20 $(CPPFLAGS) >$@.log 2>/dev/null || \
		{ cat $@.log; exit 1; }
	@touch $@

format:
	clang-format -i $$(git ls-files '*.cpp' '*.hpp' 'card/*.h' ':!kmod' ':!card/qemu')

clean:
	rm -rf build

PREFIX ?= /usr/local
install: all
	@packaging/install $(PREFIX)

help:
	@echo 'make demo        an FM halts the card and fmrecover brings it back, in a guest, step by step'
	@echo 'make check       all tests; ends with "N passed, N failed"'
	@echo 'make check-fast  the tests that need no guest'
	@echo 'make check-kernel static checks of the driver'
	@echo 'make deb-dkms    package k7hsm-dkms in build/deb'
	@echo 'make deb         packages of libraries, tools and FM SDK as well'
	@echo 'make shell       a shell in a guest with a card'
	@echo 'make             build all but QEMU, kernels and driver'
	@echo 'make guest-parts build those as well'
	@echo 'make bench       the card beside NVMe, a TPM and virtio-crypto, in a guest'
	@echo 'make benchmarks  FM CPU and card by themselves'
	@echo 'make format      clang-format over user space and card'
	@echo 'make install     tools, library, man pages to PREFIX (default /usr/local)'
	@echo 'SAN=1            as above, with ASan and UBSan, below build/san'
