# SPDX-License-Identifier: GPL-2.0-or-later
# A C program over hsm/md.h and libhsm, as people outside write them: public header only, C11 to the letter. tests/cli
# runs it; in a guest it works with the cards there.

$(O)/tests/md_test: tests/md/md_test.c include/hsm/md.h $(O)/lib/libhsm.so.0
	@mkdir -p $(@D)
	$(QUIET_LINK)$(CC) -std=c11 -pedantic $(OPT) -g $(SAN_FLAGS) $(filter-out -Wnon-virtual-dtor,$(WARNINGS)) \
		-Wstrict-prototypes -Wmissing-prototypes -Iinclude $(LDFLAGS) -Wl,-rpath,'$$ORIGIN/../lib' -o $@ $< \
		$(O)/lib/libhsm.so.0 -pthread

ALL += $(O)/tests/md_test
