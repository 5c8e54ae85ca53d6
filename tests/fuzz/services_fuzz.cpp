// SPDX-License-Identifier: GPL-2.0-or-later
//
// libFuzzer target: a hostile FM's service calls, with any registers and any memory, in any state. The input is a list
// of steps of 32 bytes; each calls a service, opens or ends a message, or writes to the FM's memory. So that calls get
// beyond the first check, an argument can be made of what would be good there: tokens, handles, paths, pointers near
// the edges of what is mapped.
//
// A service may refuse, or fault the FM if it does not exist. It must not fail in itself (rethrow_failure() would halt
// the card), nor write where the FM may not, nor give more reply than there is room for.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "card/context.hpp"
#include "card/fm_host/services.hpp"
#include "card/smfs/smfs.hpp"
#include "tests/unit/small_fm.hpp"

namespace {

using namespace k7;
using fm::test::kData;
using fm::test::kDataSize;

constexpr std::uint32_t kFmId = 0xa0ff;
constexpr std::size_t kStepsMax = 128;

struct Step {
    std::uint8_t action;
    std::uint8_t service;
    std::array<std::uint8_t, 6> shapes;
    std::array<std::uint32_t, 6> values;
};
static_assert(sizeof(Step) == 32);

void check(bool holds) {
    if (!holds)
        std::abort();
}

constexpr std::array<std::string_view, 16> kPaths{
    "/",       "/a",        "/b",        "/a/b",    "/a/c", "*", "?", "b", "", "//", "/a/", "/0123456789abcdef",
    "/shared", "/shared/a", "/shared/b", "/shared/"};
constexpr std::array kEdges{0u,
                            K7_FM_IMAGE_BASE,
                            fm::test::kCode,
                            kData,
                            kData + kDataSize,
                            K7_FM_HEAP_BASE,
                            K7_FM_HEAP_BASE + K7_FM_HEAP_SIZE,
                            K7_FM_REQUEST_BASE,
                            K7_FM_REPLY_BASE,
                            K7_FM_REPLY_BASE + K7_FM_MESSAGE_MAX,
                            K7_FM_STACK_TOP - K7_FM_STACK_SIZE,
                            K7_FM_STACK_TOP,
                            K7_FM_SPACE,
                            K7_FM_EXIT_ADDRESS};

/// A card with one FM that never runs: the fuzzer makes its calls.
class HostileFm {
  public:
    HostileFm()
        : card_(kHost, {}), smfs_(card_.smfs, card_.store.smfs_capacity(), card_.smfs_quota()),
          services_(card_, smfs_, card::SmfsOwner{kFmId, {}}, kill_) {
        smfs_.activate();
        const fm::test::Bytes elf = test::small_fm(kFmId, {fm::test::rv::ret}).build();
        engine_ = fm::make_rv32im_engine(elf, services_, kill_);
        for (std::size_t i = 0; i < kPaths.size(); ++i)
            write(path(static_cast<std::uint32_t>(i)), std::as_bytes(std::span(kPaths[i])));
    }
    ~HostileFm() { end(); }
    HostileFm(const HostileFm &) = delete;
    HostileFm &operator=(const HostileFm &) = delete;

    void play(const Step &step) {
        switch (step.action % 16) {
        case 0:
            return begin(step.values[0] % (K7_FM_MESSAGE_MAX + 1), step.values[1]);
        case 1:
            return end();
        case 2:
            return write(argument(step, 0), std::as_bytes(std::span(step.values)));
        default:
            return call(step);
        }
    }

  private:
    static std::uint32_t path(std::uint32_t value) { return kData + 0x20 * (value % kPaths.size()); }

    /// What the FM could make itself, and what it gets.
    [[nodiscard]] std::uint32_t argument(const Step &step, std::size_t i) const {
        const std::uint32_t value = step.values[i];
        switch (step.shapes[i] % 12) {
        case 0:
            return value;
        case 1:
            return value % 64; // handles, counts
        case 2:
            return value % 0x3000; // lengths
        case 3:
            return token_;
        case 4:
            return path(value);
        case 5:
            return kEdges[value % kEdges.size()] + value / 256 % 80 - 40;
        case 6:
            return K7_FM_REQUEST_BASE + value % 0x100;
        case 7:
            return K7_FM_REPLY_BASE + value % K7_FM_MESSAGE_MAX;
        case 8:
            return K7_FM_HEAP_BASE + value % K7_FM_HEAP_SIZE;
        case 9:
            return last_; // what the last service gave
        case 10:
            return kFmId;
        default:
            return kData + 0x400 + value % (kDataSize - 0x400);
        }
    }

    void call(const Step &step) {
        card::FmServices::Arguments arguments;
        for (std::size_t i = 0; i < arguments.size(); ++i)
            arguments[i] = argument(step, i);
        const fm::test::Bytes code = bytes(fm::test::kCode, K7_FM_PAGE);
        (void)services_.takes_long(step.service, arguments);
        const fm::ServiceResult result = services_.service(*engine_, step.service, arguments);
        services_.rethrow_failure(); // a service that failed in itself: the fuzzer sees the exception
        check(bytes(fm::test::kCode, K7_FM_PAGE) == code);
        last_ = result.value;
    }

    void begin(std::uint32_t length, std::uint32_t capacity) {
        end();
        request_.assign(length, std::byte{'r'});
        engine_->map_message(request_);
        token_ = services_.begin(request_, capacity);
        capacity_ = std::min(capacity, K7_FM_MESSAGE_MAX);
        open_ = true;
    }

    void end() {
        if (!open_)
            return;
        const card::Message message = services_.end();
        check(message.reply_length <= capacity_ && message.read_position <= request_.size());
        check(engine_->readable(K7_FM_REPLY_BASE, message.reply_length).has_value());
        engine_->unmap_message();
        open_ = false;
    }

    void write(std::uint32_t address, std::span<const std::byte> from) {
        if (const auto to = engine_->writable(address, static_cast<std::uint32_t>(from.size())))
            std::ranges::copy(from, to->begin());
    }

    [[nodiscard]] fm::test::Bytes bytes(std::uint32_t address, std::uint32_t length) const {
        const auto span = engine_->readable(address, length);
        check(span.has_value());
        return {span->begin(), span->end()};
    }

    static int no_memory(void *, std::uint64_t, void *, std::size_t) { return -1; }
    static int no_memory_either(void *, std::uint64_t, const void *, std::size_t) { return -1; }
    static void interrupt(void *, unsigned vector) { check(vector < K7CARD_VECTORS); }
    static constexpr k7card_host kHost{.size = sizeof(k7card_host),
                                       .abi = K7CARD_ABI,
                                       .opaque = nullptr,
                                       .dma_read = no_memory,
                                       .dma_write = no_memory_either,
                                       .interrupt = interrupt,
                                       .thread_start = nullptr,
                                       .thread_stop = nullptr,
                                       .log = nullptr};

    card::Context card_;
    card::Smfs smfs_;
    const std::atomic<bool> kill_{false};
    card::FmServices services_;
    std::unique_ptr<fm::FmEngine> engine_;
    fm::test::Bytes request_;
    std::uint32_t capacity_ = 0;
    std::uint32_t token_ = 0;
    std::uint32_t last_ = 0;
    bool open_ = false;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    HostileFm fm;
    for (std::size_t i = 0; i < kStepsMax && (i + 1) * sizeof(Step) <= size; ++i) {
        Step step;
        std::memcpy(&step, data + i * sizeof(Step), sizeof(step));
        fm.play(step);
    }
    return 0;
}
