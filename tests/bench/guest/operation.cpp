// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/guest/operation.hpp"

namespace k7bench {
namespace {

class Batch final : public Operation {
  public:
    Batch(std::unique_ptr<Queue> queue, unsigned size) : queue_(std::move(queue)), size_(size) {}

    void run() override {
        queue_->submit(size_);
        for (unsigned done = 0; done < size_;)
            done += queue_->collect(size_ - done);
    }

    [[nodiscard]] unsigned requests() const override { return size_; }

  private:
    std::unique_ptr<Queue> queue_;
    unsigned size_;
};

} // namespace

std::unique_ptr<Operation> batch_operation(const MakeQueue &make, unsigned batch) {
    return std::make_unique<Batch>(make(batch), batch);
}

} // namespace k7bench
