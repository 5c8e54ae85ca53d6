// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstring>
#include <deque>
#include <numeric>

#include "tests/bench/guest/card_node.hpp"
#include "tests/bench/guest/measure.hpp"
#include "tests/bench/guest/subjects.hpp"
#include "tests/bench/guest/uring.hpp"

namespace k7bench {
namespace {

constexpr std::uint32_t kCollectTimeoutMs = 30'000;

/// Submissions of one kind, each with a reply buffer of its own.
class Submissions {
  public:
    Submissions(const CardRequest &request, unsigned depth) : in_(pattern(request.in_len)) {
        for (unsigned slot = 0; slot < depth; ++slot) {
            replies_.emplace_back(request.out_len);
            k7_submission &submission = submissions_.emplace_back();
            submission.user_data = slot;
            submission.opcode = request.opcode;
            submission.arg[0] = request.arg0;
            submission.in_addr = reinterpret_cast<std::uintptr_t>(in_.data());
            submission.in_len = request.in_len;
            submission.out_addr = reinterpret_cast<std::uintptr_t>(replies_.back().data());
            submission.out_len = request.out_len;
        }
    }

    const k7_submission &operator[](unsigned slot) const { return submissions_[slot]; }

  private:
    std::vector<std::byte> in_;
    std::deque<std::vector<std::byte>> replies_;
    std::vector<k7_submission> submissions_;
};

class SubmitQueue final : public Queue {
  public:
    SubmitQueue(const CardRequest &request, unsigned depth) : submissions_(request, depth), free_(depth) {
        require_driver(node_, K7_DRIVER_HAS_SUBMIT, "K7_IOC_SUBMIT and K7_IOC_COLLECT");
        std::iota(free_.begin(), free_.end(), 0u);
        completions_.resize(std::min(depth, 256u));
    }

    void submit(unsigned count) override {
        std::vector<k7_submission> &batch = batch_;
        batch.clear();
        for (; batch.size() < count; free_.pop_back())
            batch.push_back(submissions_[free_.back()]);
        for (unsigned sent = 0; sent < count;)
            sent += send(std::span(batch).subspan(sent, std::min(count - sent, 256u)));
    }

    unsigned collect(unsigned at_least) override {
        auto collect = k7test::sized<k7_ioc_collect>();
        collect.count = static_cast<std::uint32_t>(completions_.size());
        collect.completions_addr = reinterpret_cast<std::uintptr_t>(completions_.data());
        collect.entry_size = sizeof(k7_completion);
        collect.wait = std::min(at_least, collect.count);
        collect.timeout_ms = kCollectTimeoutMs;
        check_card(node_.call(K7_IOC_COLLECT, &collect), K7_ST_OK, "K7_IOC_COLLECT");
        if (collect.count < std::min<std::size_t>(at_least, completions_.size()))
            throw std::runtime_error("K7_IOC_COLLECT: completions are missing after 30 seconds");
        for (const k7_completion &completion : std::span(completions_).first(collect.count)) {
            check_card(-static_cast<int>(completion.error), completion.card_status, "a completion");
            free_.push_back(static_cast<unsigned>(completion.user_data));
        }
        return collect.count;
    }

  private:
    unsigned send(std::span<const k7_submission> batch) const {
        auto submit = k7test::sized<k7_ioc_submit>();
        submit.count = static_cast<std::uint32_t>(batch.size());
        submit.submissions_addr = reinterpret_cast<std::uintptr_t>(batch.data());
        submit.entry_size = sizeof(k7_submission);
        check_card(node_.call(K7_IOC_SUBMIT, &submit), K7_ST_OK, "K7_IOC_SUBMIT");
        return submit.count;
    }

    k7test::Node node_ = open_card();
    Submissions submissions_;
    std::vector<unsigned> free_;
    std::vector<k7_submission> batch_;
    std::vector<k7_completion> completions_;
};

class CardUringQueue final : public Queue {
  public:
    CardUringQueue(const CardRequest &request, unsigned depth) : submissions_(request, depth) {
        require_driver(node_, K7_DRIVER_HAS_URING, "K7_URING_CMD_REQUEST (io_uring)");
        queue_.emplace(
            node_.fd(), K7_URING_CMD_REQUEST, depth,
            [this](io_uring_sqe &sqe, unsigned slot) {
                std::memcpy(sqe.cmd, &submissions_[slot], sizeof(k7_submission));
            },
            [](const io_uring_cqe &cqe) {
                check_card(std::min(cqe.res, 0), static_cast<std::uint32_t>(cqe.big_cqe[0]), "K7_URING_CMD_REQUEST");
            });
    }

    void submit(unsigned count) override { queue_->submit(count); }
    unsigned collect(unsigned at_least) override { return queue_->collect(at_least); }

  private:
    k7test::Node node_ = open_card();
    Submissions submissions_;
    std::optional<UringQueue> queue_; // ends before what its commands point to
};

} // namespace

void require_driver(const k7test::Node &node, std::uint32_t feature, const char *way) {
    if ((node.info().driver_features & feature) == 0)
        throw Skipped(std::string("the driver has no ") + way);
}

std::unique_ptr<Queue> card_submit_queue(const CardRequest &request, unsigned depth) {
    return std::make_unique<SubmitQueue>(request, depth);
}

std::unique_ptr<Queue> card_uring_queue(const CardRequest &request, unsigned depth) {
    return std::make_unique<CardUringQueue>(request, depth);
}

} // namespace k7bench
