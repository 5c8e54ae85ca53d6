// SPDX-License-Identifier: GPL-2.0-or-later
//
// The same numbers for the same seed, on every machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace k7fuzz {

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }

    /// 0 .. @p bound - 1; @p bound is not 0.
    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }
    /// True once in @p times.
    bool once_in(std::size_t times) { return below(times) == 0; }

  private:
    std::uint64_t state_;
};

} // namespace k7fuzz
