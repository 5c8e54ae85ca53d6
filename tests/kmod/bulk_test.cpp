// SPDX-License-Identifier: GPL-2.0-or-later
//
// Request payloads above payload_max, which the card reads from the caller's own pages. That they arrive as they were
// is shown by loading signed FMs through libhsm.
#include <array>
#include <sys/mman.h>
#include <vector>

#include "tests/kmod/disturb.hpp"
#include "tests/kmod/groups.hpp"
#include "tests/kmod/node.hpp"

namespace k7test {

namespace {

k7_ioc_request data(std::span<const std::byte> payload, std::uint32_t offset) {
    k7_ioc_request request = Node::request(K7_CMD_FM_LOAD_DATA, {}, offset);
    request.in_addr = reinterpret_cast<std::uintptr_t>(payload.data());
    request.in_len = static_cast<std::uint32_t>(payload.size());
    return request;
}

int begin(const Node &node, std::uint32_t image_size) {
    k7_fm_load load{};
    load.image_size = image_size;
    k7_ioc_request request = Node::request(K7_CMD_FM_LOAD_BEGIN);
    request.in_addr = reinterpret_cast<std::uintptr_t>(&load);
    request.in_len = sizeof(load);
    return node.send(request);
}

void test_lengths(Tap &tap, const Node &node, std::uint32_t bulk_max) {
    const std::vector<std::byte> memory(bulk_max + 8192);
    tap.result(-EMSGSIZE, node.send(data(std::span(memory).first(bulk_max + 1), 0)), "one byte above bulk_max");
    k7_ioc_request request = data(std::span(memory).first(K7_PAYLOAD_MAX + 1), 0);
    request.opcode = K7_CMD_FM_CALL;
    tap.result(-EMSGSIZE, node.send(request), "a long payload of a command that takes none");
    request.opcode = K7_CMD_NOP;
    tap.result(-EMSGSIZE, node.send(request), "NOP likewise");
    request.opcode = 0x7fff;
    tap.result(-EMSGSIZE, node.send(request), "an unknown opcode likewise");
    for (const std::size_t shift : {0, 1, 4095}) {
        tap.result(0, begin(node, bulk_max), "FM_LOAD_BEGIN");
        tap.result(0, node.send(data(std::span(memory).subspan(shift, bulk_max), 0)),
                   "bulk_max bytes, " + std::to_string(shift) + " bytes into a page");
    }
    tap.result(0, begin(node, K7_PAYLOAD_MAX + 1), "FM_LOAD_BEGIN");
    tap.result(0, node.send(data(std::span(memory).subspan(77, K7_PAYLOAD_MAX + 1), 0)), "payload_max + 1 bytes");
}

void test_bad_memory(Tap &tap, const Node &node) {
    constexpr std::size_t kSize = 1 << 20;
    auto *map =
        static_cast<std::byte *>(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ::munmap(map + kSize / 2, 4096);
    tap.result(-EFAULT, node.send(data({map, kSize}, 0)), "a hole in the payload");
    k7_ioc_request request = data({map, kSize}, 0);
    for (const std::uint64_t address : {0xdead0000ull, 0ull, 0xffff888000000000ull, 0xfffffffffffff000ull}) {
        request.in_addr = address;
        tap.result(-EFAULT, node.send(request), "a payload at " + std::to_string(address));
    }
    ::munmap(map, kSize / 2);
    ::munmap(map + kSize / 2 + 4096, kSize / 2 - 4096);
    tap.result(0, node.nop(), "the channel still works");
}

/// Read-only memory is good enough, and pages that come one by one.
void test_other_memory(Tap &tap, const Node &node) {
    constexpr std::size_t kSize = 2 << 20;
    void *map = ::mmap(nullptr, kSize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    tap.result(0, begin(node, kSize), "FM_LOAD_BEGIN");
    tap.result(0, node.send(data({static_cast<std::byte *>(map), kSize}, 0)), "memory that can only be read");
    ::munmap(map, kSize);
}

void test_submitted(Tap &tap, const Node &node) {
    constexpr std::uint32_t kSize = 1 << 20;
    const std::vector<std::byte> memory(kSize);
    std::vector<k7_submission> batch;
    tap.result(0, begin(node, 3 * kSize), "FM_LOAD_BEGIN");
    for (std::uint32_t i = 0; i < 3; i++) {
        batch.push_back(Node::submission(K7_CMD_FM_LOAD_DATA, i, {}, i * kSize));
        batch.back().in_addr = reinterpret_cast<std::uintptr_t>(memory.data());
        batch.back().in_len = kSize;
    }
    std::array<k7_completion, 3> room{};
    tap.check(node.submit(batch) == 3 && node.collect(room, 3) == 3, "three of 1 MiB, submitted at once");
    bool good = true;
    for (const k7_completion &completion : room)
        good = good && completion.error == 0 && completion.card_status == K7_ST_OK;
    tap.check(good, "are taken by the card");
}

} // namespace

void test_bulk(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node);
    const k7_ioc_info info = node.info();
    tap.check((info.driver_features & K7_DRIVER_HAS_BULK) != 0 && info.bulk_max > info.payload_max &&
                  info.bulk_max <= K7_BULK_MAX,
              "card and driver have bulk payloads");
    tap.result(0, node.login(), "HSM_LOGIN");
    test_lengths(tap, node, info.bulk_max);
    test_bad_memory(tap, node);
    test_other_memory(tap, node);
    test_submitted(tap, node);
    const std::vector<std::byte> memory(1 << 20);
    const int failures = as_nobody([&] { return node.send(data(memory, 0)) == -EPERM ? 0 : 1; });
    tap.check(failures == 0, "nobody may not, and pins nothing");
    tap.result(0, node.send(Node::request(K7_CMD_FM_LOAD_ABORT)), "FM_LOAD_ABORT");
}

/// A card that answers nothing: what is pinned is bounded, and let go of by a reset.
void test_bulk_disturbed(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node);
    const std::vector<std::byte> memory(2 << 20);
    set_fault(context, kNoCompletions);
    k7_submission submission = Node::submission(K7_CMD_FM_LOAD_DATA);
    submission.timeout_ms = 60000;
    submission.in_addr = reinterpret_cast<std::uintptr_t>(memory.data());
    submission.in_len = static_cast<std::uint32_t>(memory.size());
    const std::vector<k7_submission> batch(64, submission);
    const int taken = node.submit(batch);
    tap.check(taken > 0 && taken <= 32, "of 128 MiB in bulk requests, " + std::to_string(taken * 2) + " are taken");
    tap.result(-ENOMEM, node.submit(submission), "then ENOMEM");
    restore(context, node);
    tap.check(eventually(20, [&] { return node.send(data(memory, 0)) == -EPROTO; }), "afterwards there is room again");
}

} // namespace k7test
