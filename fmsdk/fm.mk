# SPDX-License-Identifier: Apache-2.0
#
# Builds FMs. The Makefile of an FM is:
#
#	FM = vault
#	include $(K7_FMSDK)/fm.mk
#
# Input:
#	FM		name of the FM; vault is built from vault.c, or vault.cpp. Several names give several FMs.
#	SRCS		further C and C++ files, linked into each of them
#	FM_CFLAGS	further compiler options
#	FM_CXXFLAGS	further ones for C++ only
# On the command line or in the environment:
#	OUT		where everything goes; default obj
#	FM_CC		riscv64-unknown-elf-gcc (default), or a clang with lld beside it
#	FM_CXX		the C++ compiler; default: the one that goes with FM_CC
#	V=1		print the commands
#	K7_FMSDK	the SDK; default: where this file is
#
# Same sources and compiler give the same bytes wherever they lie: paths are cut from the debug information.

K7_FMSDK := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
OUT ?= obj
FM_CC ?= riscv64-unknown-elf-gcc

# In the source tree the ABI header lies beside the SDK, in an installed SDK inside it.
fm_abi := $(if $(wildcard $(K7_FMSDK)/include/k7),$(K7_FMSDK)/include,$(abspath $(K7_FMSDK)/../include))
fm_includes := -I$(K7_FMSDK)/include -isystem $(K7_FMSDK)/include/libc -I$(fm_abi)
# What the debug information says instead of where things lie here; the directory of the compilation is ".".
fm_names = $(addprefix -ffile-prefix-map=,$(K7_FMSDK)/include=fmsdk/include $(K7_FMSDK)/src=fmsdk/src \
	$(fm_abi)/k7=fmsdk/include/k7 $1=.)

# The card's CPU is RV32IM with Zba and Zbb: indexed addresses, rotates and the like, which digests and ciphers live on.
fm_isa := -march=rv32im_zba_zbb -mabi=ilp32
ifneq ($(findstring clang,$(FM_CC)),)
FM_CXX ?= $(subst clang,clang++,$(FM_CC))
fm_target := --target=riscv32-unknown-elf $(fm_isa) -mno-relax
fm_link := -fuse-ld=lld
fm_libs :=
else
FM_CXX ?= $(FM_CC:%gcc=%g++)
fm_target := $(fm_isa)
fm_link :=
# By its name: asked for this ISA, GCC 12 finds the libgcc of 64 bits.
fm_libs = $(shell $(FM_CC) -march=rv32im -mabi=ilp32 -print-libgcc-file-name)
endif

# Frame pointers and real calls make the backtrace of a fault report complete. DWARF 4, because with DWARF 5 tools print
# the directory twice.
fm_common := $(fm_target) -O2 -gdwarf-4 -ffreestanding -ffunction-sections -fdata-sections \
	-fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-common -fno-stack-protector -fno-pic \
	-fno-asynchronous-unwind-tables -Wall -Wextra $(fm_includes)
fm_flags := -std=gnu11 $(fm_common) $(call fm_names,$(CURDIR)) $(FM_CFLAGS)
# Freestanding: no exceptions, no type information, and nobody to call destructors of static objects, for an FM never ends.
fm_cxxflags := -std=c++20 -fno-exceptions -fno-rtti -fno-threadsafe-statics $(fm_common) $(call fm_names,$(CURDIR)) \
	$(FM_CFLAGS) $(FM_CXXFLAGS)
# The SDK defines memcpy and its like, so the compiler must not make their loops into calls of themselves.
fm_sdk_flags := -std=gnu11 $(fm_common) $(call fm_names,$(abspath $(OUT)/sdk)) -Werror -Wshadow -Wconversion \
	-Wno-sign-conversion -fno-builtin $(if $(fm_link),,-fno-tree-loop-distribute-patterns)
fm_ldflags := $(fm_target) $(fm_link) -nostdlib -static -T $(K7_FMSDK)/fm.lds -Wl,--gc-sections -Wl,--discard-locals \
	-Wl,--build-id=none -Wl,-z,max-page-size=4096

fm_sdk_objects := $(patsubst $(K7_FMSDK)/src/%.c,$(OUT)/sdk/%.o,$(sort $(wildcard $(K7_FMSDK)/src/*.c)))
# A name without its file stands for a C file, so that make says what is missing.
fm_sources := $(foreach name,$(FM),$(firstword $(wildcard $(name).cpp $(name).c) $(name).c)) $(SRCS)
fm_objects := $(patsubst %,$(OUT)/%.o,$(sort $(basename $(fm_sources))))
fm_extra_objects := $(filter-out $(FM:%=$(OUT)/%.o),$(fm_objects))

fm_quiet = $(if $(V),,@echo "  FM       $@";)

.PHONY: all sdk clean
.DELETE_ON_ERROR:
all: $(FM:%=$(OUT)/%.elf)
sdk: $(fm_sdk_objects)

# $(call fm_stamp,FILE,TEXT): FILE, rewritten only when TEXT is not its content. What depends on it follows the options.
fm_stamp = $(shell mkdir -p $(dir $1); echo '$(strip $2)' | cmp -s - $1 || echo '$(strip $2)' >$1)$1
ifneq ($(MAKECMDGOALS),clean)
fm_sdk_stamp := $(call fm_stamp,$(OUT)/sdk/options,$(FM_CC) $(fm_sdk_flags))
fm_own_stamp := $(call fm_stamp,$(OUT)/$(firstword $(FM) sdk).options,$(FM_CC) $(fm_flags) $(fm_cxxflags) $(fm_ldflags))
endif

$(fm_sdk_objects): $(OUT)/sdk/%.o: $(K7_FMSDK)/src/%.c $(fm_sdk_stamp)
	$(fm_quiet)cd $(@D) && $(FM_CC) $(fm_sdk_flags) -MMD -MP -c -o $(abspath $@) $<

$(OUT)/%.o: %.c $(fm_own_stamp)
	$(fm_quiet)$(FM_CC) $(fm_flags) -MMD -MP -c -o $@ $<

$(OUT)/%.o: %.cpp $(fm_own_stamp)
	$(fm_quiet)$(FM_CXX) $(fm_cxxflags) -MMD -MP -c -o $@ $<

$(FM:%=$(OUT)/%.elf): $(OUT)/%.elf: $(OUT)/%.o $(fm_extra_objects) $(fm_sdk_objects) $(K7_FMSDK)/fm.lds $(fm_own_stamp)
	$(fm_quiet)$(FM_CC) $(fm_ldflags) -o $@ $(filter %.o,$^) $(fm_libs)

clean:
	rm -rf $(OUT)/sdk $(OUT)/sdk.options $(FM:%=$(OUT)/%.elf) $(FM:%=$(OUT)/%.options) \
		$(fm_objects) $(fm_objects:.o=.d)
	-rmdir $(OUT)

-include $(fm_objects:.o=.d) $(fm_sdk_objects:.o=.d)
