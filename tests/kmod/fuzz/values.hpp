// SPDX-License-Identifier: GPL-2.0-or-later
//
// Values for the fields of structures: mostly ones that a decent program would use, so that calls get far, and often
// enough ones at and beyond the limits.
#pragma once

#include <vector>

#include "tests/kmod/fuzz/arguments.hpp"
#include "tests/kmod/fuzz/memory.hpp"
#include "tests/kmod/fuzz/random.hpp"

namespace k7fuzz {

class Values {
  public:
    Values();

    /// Fill @p bytes, which has room for @p layout, and what its array points to.
    void fill(std::span<std::byte> bytes, const Layout &layout, Random &random);
    /// Some address, good or bad.
    std::uint64_t address(Random &random, bool for_output);

  private:
    std::uint64_t value(const Field &field, const Layout &layout, Random &random);
    std::uint64_t array(const Layout &element, Random &random);

    Pages data_;     ///< payloads go and come here
    Pages elements_; ///< arrays of structures
    Pages constant_; ///< can be read, not written
};

} // namespace k7fuzz
