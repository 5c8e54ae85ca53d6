// SPDX-License-Identifier: GPL-2.0-or-later
//
// The FM SDK, tested with FMs that it built, on the FM CPU. The services here are only those that these FMs need; the
// card's own are tested through the card. K7_FM_DIR names another folder of ELF files, say those that clang made.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "card/fm/engine.hpp"
#include "k7/fault_report.h"
#include "k7/fm_abi.h"

namespace {

using namespace k7::fm;
using Arguments = std::array<std::uint32_t, 6>;

constexpr std::uint64_t kBudget = 20'000'000;

std::vector<std::byte> read_elf(const std::string &name) {
    const char *directory = std::getenv("K7_FM_DIR");
    const std::string path = std::string(directory != nullptr ? directory : "build/fm") + "/" + name + ".elf";
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw std::runtime_error("cannot read " + path + ": run make fms");
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const auto view = std::as_bytes(std::span(bytes));
    return {view.begin(), view.end()};
}

std::string to_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

/// One FM and the services that answer it, as the firmware would.
class FmHost : public ServiceHandler {
  public:
    explicit FmHost(const std::string &name) : elf_(read_elf(name)), engine_(make_rv32im_engine(elf_, *this, kill_)) {
        const auto bytes = header_bytes(elf_);
        std::memcpy(&header_, bytes.data(), sizeof header_);
    }

    Outcome start(std::uint64_t budget = kBudget) { return outcome_ = engine_->call(engine_->entry(), {}, budget); }

    Outcome send(const std::string &request, std::uint64_t budget = kBudget) {
        message_ = {.token = message_.token + 1, .request_length = static_cast<std::uint32_t>(request.size())};
        engine_->map_message(std::as_bytes(std::span(request)));
        const std::array<std::uint32_t, 3> arguments{message_.token, K7_FM_REQUEST_BASE, message_.request_length};
        outcome_ = engine_->call(handler_, std::span(arguments).first(stream_ ? 1 : 3), budget);
        if (outcome_.end == Outcome::End::Returned) {
            reply_ = to_text(*engine_->readable(K7_FM_REPLY_BASE, message_.reply_length));
            engine_->unmap_message();
        }
        return outcome_;
    }

    /// The functions of the backtrace, innermost first, "" where there is none. Entry 0 holds the faulting instruction;
    /// the others hold return addresses, which lie behind the call and, after a call that never returns, perhaps
    /// already in the next function: hence the step back.
    [[nodiscard]] std::vector<std::string> functions() const {
        std::vector<std::string> names;
        for (const auto address : engine_->backtrace(outcome_.fault.pc, 32)) {
            const auto symbol = find_symbol(elf_, names.empty() ? address : address - 4);
            names.push_back(symbol ? symbol->name : "");
        }
        return names;
    }

    ServiceResult service(FmEngine &, std::uint32_t number, const Arguments &arguments) override {
        const auto found = services_.find(number);
        return found != services_.end() ? found->second(arguments) : ServiceResult{0, K7_FAULT_BAD_SERVICE};
    }

    [[nodiscard]] const k7_fm_header &header() const { return header_; }
    [[nodiscard]] const std::string &reply() const { return reply_; }
    [[nodiscard]] std::uint32_t status() const { return message_.status; }
    [[nodiscard]] unsigned replies() const { return message_.replies; }
    [[nodiscard]] const std::vector<std::string> &log() const { return log_; }

  private:
    struct Message {
        std::uint32_t token = 100;
        std::uint32_t request_length = 0;
        std::uint32_t read = 0;
        std::uint32_t reply_length = 0;
        std::uint32_t status = 0;
        unsigned replies = 0;
    };

    ServiceResult register_handler(const Arguments &arguments, bool stream) {
        if (arguments[0] != header_.fm_id)
            return {K7_FM_E_BAD_FM_NUMBER};
        handler_ = arguments[1];
        stream_ = stream;
        return {K7_FM_OK};
    }

    /// A service of the running message: any other token is refused.
    std::function<ServiceResult(const Arguments &)> of_message(std::function<std::uint32_t(const Arguments &)> run) {
        return [this, run](const Arguments &arguments) {
            return ServiceResult{arguments[0] == message_.token ? run(arguments) : K7_FM_E_BAD_TOKEN};
        };
    }

    std::uint32_t reply_buffer(std::uint32_t length) {
        if (length > K7_FM_MESSAGE_MAX)
            return K7_FM_E_BAD_LENGTH;
        message_.reply_length = length;
        return K7_FM_REPLY_BASE;
    }

    std::uint32_t read(std::uint32_t buffer, std::uint32_t length) {
        length = std::min(length, message_.request_length - message_.read);
        const auto from = engine_->readable(K7_FM_REQUEST_BASE + message_.read, length);
        const auto to = engine_->writable(buffer, length);
        if (!to)
            return K7_FM_E_BAD_POINTER;
        std::copy(from->begin(), from->end(), to->begin());
        message_.read += length;
        return length;
    }

    std::uint32_t write(std::uint32_t buffer, std::uint32_t length) {
        const auto from = engine_->readable(buffer, length);
        const auto to = engine_->writable(K7_FM_REPLY_BASE + message_.reply_length, length);
        if (!from || !to)
            return K7_FM_E_BAD_POINTER;
        std::copy(from->begin(), from->end(), to->begin());
        message_.reply_length += length;
        return length;
    }

    static std::uint32_t advance(std::uint32_t &position, std::uint32_t by, std::uint32_t limit) {
        if (by > limit - position)
            return K7_FM_E_BAD_LENGTH;
        return position += by;
    }

    ServiceResult add_to_log(const Arguments &arguments) {
        const auto text = engine_->readable(arguments[0], arguments[1]);
        if (!text)
            return {K7_FM_E_BAD_POINTER};
        log_.push_back(to_text(*text));
        return {K7_FM_OK};
    }

    ServiceResult send_reply(const Arguments &arguments) {
        message_.status = arguments[1];
        message_.replies++;
        return {K7_FM_OK};
    }

    std::vector<std::byte> elf_;
    std::atomic<bool> kill_ = false;
    std::unique_ptr<FmEngine> engine_;
    k7_fm_header header_{};
    std::uint32_t handler_ = 0;
    bool stream_ = false;
    Message message_;
    Outcome outcome_;
    std::string reply_;
    std::vector<std::string> log_;

    const std::map<std::uint32_t, std::function<ServiceResult(const Arguments &)>> services_{
        {K7_FM_SVC_REGISTER_RANDOM, [this](const Arguments &a) { return register_handler(a, false); }},
        {K7_FM_SVC_REGISTER_STREAM, [this](const Arguments &a) { return register_handler(a, true); }},
        {K7_FM_SVC_GET_FMID, [this](const Arguments &) { return ServiceResult{header_.fm_id}; }},
        {K7_FM_SVC_SEND_REPLY, of_message([this](const Arguments &a) { return send_reply(a).value; })},
        {K7_FM_SVC_REPLY_BUFFER, of_message([this](const Arguments &a) { return reply_buffer(a[1]); })},
        {K7_FM_SVC_IO_READ, of_message([this](const Arguments &a) { return read(a[1], a[2]); })},
        {K7_FM_SVC_IO_WRITE, of_message([this](const Arguments &a) { return write(a[1], a[2]); })},
        {K7_FM_SVC_IO_READ_POSITION,
         of_message([this](const Arguments &a) { return advance(message_.read, a[1], message_.request_length); })},
        {K7_FM_SVC_IO_WRITE_POSITION,
         of_message([this](const Arguments &a) { return advance(message_.reply_length, a[1], K7_FM_MESSAGE_MAX); })},
        {K7_FM_SVC_IO_REQUEST_LENGTH, of_message([this](const Arguments &) { return message_.request_length; })},
        {K7_FM_SVC_IO_REPLY_CAPACITY, of_message([](const Arguments &) { return K7_FM_MESSAGE_MAX; })},
        {K7_FM_SVC_LOG, [this](const Arguments &a) { return add_to_log(a); }},
        {K7_FM_SVC_ABORT,
         [this](const Arguments &a) {
             add_to_log(a);
             return ServiceResult{0, K7_FAULT_ABORT};
         }},
    };
};

/// Start the FM @p name and have it answer @p request without a fault.
std::string answer(FmHost &fm, const std::string &request, std::uint32_t status = 0, std::uint64_t budget = kBudget) {
    const Outcome outcome = fm.send(request, budget);
    EXPECT_EQ(outcome.end, Outcome::End::Returned) << "cause " << outcome.fault.cause << " in " << fm.functions()[0];
    EXPECT_EQ(fm.replies(), 1u);
    EXPECT_EQ(fm.status(), status) << fm.reply();
    return fm.reply();
}

void expect_started(FmHost &fm) {
    const Outcome outcome = fm.start();
    ASSERT_EQ(outcome.end, Outcome::End::Returned);
    ASSERT_EQ(outcome.value, 0u);
}

// ---- What every ELF of the SDK is -----------------------------------------------------------------------------------

class EveryFm : public testing::TestWithParam<const char *> {};

TEST_P(EveryFm, IsAnAcceptableElfWithItsHeaderInPlace) {
    const auto elf = read_elf(GetParam());
    EXPECT_NO_THROW(check_elf(elf));
    k7_fm_header header{};
    std::memcpy(&header, header_bytes(elf).data(), sizeof header);
    EXPECT_EQ(header.magic, K7_FM_HEADER_MAGIC);
    EXPECT_EQ(header.header_version, K7_FM_HEADER_VERSION);
    EXPECT_GE(header.fm_id, K7_FM_ID_MIN);
    EXPECT_LE(header.fm_id, K7_FM_ID_MAX);
    EXPECT_NE(header.product[0], '\0');
}

INSTANTIATE_TEST_SUITE_P(FmSdk, EveryFm,
                         testing::Values("echo", "vault", "crashy", "crashy-startup", "crashy-fixed", "faults",
                                         "startup-fault", "startup-error", "startup-loop", "startup-abort", "hostile",
                                         "libc", "smfs", "stream", "big", "slow", "system", "crypto", "cplusplus",
                                         "pin", "wallet", "tokens"));

TEST(FmSdk, AnFmBeyondItsQuotaIsNoAcceptableElf) {
    EXPECT_THROW(check_elf(read_elf("toobig")), ElfError);
}

// ---- Good work ------------------------------------------------------------------------------------------------------

TEST(FmSdk, EchoRepliesTheRequest) {
    FmHost fm("echo");
    expect_started(fm);
    for (const std::size_t size : {0u, 1u, 63u, 64u, 4096u, K7_FM_MESSAGE_MAX}) {
        std::string request(size, '\0');
        for (std::size_t i = 0; i < size; i++)
            request[i] = static_cast<char>(i * 31);
        EXPECT_EQ(answer(fm, request), request) << size;
    }
}

TEST(FmSdk, MiniLibcPassesItsSelfTest) {
    FmHost fm("libc");
    expect_started(fm);
    EXPECT_TRUE(answer(fm, "").starts_with("ok ")) << fm.reply();
    EXPECT_TRUE(answer(fm, "").starts_with("ok ")) << "a second time: " << fm.reply();
}

TEST(FmSdk, BigUsesAllItsMemory) {
    FmHost fm("big");
    expect_started(fm);
    EXPECT_EQ(answer(fm, "", 0, 10 * kBudget), "filled 2031616 bytes");
}

TEST(FmSdk, SlowRunsTheInstructionsAskedFor) {
    FmHost fm("slow");
    expect_started(fm);
    const auto few = fm.send("1000").instructions;
    EXPECT_EQ(answer(fm, "9000"), "ran 9000");
    EXPECT_EQ(fm.send("9000").instructions - few, 8000u);
    answer(fm, "soon", 2);
}

TEST(FmSdk, StreamsMoveBytesAndIntegers) {
    FmHost fm("stream");
    expect_started(fm);
    EXPECT_EQ(answer(fm, "Ua text of more than seven bytes"), "A TEXT OF MORE THAN SEVEN BYTES");
    EXPECT_EQ(answer(fm, "Pa text of more than seven bytes"), "A TEXT OF MORE THAN SEVEN BYTES");
    using namespace std::string_literals;
    EXPECT_EQ(answer(fm, "I\x01\x02\xff\x00\x00\xff\xff\x01\x02\x03\x04\x05\x06\x07\xff"s),
              "\x02\x03\x00\x00\x01\x00\x00\x01\x02\x03\x04\x05\x06\x08\x00"s);
    EXPECT_EQ(answer(fm, "I\x01\x02"s, 2), "");
    EXPECT_EQ(answer(fm, "L12"), "\0\0\0\x03\0\x01\0\0"s);
    answer(fm, "", 2);
}

TEST(FmSdk, CrashyWorksUntilAskedToCrash) {
    FmHost fm("crashy");
    expect_started(fm);
    EXPECT_EQ(fm.header().fm_version, 0x0100);
    EXPECT_EQ(answer(fm, "hello"), "hello from crashy 1.0");
    EXPECT_EQ(answer(fm, "add 2 -3"), "-1");
    answer(fm, "add two", 2);
    answer(fm, "jump", 2);
    const Outcome outcome = fm.send("crash");
    ASSERT_EQ(outcome.end, Outcome::End::Faulted);
    EXPECT_EQ(outcome.fault.cause, K7_FAULT_STORE_ACCESS);
    EXPECT_EQ(outcome.fault.address, 0u);
    EXPECT_EQ(fm.functions(), (std::vector<std::string>{"write_slot", "keep_result", "crash", "on_message"}));
}

TEST(FmSdk, CrashyHasOtherWaysToCrash) {
    for (const auto *request : {"crash wild", "crash code"}) {
        FmHost fm("crashy");
        expect_started(fm);
        const Outcome outcome = fm.send(request);
        ASSERT_EQ(outcome.end, Outcome::End::Faulted) << request;
        EXPECT_EQ(outcome.fault.cause, K7_FAULT_STORE_ACCESS) << request;
        EXPECT_EQ(fm.functions()[0], "write_slot") << request;
    }
}

TEST(FmSdk, CrashyFixedLooksFirst) {
    FmHost fm("crashy-fixed");
    expect_started(fm);
    EXPECT_EQ(fm.header().fm_version, 0x0102);
    EXPECT_EQ(answer(fm, "hello"), "hello from crashy 1.2");
    answer(fm, "crash", 3);
    answer(fm, "crash wild", 3);
    EXPECT_EQ(answer(fm, "add 20 22"), "42");
}

// ---- Start-up -------------------------------------------------------------------------------------------------------

struct StartFault {
    const char *fm;
    std::uint32_t cause;
    std::vector<std::string> functions; ///< of the backtrace, innermost first
};

class EveryStartFault : public testing::TestWithParam<StartFault> {};

TEST_P(EveryStartFault, IsReportedWithItsCauseAndFunctions) {
    const StartFault &wanted = GetParam();
    FmHost fm(wanted.fm);
    const Outcome outcome = fm.start(1'000'000);
    ASSERT_EQ(outcome.end, Outcome::End::Faulted);
    EXPECT_EQ(outcome.fault.cause, wanted.cause);
    EXPECT_EQ(fm.functions(), wanted.functions);
}

INSTANTIATE_TEST_SUITE_P(
    FmSdk, EveryStartFault,
    testing::Values(
        StartFault{"crashy-startup", K7_FAULT_STORE_ACCESS, {"write_slot", "keep_result", "Startup", "_start"}},
        StartFault{"startup-fault", K7_FAULT_STORE_ACCESS, {"fault_at_startup", "Startup", "_start"}},
        StartFault{"startup-loop", K7_FAULT_BUDGET, {"loop_at_startup", "Startup", "_start"}},
        StartFault{"startup-abort", K7_FAULT_ABORT, {"FMAbort", "Startup", "_start"}}));

TEST(FmSdk, AStartUpCanFailWithoutAFault) {
    FmHost fm("startup-error");
    const Outcome outcome = fm.start();
    EXPECT_EQ(outcome.end, Outcome::End::Returned);
    EXPECT_EQ(outcome.value, 7u);
    EXPECT_EQ(fm.log(), std::vector<std::string>{"start-up gives up with 7"});
}

// ---- Every fault that an FM can provoke -----------------------------------------------------------------------------

struct FaultCase {
    std::string request;
    std::uint32_t cause;
    std::optional<std::uint32_t> address{}; ///< where it is known beforehand
};

std::string function_of(const std::string &request) {
    std::string name = "fault_" + request;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

class EveryFault : public testing::TestWithParam<FaultCase> {};

TEST_P(EveryFault, IsReportedWithItsCauseAndFunction) {
    const FaultCase &wanted = GetParam();
    FmHost fm("faults");
    expect_started(fm);
    ASSERT_EQ(answer(fm, "none"), "alive");
    const Outcome outcome = fm.send(wanted.request);
    ASSERT_EQ(outcome.end, Outcome::End::Faulted) << fm.reply();
    EXPECT_EQ(outcome.fault.cause, wanted.cause);
    if (wanted.address) {
        EXPECT_EQ(outcome.fault.address, *wanted.address);
    }
    const auto functions = fm.functions();
    const bool jumped = wanted.cause == K7_FAULT_FETCH_ACCESS || wanted.cause == K7_FAULT_FETCH_MISALIGNED;
    const std::string function = function_of(wanted.request);
    if (wanted.cause == K7_FAULT_ABORT) {
        EXPECT_EQ(functions.at(0), "FMAbort");
        EXPECT_NE(std::ranges::find(functions, function), functions.end()) << testing::PrintToString(functions);
    } else {
        EXPECT_EQ(functions.at(jumped ? 1 : 0), function);
    }
    EXPECT_EQ(functions.back(), wanted.cause == K7_FAULT_STACK_OVERFLOW ? function : "on_message");
}

constexpr std::uint32_t kHeapEnd = K7_FM_HEAP_BASE + K7_FM_HEAP_SIZE;
constexpr std::uint32_t kReplyEnd = K7_FM_REPLY_BASE + K7_FM_MESSAGE_MAX;

// The request of these tests fits one page, which is what is mapped of it.
const std::vector<FaultCase> kFaults{
    {"null-write", K7_FAULT_STORE_ACCESS, 0},
    {"null-read", K7_FAULT_LOAD_ACCESS, 0},
    {"null-field", K7_FAULT_STORE_ACCESS, 0xffc},
    {"wild-write", K7_FAULT_STORE_ACCESS, 0xdead0000},
    {"wild-read", K7_FAULT_LOAD_ACCESS, 0xdead0000},
    {"high-read", K7_FAULT_LOAD_ACCESS, 0xfffffffc},
    {"space-end", K7_FAULT_LOAD_ACCESS, K7_FM_SPACE},
    {"code-write", K7_FAULT_STORE_ACCESS},
    {"constant-write", K7_FAULT_STORE_ACCESS},
    {"header-write", K7_FAULT_STORE_ACCESS, K7_FM_IMAGE_BASE},
    {"request-write", K7_FAULT_STORE_ACCESS, K7_FM_REQUEST_BASE},
    {"call-data", K7_FAULT_FETCH_ACCESS},
    {"call-constant", K7_FAULT_FETCH_ACCESS},
    {"call-null", K7_FAULT_FETCH_ACCESS, 0},
    {"call-wild", K7_FAULT_FETCH_ACCESS, 0xdead0000},
    {"call-stack", K7_FAULT_FETCH_ACCESS},
    {"call-heap", K7_FAULT_FETCH_ACCESS, K7_FM_HEAP_BASE + 0x100},
    {"call-reply", K7_FAULT_FETCH_ACCESS, K7_FM_REPLY_BASE},
    {"call-request", K7_FAULT_FETCH_ACCESS, K7_FM_REQUEST_BASE},
    {"call-header", K7_FAULT_FETCH_ACCESS, K7_FM_IMAGE_BASE},
    {"call-misaligned", K7_FAULT_FETCH_MISALIGNED},
    {"load-word-misaligned", K7_FAULT_LOAD_MISALIGNED},
    {"load-half-misaligned", K7_FAULT_LOAD_MISALIGNED},
    {"store-word-misaligned", K7_FAULT_STORE_MISALIGNED},
    {"store-half-misaligned", K7_FAULT_STORE_MISALIGNED},
    {"illegal", K7_FAULT_ILLEGAL_INSTRUCTION},
    {"illegal-zero", K7_FAULT_ILLEGAL_INSTRUCTION},
    {"illegal-csr", K7_FAULT_ILLEGAL_INSTRUCTION},
    {"illegal-float", K7_FAULT_ILLEGAL_INSTRUCTION},
    {"illegal-atomic", K7_FAULT_ILLEGAL_INSTRUCTION},
    {"breakpoint", K7_FAULT_BREAKPOINT},
    {"bad-service", K7_FAULT_BAD_SERVICE},
    {"bad-service-high", K7_FAULT_BAD_SERVICE},
    {"heap-overrun", K7_FAULT_STORE_ACCESS, kHeapEnd},
    {"heap-underrun", K7_FAULT_STORE_ACCESS, K7_FM_HEAP_BASE - 1},
    {"data-overrun", K7_FAULT_STORE_ACCESS},
    {"data-underrun", K7_FAULT_STORE_ACCESS},
    {"request-overrun", K7_FAULT_LOAD_ACCESS, K7_FM_REQUEST_BASE + K7_FM_PAGE},
    {"request-underrun", K7_FAULT_LOAD_ACCESS, K7_FM_REQUEST_BASE - 1},
    {"reply-overrun", K7_FAULT_STORE_ACCESS, kReplyEnd},
    {"reply-underrun", K7_FAULT_STORE_ACCESS, K7_FM_REPLY_BASE - 1},
    {"stack-underrun", K7_FAULT_LOAD_ACCESS, K7_FM_STACK_TOP},
    {"stack-overflow", K7_FAULT_STACK_OVERFLOW},
    {"stack-leap", K7_FAULT_STORE_ACCESS, K7_FM_STACK_TOP - K7_FM_STACK_SIZE - K7_FM_STACK_GUARD - 16},
    {"stack-pointer-null", K7_FAULT_STORE_ACCESS, 0xfffffffc},
    {"stack-pointer-wild", K7_FAULT_STORE_ACCESS, 0x3ffffffc},
    {"endless-loop", K7_FAULT_BUDGET},
    {"abort", K7_FAULT_ABORT},
    {"assert", K7_FAULT_ABORT},
    {"fm-abort", K7_FAULT_ABORT},
    {"free-twice", K7_FAULT_ABORT},
    {"heap-damage", K7_FAULT_ABORT},
};

INSTANTIATE_TEST_SUITE_P(FmSdk, EveryFault, testing::ValuesIn(kFaults),
                         [](const auto &fault) { return function_of(fault.param.request); });

TEST(FmSdk, AnAbortSaysWhyInTheLog) {
    FmHost fm("faults");
    expect_started(fm);
    fm.send("assert");
    ASSERT_EQ(fm.log().size(), 1u);
    EXPECT_TRUE(fm.log()[0].starts_with("faults.c:")) << fm.log()[0];
    EXPECT_TRUE(fm.log()[0].ends_with(": assertion failed: two == 3")) << fm.log()[0];
}

} // namespace
