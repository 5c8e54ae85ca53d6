# SPDX-License-Identifier: Apache-2.0
#
# Builds programs of the host over libhsm: `make host` makes $(OUT)/NAME-host from NAME-host.cpp, the FM's partner, and
# $(OUT)/NAME-test comes from NAME-test.cpp, its tests (hsm/throwaway_card.hpp).
#	CXX, CXXFLAGS	as usual
#	HSM_CFLAGS, HSM_LIBS	where libhsm is; default: what pkg-config says

HSM_CFLAGS ?= $(shell pkg-config --cflags libhsm)
HSM_LIBS ?= $(shell pkg-config --libs libhsm)

.PHONY: host
host: $(FM:%=$(OUT)/%-host)

$(FM:%=$(OUT)/%-host) $(FM:%=$(OUT)/%-test): $(OUT)/%: %.cpp
	@mkdir -p $(@D)
	$(if $(V),,@echo "  HOST     $@";)$(CXX) -std=c++20 -O2 -Wall -Wextra $(CXXFLAGS) $(HSM_CFLAGS) -o $@ $< $(HSM_LIBS) -lcrypto
