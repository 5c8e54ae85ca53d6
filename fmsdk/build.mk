# SPDX-License-Identifier: Apache-2.0
#
# Builds the samples and the test FMs with the SDK's own fm.mk, just as somebody outside would, to $(FM_OUT)/<name>.elf.
# FMs run on the card's CPU, so SAN=1 makes no difference to them and they are built once, always below build/fm.

FM_OUT := build/fm
FM_FOLDERS := $(patsubst %/,%,$(wildcard fmsdk/samples/*/)) tests/fm
# What the folders make; FM_NAMES are those that can be signed, for toobig is there to be refused.
FM_ALL := $(shell sed -n 's/^FM = //p' $(FM_FOLDERS:%=%/Makefile))
FM_NAMES := $(filter-out toobig,$(FM_ALL))
FM_ELFS := $(FM_ALL:%=$(FM_OUT)/%.elf)
fm_make = $(MAKE) --no-print-directory -s K7_FMSDK=$(CURDIR)/fmsdk OUT=$(CURDIR)/$(FM_OUT)

.PHONY: fms fm-sdk-objects $(FM_FOLDERS:%=fm-folder/%)
fms: $(FM_ELFS)
ALL += fms

# The same with clang and lld, for the tests: FMs may be built with either.
.PHONY: fms-clang
fms-clang:
	+@for folder in $(FM_FOLDERS); do $(fm_make) -C $$folder OUT=$(CURDIR)/build/fm-clang FM_CC=clang; done

# The SDK is compiled once, before the folders that share its objects are built at the same time. What is up to date
# stays as it is, so nothing that is made from an FM is made again.
fm-sdk-objects:
	+@$(fm_make) -f fmsdk/fm.mk sdk

$(FM_FOLDERS:%=fm-folder/%): fm-folder/%: fm-sdk-objects
	+@$(fm_make) -C $*

$(FM_ELFS): $(FM_FOLDERS:%=fm-folder/%) ;
