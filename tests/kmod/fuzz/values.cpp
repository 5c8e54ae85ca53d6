// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/kmod/fuzz/values.hpp"

#include <array>

#include "k7/hw.h"

namespace k7fuzz {
namespace {

constexpr std::size_t kDataBytes = 0x401000; // a page more than the largest payload
constexpr std::size_t kElements = 260;       // a few more than an array may have

// Without those that take the HSM SO away, after whom no FM runs any more: a program finds them now and then by chance.
constexpr bool ends_the_game(std::uint32_t opcode) {
    return opcode == K7_CMD_HSM_LOGIN || opcode == K7_CMD_HSM_ZEROIZE || opcode == K7_CMD_HSM_FACTORY_RESET ||
           opcode == K7_CMD_HSM_DECOMMISSION;
}

constexpr std::array kOpcodes{
#define K7_COMMAND(name, opcode, in_min, in_max, states, access)                                                       \
    ends_the_game(opcode) ? std::uint32_t{K7_CMD_NOP} : std::uint32_t{opcode},
#include <k7/commands.def>
#undef K7_COMMAND
};

constexpr std::array<std::uint64_t, 14> kLengths{0,    0,     0,     1,        8,        32,       64,
                                                 4096, 65535, 65536, 0x100000, 0x400000, 0x400001, 0xffffffff};
constexpr std::array<std::uint64_t, 8> kCounts{1, 1, 2, 8, 256, 257, 0, 0xffffffff};
constexpr std::array<std::uint64_t, 10> kNumbers{0, 1, 2, 32, 64, 0xa000, 0xffff, 0x10000, 0x7fffffff, 0xffffffff};
constexpr std::array<std::uint64_t, 6> kTimeouts{1, 1, 5, 10, 0, 0xffffffff};
constexpr std::array<std::uint64_t, 6> kBadAddresses{
    0, 8, 0xdead0000, 0x7ffffffff000, 0x8000000000000000, 0xffff888000000000,
};

template <std::size_t N>
std::uint64_t one_of(const std::array<std::uint64_t, N> &values, Random &random) {
    return values[random.below(N)];
}

std::uint64_t size_of(const Layout &layout, Random &random) {
    if (!random.once_in(12))
        return layout.bytes;
    const std::array<std::uint64_t, 7> odd{0, 4, layout.bytes - 1, layout.bytes + 8, 4096, 4097, 0xffffffff};
    return one_of(odd, random);
}

void put(std::span<std::byte> bytes, const Field &field, std::uint64_t value) {
    std::memcpy(bytes.data() + field.offset, &value, field.bytes); // little endian: the low bytes come first
}

} // namespace

Values::Values()
    : data_(kDataBytes, PROT_READ | PROT_WRITE), elements_(kElements * 80 / 4096 * 4096 + 4096, PROT_READ | PROT_WRITE),
      constant_(0x10000, PROT_READ) {}

std::uint64_t Values::address(Random &random, bool for_output) {
    switch (random.below(12)) {
    case 0:
        return one_of(kBadAddresses, random);
    case 1:
        return address_of(data_.last(1 + random.below(128)));
    case 2:
        return for_output && random.once_in(2) ? address_of(constant_.span()) : address_of(data_.span()) + 1;
    default:
        return address_of(data_.span());
    }
}

// The elements are shared by all calls, also those that another thread makes meanwhile.
std::uint64_t Values::array(const Layout &element, Random &random) {
    if (random.once_in(16))
        return address(random, true);
    const std::size_t filled = 1 + random.below(8);
    for (std::size_t i = 0; i < filled; i++)
        fill(elements_.span().subspan(i * element.bytes, element.bytes), element, random);
    return address_of(elements_.span());
}

std::uint64_t Values::value(const Field &field, const Layout &layout, Random &random) {
    switch (field.kind) {
    case Kind::Size: {
        const bool own = field.offset == 0 || layout.element == nullptr;
        return size_of(own ? layout : *layout.element, random);
    }
    case Kind::Opcode:
        return random.once_in(20) ? random.next() : kOpcodes[random.below(kOpcodes.size())];
    case Kind::Choice:
        return random.once_in(20) ? random.next() : random.below(5);
    case Kind::Flags:
    case Kind::Reserved:
        return random.once_in(20) ? std::uint64_t{1} << random.below(32) : 0;
    case Kind::Timeout:
        return one_of(kTimeouts, random);
    case Kind::Input:
        return address(random, false);
    case Kind::Output:
        return address(random, true);
    case Kind::Array:
        return layout.element == nullptr ? 0 : array(*layout.element, random);
    case Kind::Count:
        return one_of(kCounts, random);
    case Kind::Length:
        return one_of(kLengths, random);
    case Kind::Number:
        break;
    }
    return random.once_in(4) ? random.next() : one_of(kNumbers, random);
}

void Values::fill(std::span<std::byte> bytes, const Layout &layout, Random &random) {
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
    for (const Field &field : layout.fields)
        put(bytes, field, value(field, layout, random));
    if (random.once_in(50))
        bytes[random.below(bytes.size())] = static_cast<std::byte>(random.next());
}

} // namespace k7fuzz
