// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "card/fm/memory.hpp"

namespace k7::fm {

/// See FmEngine::backtrace. @p registers are x0 .. x31.
[[nodiscard]] std::vector<std::uint32_t> walk_frames(const AddressSpace &memory,
                                                     std::span<const std::uint32_t, 32> registers, std::uint32_t pc,
                                                     std::size_t limit);

} // namespace k7::fm
