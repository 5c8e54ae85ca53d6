// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>
#include <cstring>
#include <linux/nvme_ioctl.h>
#include <sys/ioctl.h>

#include <fcntl.h>
#include <unistd.h>

#include "tests/bench/guest/measure.hpp"
#include "tests/bench/guest/subjects.hpp"
#include "tests/bench/guest/uring.hpp"

namespace k7bench {
namespace {

constexpr char kNvmeNode[] = "/dev/nvme0";
constexpr std::uint8_t kGetFeatures = 0x0a, kIdentify = 0x06;
constexpr std::uint32_t kFeatureNumberOfQueues = 0x07, kIdentifyController = 0x01;

using Page = std::array<std::byte, 4096>;

class NvmeNode {
  public:
    NvmeNode() : fd_(checked(::open(kNvmeNode, O_RDWR | O_CLOEXEC), kNvmeNode)) {}
    NvmeNode(const NvmeNode &) = delete;
    NvmeNode &operator=(const NvmeNode &) = delete;
    ~NvmeNode() { ::close(fd_); }
    [[nodiscard]] int fd() const { return fd_; }

  private:
    int fd_;
};

/// struct nvme_passthru_cmd and struct nvme_uring_cmd have these fields in common.
template <typename Command>
Command admin_command(NvmeCommand what, Page &page) {
    Command command{};
    if (what == NvmeCommand::get_features) {
        command.opcode = kGetFeatures;
        command.cdw10 = kFeatureNumberOfQueues;
        return command;
    }
    command.opcode = kIdentify;
    command.cdw10 = kIdentifyController;
    command.addr = reinterpret_cast<std::uintptr_t>(page.data());
    command.data_len = static_cast<std::uint32_t>(page.size());
    return command;
}

/// @param status  of the command, 0: success
void check_nvme(int status, const char *what) {
    checked(status, what);
    if (status != 0)
        throw std::runtime_error(std::string(what) + ": NVMe status " + std::to_string(status));
}

class NvmeIoctl final : public Operation {
  public:
    explicit NvmeIoctl(NvmeCommand what) : command_(admin_command<nvme_passthru_cmd>(what, page_)) {}

    void run() override {
        nvme_passthru_cmd command = command_;
        check_nvme(::ioctl(node_.fd(), NVME_IOCTL_ADMIN_CMD, &command), "NVME_IOCTL_ADMIN_CMD");
    }

  private:
    NvmeNode node_;
    alignas(4096) Page page_{};
    nvme_passthru_cmd command_;
};

class NvmeUringQueue final : public Queue {
  public:
    NvmeUringQueue(NvmeCommand what, unsigned depth)
        : pages_(depth), queue_(
                             node_.fd(), NVME_URING_CMD_ADMIN, depth,
                             [this, what](io_uring_sqe &sqe, unsigned slot) {
                                 const auto command = admin_command<nvme_uring_cmd>(what, pages_[slot]);
                                 std::memcpy(sqe.cmd, &command, sizeof(command));
                             },
                             [](const io_uring_cqe &cqe) {
                                 errno = -cqe.res;
                                 check_nvme(cqe.res, "NVME_URING_CMD_ADMIN");
                             }) {}

    void submit(unsigned count) override { queue_.submit(count); }
    unsigned collect(unsigned at_least) override { return queue_.collect(at_least); }

  private:
    NvmeNode node_;
    std::vector<Page> pages_;
    UringQueue queue_; // ends before what its commands point to
};

} // namespace

std::unique_ptr<Operation> nvme_ioctl(NvmeCommand command) {
    return std::make_unique<NvmeIoctl>(command);
}

std::unique_ptr<Queue> nvme_uring_queue(NvmeCommand command, unsigned depth) {
    return std::make_unique<NvmeUringQueue>(command, depth);
}

} // namespace k7bench
