// SPDX-License-Identifier: GPL-2.0-or-later
//
// What an FM, and services for it, can reach: permissions, message pages, spans across pages, wiping.
#include <algorithm>

#include <gtest/gtest.h>

#include "card/fm/memory.hpp"
#include "tests/unit/fmcpu_assembler.hpp"
#include "tests/unit/fmcpu_machine.hpp"

namespace k7::fm::test {
namespace {

using namespace rv;

constexpr Word kStackEnd = K7_FM_STACK_TOP - K7_FM_STACK_SIZE;

bool all_zero(std::span<const std::byte> bytes) {
    return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

TEST(Loading, ContentIsThereAndTheRestOfTheSegmentIsZero) {
    Machine machine({ret});
    const auto data = *machine.engine->readable(kData, kDataSize);
    EXPECT_TRUE(std::ranges::all_of(data.first(16), [](std::byte byte) { return byte == std::byte{0x5a}; }));
    EXPECT_TRUE(all_zero(data.subspan(16)));
    EXPECT_EQ((*machine.engine->readable(kHeader, 1))[0], std::byte{1});
    EXPECT_EQ(machine.engine->entry(), kCode);
}

TEST(Loading, HeapAndStackStartZeroAndWritable) {
    Machine machine({ret});
    for (const auto &[base, size] : {std::pair{K7_FM_HEAP_BASE, K7_FM_HEAP_SIZE}, {kStackEnd, K7_FM_STACK_SIZE}}) {
        const auto memory = machine.engine->readable(base, size);
        ASSERT_TRUE(memory);
        EXPECT_TRUE(all_zero(*memory));
        EXPECT_TRUE(machine.engine->writable(base, size));
    }
}

struct SpanCase {
    const char *name;
    Word address;
    Word length;
    bool readable;
    bool writable;
};

void PrintTo(const SpanCase &span, std::ostream *out) {
    *out << span.name;
}

class Span : public testing::TestWithParam<SpanCase> {};

TEST_P(Span, IsGivenOnlyWhenAllOfItIsPermitted) {
    Machine machine({ret});
    const auto &[name, address, length, may_read, may_write] = GetParam();
    const auto readable = machine.engine->readable(address, length);
    const auto writable = machine.engine->writable(address, length);
    ASSERT_EQ(readable.has_value(), may_read);
    ASSERT_EQ(writable.has_value(), may_write);
    EXPECT_EQ(readable.value_or(std::span<const std::byte>{}).size(), may_read ? length : 0);
    EXPECT_EQ(writable.value_or(std::span<std::byte>{}).size(), may_write ? length : 0);
}

const SpanCase kSpanCases[] = {
    {"one byte of data", kData, 1, true, true},
    {"all data", kData, kDataSize, true, true},
    {"across a page border", kData + K7_FM_PAGE - 1, 2, true, true},
    {"last byte of data", kData + kDataSize - 1, 1, true, true},
    {"one byte beyond the data", kData, kDataSize + 1, false, false},
    {"one byte before the data", kData - 1, 2, false, false},
    {"header", kHeader, 72, true, false},
    {"header page and code", kHeader, 2 * K7_FM_PAGE, true, false},
    {"code", kCode, 4, true, false},
    {"page 0", 0, 1, false, false},
    {"from page 0", 0xfff, 2, false, false},
    {"whole heap", K7_FM_HEAP_BASE, K7_FM_HEAP_SIZE, true, true},
    {"whole stack", kStackEnd, K7_FM_STACK_SIZE, true, true},
    {"stack and guard", kStackEnd - 1, 2, false, false},
    {"above the stack", K7_FM_STACK_TOP - 1, 2, false, false},
    {"end of the space", K7_FM_SPACE - 1, 1, false, false},
    {"beyond the space", K7_FM_SPACE, 1, false, false},
    {"data's alias beyond the space", K7_FM_SPACE + kData, 1, false, false},
    {"wraps around", kData, 0xffffffff, false, false},
    {"ends at 2^32", 0xfffffff0, 16, false, false},
    {"wraps past 2^32", 0xffffffff, 2, false, false},
    {"longest", 0, 0xffffffff, false, false},
    {"nothing at null", 0, 0, true, true},
    {"nothing at the top", 0xffffffff, 0, true, true},
    {"request without a message", K7_FM_REQUEST_BASE, 1, false, false},
    {"reply without a message", K7_FM_REPLY_BASE, 1, false, false},
};
INSTANTIATE_TEST_SUITE_P(All, Span, testing::ValuesIn(kSpanCases));

TEST(Span, WrittenBytesAreWhatTheFmReads) {
    Machine machine({lw(a0, 0, a0), ret});
    const auto memory = *machine.engine->writable(kData + K7_FM_PAGE - 4, 8);
    std::memset(memory.data(), 0x11, 4);
    std::memset(memory.data() + 4, 0x22, 4);
    EXPECT_EQ(machine.call({kData + K7_FM_PAGE - 4}).value, 0x11111111u);
    EXPECT_EQ(machine.call({kData + K7_FM_PAGE}).value, 0x22222222u);
}

TEST(Segment, WithoutReadOrWithoutWritePermissionIsJustThat) {
    ElfBuilder builder = ElfBuilder::with_code({lw(a0, 0, a0), ret, sw(a1, 0, a0), ret});
    constexpr Word kExecuteOnly = 0x00300000;
    constexpr Word kWriteOnly = 0x00400000;
    builder.parts.push_back({kExecuteOnly, to_bytes({li(a0, 1), ret}), PF_X});
    builder.parts.push_back({kWriteOnly, to_bytes({0}), PF_W});
    Machine machine(builder);
    EXPECT_EQ(machine.call({}, Machine::kBudget, kExecuteOnly).value, 1u);
    EXPECT_EQ(machine.call({kExecuteOnly}).fault.cause, K7_FAULT_LOAD_ACCESS);
    EXPECT_EQ(machine.call({kWriteOnly}).fault.cause, K7_FAULT_LOAD_ACCESS);
    EXPECT_EQ(machine.call({kWriteOnly, 5}, Machine::kBudget, kCode + 8).end, Outcome::End::Returned);
    EXPECT_FALSE(machine.engine->readable(kWriteOnly, 1));
    EXPECT_TRUE(machine.engine->writable(kWriteOnly, 1));
}

Bytes pattern(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::byte>(i * 7 + 1);
    return bytes;
}

TEST(Message, RequestIsReadOnlyAndPaddedWithZeros) {
    Machine machine({lw(a0, 0, a0), ret, sb(a0, 0, a0), ret});
    const Bytes request = pattern(5000);
    machine.engine->map_message(request);
    const auto mapped = machine.engine->readable(K7_FM_REQUEST_BASE, 2 * K7_FM_PAGE);
    ASSERT_TRUE(mapped);
    EXPECT_TRUE(std::ranges::equal(mapped->first(5000), request));
    EXPECT_TRUE(all_zero(mapped->subspan(5000)));
    EXPECT_FALSE(machine.engine->readable(K7_FM_REQUEST_BASE, 2 * K7_FM_PAGE + 1));
    EXPECT_FALSE(machine.engine->writable(K7_FM_REQUEST_BASE, 1));
    EXPECT_EQ(machine.call({K7_FM_REQUEST_BASE}).value, 0x160f0801u);
    EXPECT_EQ(machine.call({K7_FM_REQUEST_BASE}, Machine::kBudget, kCode + 8).fault.cause, K7_FAULT_STORE_ACCESS);
}

TEST(Message, ReplyIsWritableInFullAndZero) {
    Machine machine({sw(a1, 0, a0), lw(a0, 0, a0), ret});
    machine.engine->map_message({});
    const auto reply = machine.engine->readable(K7_FM_REPLY_BASE, K7_FM_MESSAGE_MAX);
    ASSERT_TRUE(reply);
    EXPECT_TRUE(all_zero(*reply));
    EXPECT_EQ(machine.call({K7_FM_REPLY_BASE + K7_FM_MESSAGE_MAX - 4, 99}).value, 99u);
    EXPECT_FALSE(machine.engine->readable(K7_FM_REPLY_BASE, K7_FM_MESSAGE_MAX + 1));
    EXPECT_FALSE(machine.engine->readable(K7_FM_REQUEST_BASE, 1)) << "an empty request maps no page";
}

TEST(Message, LargestRequestFitsAndALargerOneThrows) {
    Machine machine({ret});
    machine.engine->map_message(pattern(K7_FM_MESSAGE_MAX));
    EXPECT_TRUE(machine.engine->readable(K7_FM_REQUEST_BASE, K7_FM_MESSAGE_MAX));
    EXPECT_FALSE(machine.engine->readable(K7_FM_REQUEST_BASE, K7_FM_MESSAGE_MAX + 1));
    EXPECT_THROW(machine.engine->map_message(pattern(K7_FM_MESSAGE_MAX + 1)), std::length_error);
}

TEST(Message, UnmappedAfterTheCallAndWipedForTheNext) {
    // Writes a word to every page of the reply; the host writes to some more.
    Machine machine({sw(sp, 0, a0), lui(t0, 1), add(a0, a0, t0), addi(a1, a1, -1), bne(a1, x0, -16), ret});
    machine.engine->map_message(pattern(K7_FM_MESSAGE_MAX));
    ASSERT_EQ(machine.call({K7_FM_REPLY_BASE, 16}).end, Outcome::End::Returned);
    std::ranges::fill(*machine.engine->writable(K7_FM_REPLY_BASE + 100, 5000), std::byte{0xcc});
    machine.engine->unmap_message();
    EXPECT_FALSE(machine.engine->readable(K7_FM_REQUEST_BASE, 1));
    EXPECT_FALSE(machine.engine->readable(K7_FM_REPLY_BASE, 1));
    EXPECT_EQ(machine.call({K7_FM_REPLY_BASE, 1}).fault.cause, K7_FAULT_STORE_ACCESS);

    machine.engine->map_message(pattern(1));
    EXPECT_TRUE(all_zero(*machine.engine->readable(K7_FM_REPLY_BASE, K7_FM_MESSAGE_MAX)));
    EXPECT_TRUE(all_zero(machine.engine->readable(K7_FM_REQUEST_BASE, K7_FM_PAGE)->subspan(1)));
    machine.engine->map_message(pattern(K7_FM_MESSAGE_MAX)); // without unmapping first
    machine.engine->map_message(pattern(3));
    EXPECT_TRUE(all_zero(machine.engine->readable(K7_FM_REQUEST_BASE, K7_FM_PAGE)->subspan(3)));
    EXPECT_FALSE(machine.engine->readable(K7_FM_REQUEST_BASE, K7_FM_PAGE + 1));
    machine.engine->unmap_message();
    machine.engine->unmap_message();
}

TEST(Message, UnmappingWipesTheBytesThemselves) {
    AddressSpace space;
    space.map_message(pattern(5000));
    std::ranges::fill(*space.writable(K7_FM_REPLY_BASE + 0x3000, 10), std::byte{0xcc});
    space.unmap_message();
    EXPECT_TRUE(all_zero({space.bytes() + K7_FM_REQUEST_BASE, K7_FM_MESSAGE_MAX}));
    EXPECT_TRUE(all_zero({space.bytes() + K7_FM_REPLY_BASE, K7_FM_MESSAGE_MAX}));
}

TEST(Wipe, LeavesNothingOfImageHeapStackAndMessage) {
    AddressSpace space;
    space.map(kData, kDataSize, kRead | kWritable);
    space.map(kCode, K7_FM_PAGE, kRead | kExecute);
    space.fill(kCode, pattern(K7_FM_PAGE));
    space.fill(kData + 100, pattern(50));
    space.map_message(pattern(500));
    for (const Word address : {kData + K7_FM_PAGE, K7_FM_HEAP_BASE + 77, kStackEnd, K7_FM_REPLY_BASE})
        std::ranges::fill(*space.writable(address, 300), std::byte{0xcc});
    ASSERT_TRUE(space.make_writable(K7_FM_STACK_TOP - 1)); // as a store of the FM does
    space.bytes()[K7_FM_STACK_TOP - 1] = std::byte{0xcc};
    space.wipe();
    EXPECT_TRUE(all_zero({space.bytes(), K7_FM_SPACE}));
}

TEST(Message, MemoryOfTheFmStaysBetweenCalls) {
    Machine machine({lw(t0, 0, a0), addi(t0, t0, 1), sw(t0, 0, a0), mv(a0, t0), ret});
    for (Word call = 1; call <= 3; ++call) {
        machine.engine->map_message(pattern(8));
        EXPECT_EQ(machine.call({K7_FM_HEAP_BASE}).value, call);
        machine.engine->unmap_message();
    }
}

} // namespace
} // namespace k7::fm::test
