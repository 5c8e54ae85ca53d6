// SPDX-License-Identifier: GPL-2.0-or-later
//
// k7failnth: makes every allocation and every copy to or from user memory fail, one at a time. For each operation the
// first possible failure is played, then the second, until none is left (Documentation/fault-injection of the kernel,
// fail-nth). After each the card must still work; the kernel's log and kmemleak tell the rest.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/kmod/node.hpp"
#include "tests/kmod/tap.hpp"
#include "tests/kmod/uring.hpp"

namespace {

using k7test::Node;
using k7test::sized;
using k7test::Uring;

constexpr int kFailuresMax = 5000; // a probe has some hundred places that can fail

/// The next @p nth failure of this thread, and whether it came.
class FailNth {
  public:
    FailNth() : fd_(::open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC)) {}
    ~FailNth() { ::close(fd_); }
    FailNth(const FailNth &) = delete;
    FailNth &operator=(const FailNth &) = delete;

    [[nodiscard]] bool good() const { return fd_ >= 0; }

    void arm(int nth) const { put(std::to_string(nth)); }
    /// @return whether it has failed; nothing fails any more
    [[nodiscard]] bool disarm() const {
        std::array<char, 16> text{};
        const bool fired = ::pread(fd_, text.data(), text.size() - 1, 0) > 0 && std::atoi(text.data()) == 0;
        put("0");
        return fired;
    }

  private:
    void put(const std::string &text) const {
        if (::pwrite(fd_, text.data(), text.size(), 0) < 0)
            std::perror("fail-nth");
    }

    int fd_;
};

struct Operation {
    std::string name;
    std::function<int(const Node &)> run; ///< 0 or a negative errno
    std::set<int> allowed;                ///< what a failure inside may lead to, beside success
};

const std::set<int> kMemoryAndCopies{-ENOMEM, -EFAULT};
/// io_uring itself says EAGAIN when it cannot make a request of its own.
const std::set<int> kUring{-ENOMEM, -EFAULT, -EIO, -EAGAIN};
/// The driver has a failure of its own to be played: fail_request in its debugfs.
const std::set<int> kRequest{-ENOMEM, -EFAULT, -EIO};

template <typename Argument>
Operation plain(
    const char *name, unsigned long number, void (*set)(Argument &) = [](Argument &) {}) {
    return {name,
            [number, set](const Node &node) {
                auto argument = sized<Argument>();
                set(argument);
                return node.call(number, &argument);
            },
            kMemoryAndCopies};
}

Operation request(const char *name, std::uint32_t opcode, std::uint32_t arg0, std::size_t in, std::size_t out) {
    return {name,
            [=](const Node &node) {
                std::vector<std::byte> input(in, std::byte{0x5a}), output(out);
                k7_ioc_request ioc = Node::request(opcode, output, arg0);
                ioc.in_addr = reinterpret_cast<std::uintptr_t>(input.data());
                ioc.in_len = static_cast<std::uint32_t>(in);
                return node.call(K7_IOC_REQUEST, &ioc);
            },
            kRequest};
}

Operation query(const char *name, std::uint32_t what) {
    return {name,
            [what](const Node &node) {
                std::array<std::byte, 4096> reply{};
                k7_ioc_query ioc;
                return node.query(what, reply, ioc);
            },
            kMemoryAndCopies};
}

// Sent and collected in one operation; what was not taken is no failure.
int submit_and_collect(const Node &node, std::size_t count, std::size_t in) {
    std::vector<std::byte> input(in, std::byte{0x5a});
    std::vector<std::byte> output(4096);
    std::vector<k7_submission> submissions(count);
    for (k7_submission &each : submissions) {
        each.opcode = in == 0 ? K7_CMD_GET_RANDOM : K7_CMD_FM_CALL;
        each.arg[0] = in == 0 ? 64 : 0xa000;
        each.in_addr = reinterpret_cast<std::uintptr_t>(input.data());
        each.in_len = static_cast<std::uint32_t>(in);
        each.out_addr = reinterpret_cast<std::uintptr_t>(output.data());
        each.out_len = static_cast<std::uint32_t>(output.size());
    }
    auto submit = sized<k7_ioc_submit>();
    submit.count = static_cast<std::uint32_t>(count);
    submit.submissions_addr = reinterpret_cast<std::uintptr_t>(submissions.data());
    submit.entry_size = sizeof(k7_submission);
    const int sent = node.call(K7_IOC_SUBMIT, &submit);
    std::vector<k7_completion> completions(256);
    auto collect = sized<k7_ioc_collect>();
    collect.count = 256;
    collect.completions_addr = reinterpret_cast<std::uintptr_t>(completions.data());
    collect.entry_size = sizeof(k7_completion);
    collect.wait = static_cast<std::uint32_t>(count);
    collect.timeout_ms = 2000;
    const int taken = node.call(K7_IOC_COLLECT, &collect);
    return sent != 0 ? sent : taken;
}

/// One command of io_uring, on a ring that nothing has failed on: what was not taken stays in the queue of a ring.
class UringCommand {
  public:
    explicit UringCommand(std::uint8_t flags) : flags_(flags) {}

    void prepare() {
        if (dirty_)
            ring_.emplace(4);
        dirty_ = false;
    }

    int run(const Node &node) {
        std::array<std::byte, 64> reply{};
        ring_->queue(node.fd(), Node::submission(K7_CMD_GET_RANDOM, 0, reply, reply.size()), 0, K7_URING_CMD_REQUEST,
                     flags_);
        const int sent = ring_->enter(1);
        const int result = sent < 0 ? sent : wait();
        dirty_ = result < 0;
        return std::min(result, 0);
    }

  private:
    // A wait can fail, too, or end early; the command is under way nevertheless, and ends.
    int wait() {
        std::optional<k7test::UringAnswer> answer;
        for (int tries = 0; tries < 100 && !(answer = ring_->take()); tries++)
            (void)ring_->enter(1);
        return answer ? answer->result : -ENODATA;
    }

    std::uint8_t flags_;
    bool dirty_ = true;
    std::optional<Uring> ring_;
};

int write_file(const std::string &path, const std::string &text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int result = ::write(fd, text.data(), text.size()) < 0 ? -errno : 0;
    ::close(fd);
    return result;
}

/// PCI address of a card.
std::string address_of(const std::string &node) {
    std::array<char, 256> link{};
    const std::string device = "/sys/class/k7hsm/" + node.substr(node.rfind('/') + 1) + "/device";
    return ::readlink(device.c_str(), link.data(), link.size() - 1) > 0 ? std::strrchr(link.data(), '/') + 1 : "";
}

/// A PCI driver and a device: bind and unbind.
class Binding {
  public:
    Binding(const std::string &driver, std::string address)
        : folder_("/sys/bus/pci/drivers/" + driver + "/"), address_(std::move(address)) {}
    [[nodiscard]] int bind() const { return write_file(folder_ + "bind", address_); }
    [[nodiscard]] int unbind() const { return write_file(folder_ + "unbind", address_); }
    /// The node that it has now: another number while a debugging kernel holds on to the old device.
    [[nodiscard]] std::string node() const {
        const std::filesystem::path folder = "/sys/bus/pci/devices/" + address_ + "/k7hsm";
        std::error_code none;
        for (const auto &entry : std::filesystem::directory_iterator(folder, none))
            return "/dev/" + entry.path().filename().string();
        return "/dev/null";
    }

  private:
    std::string folder_;
    std::string address_;
};

class Campaign {
  public:
    explicit Campaign(std::string node) : node_(std::move(node)) {}

    [[nodiscard]] int failed() const { return tap_.failed(); }
    [[nodiscard]] int passed() const { return tap_.passed(); }

    void run(const Operation &operation) {
        const Node node(node_);
        loop(
            operation.name, operation.allowed, [&] { return operation.run(node); }, [&] { return node.nop() == 0; });
    }

    void uring(const std::string &name, std::uint8_t flags) {
        const Node node(node_);
        UringCommand command(flags);
        loop(
            name, kUring, [&] { return command.run(node); }, [&] { return node.nop() == 0; },
            [&] { command.prepare(); });
    }

    // An erase that was done leaves the card in its boot loader, one that was refused does not.
    void erase(const std::string &name, std::uint32_t target) {
        const Node node(node_);
        loop(
            name, kMemoryAndCopies, [&] { return node.erase(target); },
            [&] {
                // The kernel's own work for io_uring, a scene before, interrupts a wait as a signal does.
                return k7test::eventually(10, [&] { return node.reset(K7_RESET_FIRMWARE) == 0 && node.nop() == 0; });
            });
    }

    void open_node() {
        loop(
            "open", kMemoryAndCopies,
            [&] {
                const Node node(node_);
                return node.good() ? 0 : -errno;
            },
            [&] { return Node(node_).nop() == 0; });
    }

    // A probe may fail for whatever reason it has been given; the next one must not.
    void probe(const Binding &binding) {
        loop(
            "probe", {}, [&] { return binding.bind(); },
            [&] {
                (void)binding.bind();
                const bool works = k7test::eventually(10, [&] { return Node(binding.node()).nop() == 0; });
                return binding.unbind() == 0 && works;
            },
            [&] { (void)binding.unbind(); });
        tap_.check(binding.bind() == 0, "bound again");
    }

    // Of another driver only how it comes, so that one can see what a kernel makes of that by itself.
    void stock_probe(const Binding &binding) {
        const auto bind = [&] { return binding.bind(); };
        loop(
            "probe of a stock driver", {}, bind, [&] { return bind() != -EIO; }, [&] { (void)binding.unbind(); });
    }

  private:
    template <typename Run, typename Works>
    void loop(const std::string &name, const std::set<int> &allowed, Run run, Works works) {
        loop(name, allowed, run, works, [] {});
    }

    template <typename Run, typename Works, typename Prepare>
    void loop(const std::string &name, const std::set<int> &allowed, Run run, Works works, Prepare prepare) {
        const FailNth fail;
        std::string wrong;
        int nth = 1, seen = 0;
        for (bool fired = true; fired && wrong.empty() && nth < kFailuresMax; nth++) {
            prepare();
            fail.arm(nth);
            const int result = run();
            fired = fail.disarm();
            seen += result != 0;
            if (result != 0 && !allowed.empty() && !allowed.contains(result))
                wrong = std::string("failure ") + std::to_string(nth) + " led to " + ::strerrorname_np(-result);
            else if (!works())
                wrong = "the card does not work after failure " + std::to_string(nth);
        }
        std::printf("# %s: %d failures played, %d seen by the caller\n", name.c_str(), nth - 2, seen);
        tap_.check(fail.good() && wrong.empty() && nth > 2 && nth < kFailuresMax,
                   "fail-nth: " + name + (wrong.empty() ? "" : ": " + wrong));
    }

    std::string node_;
    k7test::Tap tap_;
};

std::vector<Operation> operations() {
    std::vector<Operation> all{
        plain<k7_ioc_info>("INFO", K7_IOC_INFO),
        query("QUERY identity", K7_QUERY_IDENTITY),
        query("QUERY state", K7_QUERY_STATE),
        plain<k7_ioc_event>("EVENT", K7_IOC_EVENT),
        request("REQUEST no-op", K7_CMD_NOP, 0, 0, 0),
        request("REQUEST random, short", K7_CMD_GET_RANDOM, 32, 0, 32),
        request("REQUEST random, long", K7_CMD_GET_RANDOM, 65536, 0, 65536),
        request("REQUEST FM call, short", K7_CMD_FM_CALL, 0xa000, 64, 64),
        request("REQUEST FM call, long", K7_CMD_FM_CALL, 0xa000, 60000, 60000),
        request("REQUEST bulk", K7_CMD_FM_LOAD_DATA, 0, 0x100000, 256),
        {"COMMANDS",
         [](const Node &node) {
             std::array<k7_command_info, 32> infos{};
             auto commands = sized<k7_ioc_commands>();
             commands.count = infos.size();
             commands.commands_addr = reinterpret_cast<std::uintptr_t>(infos.data());
             commands.entry_size = sizeof(k7_command_info);
             return node.call(K7_IOC_COMMANDS, &commands);
         },
         kMemoryAndCopies},
        plain<k7_ioc_claim>("CLAIM", K7_IOC_CLAIM, [](k7_ioc_claim &claim) { claim.action = K7_CLAIM_TAKE; }),
        {"SUBMIT and COLLECT one", [](const Node &node) { return submit_and_collect(node, 1, 0); }, kMemoryAndCopies},
        {"SUBMIT and COLLECT many", [](const Node &node) { return submit_and_collect(node, 20, 64); },
         kMemoryAndCopies},
    };
    // Failures inside the job are its own worker's and not played; those of starting it are.
    all.push_back({"RESET", [](const Node &node) { return node.reset(K7_RESET_FIRMWARE); }, kMemoryAndCopies});
    return all;
}

// Without these the kernel leaves sleeping allocations alone, or writes a trace for each failure.
void set_up_failures() {
    for (const std::string area : {"failslab", "fail_page_alloc", "fail_usercopy"}) {
        const std::string folder = "/sys/kernel/debug/" + area + "/";
        (void)write_file(folder + "verbose", "0");
        (void)write_file(folder + "ignore-gfp-wait", "N");
        (void)write_file(folder + "ignore-gfp-highmem", "N");
        (void)write_file(folder + "min-order", "0");
        (void)write_file(folder + "cache-filter", "N");
    }
}

int usage(std::FILE *to, int status) {
    std::fprintf(
        to, "Usage: k7failnth [/dev/k7pfN]\n       k7failnth --bind DRIVER PCI-ADDRESS\n\n"
            "Plays every failure of memory and user copies in probe, open and each ioctl; or in the probe of "
            "another\nPCI driver. Needs a kernel with FAULT_INJECTION, root, and the sample FM echo on the card.\n");
    return status;
}

void run(Campaign &campaign, const std::string &node) {
    campaign.open_node();
    for (const Operation &operation : operations())
        campaign.run(operation);
    campaign.uring("io_uring", 0);
    campaign.uring("io_uring, by a thread of it", IOSQE_ASYNC);
    campaign.erase("ERASE of the SMFS", K7_ERASE_SMFS);
    campaign.probe(Binding("k7hsm", address_of(node)));
}

} // namespace

int main(int argc, char **argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const bool stock = arguments.size() == 3 && arguments[0] == "--bind";
    if (!arguments.empty() && arguments[0] == "--help")
        return usage(stdout, 0);
    if (!stock && (arguments.size() > 1 || (!arguments.empty() && arguments[0].starts_with("-"))))
        return usage(stderr, 2);
    if (!FailNth().good()) {
        std::printf("skip fail-nth: this kernel has no fault injection\n");
        return 0;
    }
    set_up_failures();
    const std::string node = arguments.empty() || stock ? "/dev/k7pf0" : arguments[0];
    Campaign campaign(node);
    if (stock)
        campaign.stock_probe(Binding(arguments[1], arguments[2]));
    else
        run(campaign, node);
    std::printf("%d passed, %d failed\n", campaign.passed(), campaign.failed());
    return campaign.failed() == 0 ? 0 : 1;
}
