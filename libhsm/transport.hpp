// SPDX-License-Identifier: Apache-2.0
//
// The seam inside libhsm. Its language is the driver's own ABI, so that the driver, the in-process card and the fakes
// of the tests are interchangeable, and there is one place (card.cpp) that turns errno into errors for people.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <linux/k7hsm.h>

namespace hsm {

/// One channel to one card. Each call returns 0 or an errno with the meaning that linux/k7hsm.h gives it, never throws
/// for what the card does, and may come from several threads.
class Transport {
  public:
    Transport() = default;
    Transport(const Transport &) = delete;
    Transport &operator=(const Transport &) = delete;
    virtual ~Transport() = default;

    [[nodiscard]] virtual const std::string &name() const noexcept = 0;
    [[nodiscard]] virtual int descriptor() const noexcept { return -1; }

    virtual int info(k7_ioc_info &info) = 0;
    virtual int query(k7_ioc_query &query) = 0;
    virtual int request(k7_ioc_request &request) = 0;
    virtual int erase(k7_ioc_erase &erase) = 0;
    virtual int reset(k7_ioc_reset &reset) = 0;
    virtual int event(k7_ioc_event &event) = 0;
};

/// @param node an existing path. @throws Error permission, not_found, usage (not a K7 node), not_operational
std::unique_ptr<Transport> open_node(const std::string &node);

/// @param selector sim:STOREFILE[,property=value...]. @throws Error usage, failed
std::unique_ptr<Transport> open_in_process_card(std::string_view selector);

} // namespace hsm
