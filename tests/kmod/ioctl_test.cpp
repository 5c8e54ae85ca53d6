// SPDX-License-Identifier: GPL-2.0-or-later
//
// The driver's ABI on a card that works: every ioctl with good and with wrong arguments.
#include <array>
#include <set>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <vector>

#include "tests/kmod/disturb.hpp"
#include "tests/kmod/groups.hpp"
#include "tests/kmod/node.hpp"

namespace k7test {

namespace {

constexpr std::uint64_t kBadAddress = 0xdead0000;

struct Ioctl {
    const char *name;
    unsigned long number;
    std::uint32_t size;
};

constexpr std::array kIoctls = {
    Ioctl{"INFO", K7_IOC_INFO, sizeof(k7_ioc_info)},
    Ioctl{"QUERY", K7_IOC_QUERY, sizeof(k7_ioc_query)},
    Ioctl{"REQUEST", K7_IOC_REQUEST, sizeof(k7_ioc_request)},
    Ioctl{"ERASE", K7_IOC_ERASE, sizeof(k7_ioc_erase)},
    Ioctl{"RESET", K7_IOC_RESET, sizeof(k7_ioc_reset)},
    Ioctl{"EVENT", K7_IOC_EVENT, sizeof(k7_ioc_event)},
    Ioctl{"COMMANDS", K7_IOC_COMMANDS, sizeof(k7_ioc_commands)},
    Ioctl{"CLAIM", K7_IOC_CLAIM, sizeof(k7_ioc_claim)},
    Ioctl{"SUBMIT", K7_IOC_SUBMIT, sizeof(k7_ioc_submit)},
    Ioctl{"COLLECT", K7_IOC_COLLECT, sizeof(k7_ioc_collect)},
};

/// A page of which only @p size bytes lie before unmapped memory.
class GuardedMemory {
  public:
    explicit GuardedMemory(std::size_t size)
        : map_(static_cast<std::byte *>(
              ::mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))),
          size_(size) {
        ::mprotect(map_ + kPage, kPage, PROT_NONE);
    }
    GuardedMemory(const GuardedMemory &) = delete;
    GuardedMemory &operator=(const GuardedMemory &) = delete;
    ~GuardedMemory() { ::munmap(map_, 2 * kPage); }

    [[nodiscard]] std::byte *data() const { return map_ + kPage - size_; }

  private:
    static constexpr std::size_t kPage = 4096;
    std::byte *map_;
    std::size_t size_;
};

void test_unknown_numbers(Tap &tap, const Node &node) {
    std::array<std::byte, 256> memory{};
    tap.result(-ENOTTY, node.call(_IOWR(K7HSM_IOC_MAGIC, 0x0a, k7_ioc_info), memory.data()), "first free number");
    tap.result(-ENOTTY, node.call(_IOWR(K7HSM_IOC_MAGIC, 0xff, k7_ioc_info), memory.data()), "last number");
    tap.result(-ENOTTY, node.call(_IO(K7HSM_IOC_MAGIC, 0x00), memory.data()), "number without a direction");
    tap.result(-ENOTTY, node.call(_IOWR('t', 0x00, k7_ioc_info), memory.data()), "number of another magic");
    tap.result(-ENOTTY, node.call(0, nullptr), "number 0");
    tap.result(-ENOTTY, node.call(0xffffffff, nullptr), "number of all ones");
}

void set_size(std::byte *memory, std::uint32_t size) {
    std::memcpy(memory, &size, sizeof(size));
}

void test_sizes(Tap &tap, const Node &node, const Ioctl &ioctl) {
    const std::string name = ioctl.name;
    std::array<std::byte, 16384> memory{};

    for (const std::uint32_t size : {0u, 4u, ioctl.size - 1}) {
        set_size(memory.data(), size);
        tap.result(-EINVAL, node.call(ioctl.number, memory.data()), name + " with size " + std::to_string(size));
    }
    for (const std::uint32_t size : {ioctl.size + 8, 4096u}) {
        memory.fill(std::byte{0});
        set_size(memory.data(), size);
        memory[size - 1] = std::byte{1};
        tap.result(-E2BIG, node.call(ioctl.number, memory.data()), name + " with something behind the struct");
    }
    for (const std::uint32_t size : {4097u, 0x80000000u, 0xffffffffu}) {
        set_size(memory.data(), size);
        tap.result(-E2BIG, node.call(ioctl.number, memory.data()), name + " with size " + std::to_string(size));
    }
}

void test_pointers(Tap &tap, const Node &node, const Ioctl &ioctl) {
    const std::string name = ioctl.name;
    const GuardedMemory cut(ioctl.size / 2);

    tap.result(-EFAULT, node.call(ioctl.number, nullptr), name + " with a null pointer");
    tap.result(-EFAULT, node.call(ioctl.number, reinterpret_cast<void *>(kBadAddress)), name + " with a bad pointer");
    set_size(cut.data(), ioctl.size);
    tap.result(-EFAULT, node.call(ioctl.number, cut.data()), name + " with a struct that ends in nowhere");
}

void test_larger_struct(Tap &tap, const Node &node) {
    struct {
        k7_ioc_info info;
        std::uint64_t future;
    } larger{};
    larger.info.size = sizeof(larger);
    tap.result(0, node.call(K7_IOC_INFO, &larger), "INFO with a larger struct");
    tap.check(larger.info.size == sizeof(k7_ioc_info), "says how much of it was filled");
}

} // namespace

void test_arguments(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node);

    test_unknown_numbers(tap, node);
    for (const Ioctl &ioctl : kIoctls) {
        test_sizes(tap, node, ioctl);
        test_pointers(tap, node, ioctl);
    }
    test_larger_struct(tap, node);
    std::array<char, 16> text{};
    tap.check(::read(node.fd(), text.data(), text.size()) < 0 && errno == EINVAL, "read() is refused");
    tap.check(::write(node.fd(), text.data(), text.size()) < 0 && errno == EINVAL, "write() is refused");
}

void test_info(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node, O_RDONLY);
    k7_ioc_info info;

    tap.result(0, node.info(info), "INFO on a read-only file");
    tap.check(info.size == sizeof(info) && info.abi_level == K7HSM_ABI_LEVEL, "ABI level");
    tap.check(info.driver_state == K7_DRIVER_LIVE, "driver is live");
    tap.check(K7_STATE_GET(info.card_state) == K7_STATE_OPERATIONAL, "card is operational");
    tap.check(context.node == "/dev/k7pf" + std::to_string(info.index), "index");
    tap.check(info.payload_max == K7_PAYLOAD_MAX && info.channels == K7_CHANNEL_MAX, "limits");
    tap.check(info.rings >= 1 && info.rings <= K7_RING_MAX, "rings");
    tap.check(info.channel >= 1 && info.channel <= info.channels, "channel");
    tap.check(std::string(info.driver_version) == first_line("/sys/module/k7hsm/version"), "driver version");
    tap.check(std::string(info.esn, strnlen(info.esn, sizeof(info.esn))) == first_line(context.sysfs + "/esn"),
              "ESN is that of sysfs");
    tap.check(std::to_string(info.generation) == first_line(context.sysfs + "/generation"), "generation likewise");
    tap.check(first_line(context.sysfs + "/card_state") == "operational", "sysfs: card_state");
    tap.check(first_line(context.sysfs + "/reason") == "none", "sysfs: reason");
    tap.check(first_line(context.sysfs + "/driver_state") == "live", "sysfs: driver_state");
    for (const char *name : {"model", "firmware_version", "boot_loader_version", "fault_sequence"})
        tap.check(!first_line(context.sysfs + "/" + name).empty(), std::string("sysfs: ") + name);
}

void test_query(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node, O_RDONLY);
    k7_identity identity{};
    k7_card_state state{};
    k7_ioc_query query;

    tap.result(0, node.query(K7_QUERY_IDENTITY, std::as_writable_bytes(std::span(&identity, 1)), query), "IDENTITY");
    tap.check(query.card_status == K7_ST_OK && query.reply_len == sizeof(identity), "of the right length");
    tap.check(std::string(identity.esn, strnlen(identity.esn, 16)) == first_line(context.sysfs + "/esn"), "its ESN");
    tap.result(0, node.query(K7_QUERY_STATE, std::as_writable_bytes(std::span(&state, 1)), query), "STATE");
    tap.check(state.state == K7_STATE_OPERATIONAL && state.generation == node.info().generation, "is that of INFO");
    tap.result(0, node.query(K7_QUERY_STATE, {}, query), "a query with no room for the reply");
    tap.check(query.data_len == 0 && query.reply_len == sizeof(state), "tells how much there is");
    tap.result(-EOPNOTSUPP, node.query(0, {}, query), "query 0");
    tap.result(-EBADF, node.query(K7_QUERY_FAULT_CORE, {}, query), "a core on a read-only file");
    tap.result(-EOPNOTSUPP, node.query(5, {}, query), "query 5");
    tap.result(-EOPNOTSUPP, node.query(0xffffffff, {}, query), "query of all ones");

    query = sized<k7_ioc_query>();
    query.query = K7_QUERY_STATE;
    query.reserved = 1;
    tap.result(-EINVAL, node.call(K7_IOC_QUERY, &query), "a reserved field that is set");
    query.reserved = 0;
    query.arg = 1;
    tap.result(-EINVAL, node.call(K7_IOC_QUERY, &query), "an argument where none belongs");
    query.arg = 0;
    query.data_len = 128;
    query.data_addr = kBadAddress;
    tap.result(-EFAULT, node.call(K7_IOC_QUERY, &query), "a bad address for the reply");
    query = sized<k7_ioc_query>();
    query.query = K7_QUERY_FAULT_REPORT;
    query.arg = 0x7fffffff;
    tap.result(0, node.call(K7_IOC_QUERY, &query), "a fault report that there is not");
    tap.check(query.card_status == K7_ST_NOT_FOUND, "the card says so");
}

namespace {

void test_request_fields(Tap &tap, const Node &node) {
    k7_ioc_request request = Node::request(K7_CMD_NOP);
    request.flags = 1;
    tap.result(-EOPNOTSUPP, node.send(request), "an unknown flag");
    request = Node::request(K7_CMD_NOP);
    request.reserved[6] = 1;
    tap.result(-EINVAL, node.send(request), "a reserved field that is set");
    for (const std::uint32_t opcode : {0u, 0x7fffu, 0x10001u, 0xffffffffu})
        tap.result(-EOPNOTSUPP, node.send(Node::request(opcode)), "opcode " + std::to_string(opcode));
    for (const std::uint32_t opcode : {K7_CMD_CHANNEL_CLOSE, K7_CMD_ABORT})
        tap.result(-EOPNOTSUPP, node.send(Node::request(opcode)), "a command of the driver's own");
}

void test_request_lengths(Tap &tap, const Node &node) {
    std::vector<std::byte> memory(K7_PAYLOAD_MAX + 1);
    k7_ioc_request request = Node::request(K7_CMD_NOP);
    request.in_addr = reinterpret_cast<std::uintptr_t>(memory.data());
    request.in_len = K7_PAYLOAD_MAX + 1;
    tap.result(-EMSGSIZE, node.send(request), "a request that is too long by one");
    request.in_len = 0xffffffff;
    tap.result(-EMSGSIZE, node.send(request), "a request of 4 GiB");
    tap.result(-EMSGSIZE, node.send(Node::request(K7_CMD_NOP, memory)), "room for a reply that is too long by one");
    request.in_len = K7_PAYLOAD_MAX;
    tap.result(0, node.call(K7_IOC_REQUEST, &request), "a NOP with the longest payload reaches the card");
    tap.check(request.card_status == K7_ST_BAD_LENGTH, "which refuses it");
    request = Node::request(K7_CMD_NOP);
    request.in_len = 16;
    request.in_addr = kBadAddress;
    tap.result(-EFAULT, node.send(request), "a bad address of the request");
    request = Node::request(K7_CMD_GET_RANDOM, {}, 16);
    request.out_len = 16;
    request.out_addr = kBadAddress;
    tap.result(-EFAULT, node.send(request), "a bad address for the reply");
    tap.result(0, node.nop(), "none of this harms the channel");
}

void test_random(Tap &tap, const Node &node) {
    std::vector<std::byte> first(K7_PAYLOAD_MAX), second(64, std::byte{0x5a});
    k7_ioc_request request = Node::request(K7_CMD_GET_RANDOM, first, K7_PAYLOAD_MAX);
    tap.result(0, node.call(K7_IOC_REQUEST, &request), "GET_RANDOM of the longest payload");
    tap.check(request.card_status == K7_ST_OK && request.out_len == K7_PAYLOAD_MAX, "all of it");
    tap.check(request.generation == node.info().generation, "generation of the request");
    std::size_t zeros = 0;
    for (const std::byte byte : first)
        zeros += byte == std::byte{0};
    tap.check(zeros < 512, "no part of it was left out");
    request = Node::request(K7_CMD_GET_RANDOM, std::span(second).first(33), 33);
    tap.result(0, node.call(K7_IOC_REQUEST, &request), "GET_RANDOM of 33 bytes");
    tap.check(second[33] == std::byte{0x5a} && second[63] == std::byte{0x5a}, "nothing behind its room is written");
    request = Node::request(K7_CMD_GET_RANDOM, second, 0);
    tap.result(0, node.call(K7_IOC_REQUEST, &request), "GET_RANDOM of 0 bytes");
    tap.check(request.card_status != K7_ST_OK, "is refused by the card");
}

} // namespace

void test_request(Context &context) {
    const Node node(context.node);
    context.tap.result(0, node.nop(), "NOP");
    test_request_fields(context.tap, node);
    test_request_lengths(context.tap, node);
    test_random(context.tap, node);
}

namespace {

constexpr std::array kAdminCommands = {
    K7_CMD_FM_LOAD_BEGIN, K7_CMD_FM_LOAD_DATA, K7_CMD_FM_LOAD_COMMIT,    K7_CMD_FM_LOAD_ABORT,    K7_CMD_FM_DELETE,
    K7_CMD_SMFS_ACTIVATE, K7_CMD_SMFS_CHECK,   K7_CMD_HSM_INIT,          K7_CMD_HSM_LOGIN,        K7_CMD_HSM_LOGOUT,
    K7_CMD_HSM_PASSWORD,  K7_CMD_HSM_ZEROIZE,  K7_CMD_HSM_FACTORY_RESET, K7_CMD_HSM_DECOMMISSION, K7_CMD_POLICY_SET};

void expect_refused(Tap &tap, const Node &node, int wanted, const std::string &who) {
    for (const std::uint32_t opcode : kAdminCommands)
        tap.result(wanted, node.send(Node::request(opcode)), "command " + std::to_string(opcode) + " " + who);
    tap.result(wanted, node.erase(K7_ERASE_FMS), "erase of the FMs " + who);
    tap.result(wanted, node.erase(K7_ERASE_SMFS), "erase of the SMFS " + who);
    tap.result(wanted, node.reset(K7_RESET_FIRMWARE), "reset " + who);
    tap.result(wanted, node.reset(K7_RESET_BUS), "bus reset " + who);
    tap.result(wanted, node.claim(K7_CLAIM_TAKE), "claim " + who);
    tap.result(wanted, node.submit(Node::submission(K7_CMD_FM_DELETE)), "a submission of FM_DELETE " + who);
    tap.result(0, node.nop(), "but NOP works " + who);
}

} // namespace

void test_permissions(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node);
    const Node read_only(context.node, O_RDONLY);
    const std::uint32_t generation = node.info().generation;

    expect_refused(tap, read_only, -EBADF, "on a read-only file");
    const int failures = as_nobody([&] {
        Tap child;
        expect_refused(child, node, -EPERM, "as nobody");
        expect_refused(child, read_only, -EPERM, "as nobody on a read-only file");
        child.check(!Node(context.node).good() && errno == EACCES, "nobody cannot open the node");
        return child.failed();
    });
    tap.check(failures == 0, "a user without CAP_SYS_ADMIN is refused everywhere");
    tap.check(node.info().generation == generation, "nothing was reset by all this");
}

void test_events(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node, O_RDONLY);
    k7_ioc_event event;

    tap.result(0, node.event(event, 0), "EVENT without waiting");
    tap.check(event.events == 0 && K7_STATE_GET(event.card_state) == K7_STATE_OPERATIONAL, "nothing has happened");
    const Stopwatch watch;
    tap.result(0, node.event(event, 200), "EVENT with a timeout");
    // The kernel counts in ticks, of which the first one has already begun.
    tap.check(event.events == 0 && watch.milliseconds() >= 190, "it was waited for");
    tap.within(watch.milliseconds(), 5000, "and not much longer");
    event = sized<k7_ioc_event>();
    event.reserved[2] = 1;
    tap.result(-EINVAL, node.call(K7_IOC_EVENT, &event), "a reserved field that is set");
    tap.check(node.wait(100) == 0, "poll() has nothing either");
}

namespace {

/// Several threads on one file: no reply is lost or given to another.
void test_threads(Tap &tap, const Node &node) {
    constexpr int kThreads = 8;
    constexpr int kRounds = 100;
    std::vector<std::set<std::array<std::byte, 16>>> seen(kThreads);
    std::vector<std::thread> threads;
    std::atomic<int> errors{0};

    for (auto &mine : seen) {
        threads.emplace_back([&node, &mine, &errors] {
            for (int i = 0; i < kRounds; i++) {
                std::array<std::byte, 16> bytes{};
                if (node.send(Node::request(K7_CMD_GET_RANDOM, bytes, 16)) != 0)
                    errors++;
                mine.insert(bytes);
            }
        });
    }
    for (auto &thread : threads)
        thread.join();
    std::set<std::array<std::byte, 16>> all;
    for (auto &mine : seen)
        all.merge(mine);
    tap.check(errors == 0, "8 threads on one channel: every request is answered");
    tap.check(all.size() == kThreads * kRounds, "each with an answer of its own");
}

void test_fork(Tap &tap, const Context &context) {
    const Node node(context.node);
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(node.nop() == 0 ? 0 : 1);
    int status = 1;
    ::waitpid(child, &status, 0);
    tap.check(status == 0, "a child uses its parent's file");
    tap.result(0, node.nop(), "the parent still can, after the child has gone");
}

} // namespace

void test_channels(Context &context) {
    Tap &tap = context.tap;
    std::vector<Node> nodes;
    std::set<std::uint32_t> channels;
    for (int i = 0; i < 200; i++) {
        nodes.emplace_back(context.node);
        channels.insert(nodes.back().info().channel);
    }
    tap.check(channels.size() == nodes.size(), "200 files have 200 channels");
    int errors = 0;
    for (const Node &node : nodes)
        errors += node.nop() != 0;
    tap.check(errors == 0, "all of them work");
    test_threads(tap, nodes.front());
    nodes.clear();

    errors = 0;
    for (std::uint32_t i = 0; i < 2 * K7_CHANNEL_MAX; i++)
        errors += Node(context.node).nop() != 0;
    tap.check(errors == 0, "channels are used again: 2048 files, one after the other");
    test_fork(tap, context);
}

} // namespace k7test
