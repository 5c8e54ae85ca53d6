// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "card/fm/elf.hpp"
#include "k7/fm_abi.h"

namespace k7::fm {

std::vector<Range> own_memory(std::span<const std::byte> elf) {
    std::vector<Range> ranges;
    for (const Segment &segment : parse_elf(elf).segments)
        if (segment.write)
            ranges.push_back({segment.address, (segment.memory_size + K7_FM_PAGE - 1) / K7_FM_PAGE * K7_FM_PAGE});
    ranges.push_back({K7_FM_HEAP_BASE, K7_FM_HEAP_SIZE});
    ranges.push_back({K7_FM_STACK_TOP - K7_FM_STACK_SIZE, K7_FM_STACK_SIZE});
    return ranges;
}

Range code_memory(std::span<const std::byte> elf) {
    std::uint32_t begin = K7_FM_SPACE;
    std::uint32_t end = 0;
    for (const Segment &segment : parse_elf(elf).segments) {
        if (!segment.execute)
            continue;
        begin = std::min(begin, segment.address);
        end = std::max(end, segment.address + segment.memory_size);
    }
    return {begin, end - begin};
}

} // namespace k7::fm
