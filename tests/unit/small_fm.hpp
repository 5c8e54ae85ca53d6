// SPDX-License-Identifier: GPL-2.0-or-later
//
// FMs of a few instructions, written by hand, for what no FM of the SDK does.
#pragma once

#include <cstring>
#include <string_view>

#include "tests/unit/fmcpu_assembler.hpp"
#include "tests/unit/fmcpu_machine.hpp"

namespace k7::test {

/// @param code runs at the entry, which is also the start-up
inline fm::test::ElfBuilder small_fm(std::uint32_t fm_id, const fm::test::Words &code) {
    k7_fm_header header{};
    header.magic = K7_FM_HEADER_MAGIC;
    header.header_version = K7_FM_HEADER_VERSION;
    header.fm_id = fm_id;
    header.fm_version = 0x0203;
    std::string_view("tests").copy(header.manufacturer, sizeof(header.manufacturer));
    std::string_view("small").copy(header.product, sizeof(header.product));
    fm::test::ElfBuilder builder = fm::test::ElfBuilder::with_code(code);
    std::memcpy(builder.parts[0].content.data(), &header, sizeof(header));
    return builder;
}

/// Starts well and registers nothing.
inline fm::test::ElfBuilder fm_without_handler(std::uint32_t fm_id) {
    using namespace fm::test::rv;
    return small_fm(fm_id, {addi(a0, x0, 0), jalr(x0, ra, 0)});
}

/// The same in another version.
inline fm::test::ElfBuilder fm_of_version(std::uint32_t fm_id, std::uint16_t version) {
    fm::test::ElfBuilder builder = fm_without_handler(fm_id);
    std::memcpy(builder.parts[0].content.data() + offsetof(k7_fm_header, fm_version), &version, sizeof(version));
    return builder;
}

/// Registers a handler that returns without a reply.
inline fm::test::ElfBuilder fm_without_reply(std::uint32_t fm_id) {
    using namespace fm::test::rv;
    constexpr Word kHandler = fm::test::kCode + 7 * 4;
    return small_fm(fm_id, {lui(a1, kHandler >> 12), addi(a1, a1, kHandler & 0xfff), lui(a0, (fm_id + 0x800) >> 12),
                            addi(a0, a0, static_cast<std::int32_t>(fm_id << 20) >> 20),
                            addi(a7, x0, K7_FM_SVC_REGISTER_RANDOM), ecall, jalr(x0, ra, 0), jalr(x0, ra, 0)});
}

} // namespace k7::test
