// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every channel that the card has, each with 64 requests in flight: each request must come back, and none twice.
#include <bitset>
#include <sys/resource.h>

#include "tests/bench/guest/card_node.hpp"
#include "tests/bench/guest/parts.hpp"
#include "tests/bench/guest/subjects.hpp"

namespace k7bench {
namespace {

constexpr unsigned kInFlight = 64;
constexpr std::uint32_t kCollectTimeoutMs = 30'000;

class Channel {
  public:
    explicit Channel(std::uint32_t number) : number_(number) {}

    void submit() const {
        std::vector<k7_submission> submissions(kInFlight);
        for (unsigned i = 0; i < kInFlight; ++i) {
            submissions[i].user_data = std::uint64_t{number_} << 32 | i;
            submissions[i].opcode = K7_CMD_NOP;
        }
        for (unsigned sent = 0; sent < kInFlight;) {
            auto submit = k7test::sized<k7_ioc_submit>();
            submit.count = kInFlight - sent;
            submit.submissions_addr = reinterpret_cast<std::uintptr_t>(&submissions[sent]);
            submit.entry_size = sizeof(k7_submission);
            check_card(node_.call(K7_IOC_SUBMIT, &submit), K7_ST_OK, "K7_IOC_SUBMIT");
            sent += submit.count;
        }
    }

    void collect() {
        std::vector<k7_completion> completions(2 * kInFlight);
        while (!seen_.all()) {
            auto collect = k7test::sized<k7_ioc_collect>();
            collect.count = static_cast<std::uint32_t>(completions.size());
            collect.completions_addr = reinterpret_cast<std::uintptr_t>(completions.data());
            collect.entry_size = sizeof(k7_completion);
            collect.wait = kInFlight - static_cast<std::uint32_t>(seen_.count());
            collect.timeout_ms = kCollectTimeoutMs;
            check_card(node_.call(K7_IOC_COLLECT, &collect), K7_ST_OK, "K7_IOC_COLLECT");
            if (collect.count == 0)
                throw std::runtime_error("requests did not come back within 30 seconds");
            for (unsigned i = 0; i < collect.count; ++i)
                take(completions[i]);
        }
    }

    /// What is still there when all have come back has come twice.
    void expect_no_more() {
        k7_completion completion{};
        auto collect = k7test::sized<k7_ioc_collect>();
        collect.count = 1;
        collect.completions_addr = reinterpret_cast<std::uintptr_t>(&completion);
        collect.entry_size = sizeof(k7_completion);
        check_card(node_.call(K7_IOC_COLLECT, &collect), K7_ST_OK, "K7_IOC_COLLECT");
        if (collect.count != 0)
            throw std::runtime_error("more requests came back than were sent");
    }

  private:
    void take(const k7_completion &completion) {
        check_card(-static_cast<int>(completion.error), completion.card_status, "a completion");
        const std::uint64_t index = completion.user_data & UINT32_MAX;
        if (completion.user_data >> 32 != number_ || index >= kInFlight)
            throw std::runtime_error("a request came back to another channel");
        if (seen_.test(index))
            throw std::runtime_error("a request came back twice");
        seen_.set(index);
    }

    k7test::Node node_ = open_card();
    std::uint32_t number_;
    std::bitset<kInFlight> seen_;
};

void allow_open_files(rlim_t count) {
    const rlimit limit{count, count};
    checked(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

std::uint32_t channels_of_card() {
    const k7test::Node node = open_card();
    require_driver(node, K7_DRIVER_HAS_SUBMIT, "K7_IOC_SUBMIT and K7_IOC_COLLECT");
    return node.info().channels;
}

void measure(Json &line) {
    const std::uint32_t count = channels_of_card();
    allow_open_files(count + 64);
    std::vector<Channel> channels;
    channels.reserve(count);
    for (std::uint32_t number = 0; number < count; ++number)
        channels.emplace_back(number);
    const std::uint64_t begin = now_ns();
    for (const Channel &channel : channels)
        channel.submit();
    const std::uint64_t submitted = now_ns();
    for (Channel &channel : channels)
        channel.collect();
    const std::uint64_t took = now_ns() - begin;
    for (Channel &channel : channels)
        channel.expect_no_more();
    const std::uint64_t requests = std::uint64_t{count} * kInFlight;
    line.update({{"status", "ran"},
                 {"channels", count},
                 {"requests", requests},
                 {"submit_s", static_cast<double>(submitted - begin) / 1e9},
                 {"seconds", static_cast<double>(took) / 1e9},
                 {"rate", static_cast<double>(requests) * 1e9 / static_cast<double>(took)}});
}

} // namespace

bool measure_channels(const Plan &) {
    Json line = {{"kind", "channels"}};
    try {
        measure(line);
        report(line);
        return true;
    } catch (const Skipped &reason) {
        report(did_not_run(line, "skipped", reason.what()));
        return true;
    } catch (const std::exception &problem) {
        report(did_not_run(line, "failed", problem.what()));
        return false;
    }
}

} // namespace k7bench
