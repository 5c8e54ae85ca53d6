// SPDX-License-Identifier: GPL-2.0-or-later
//
// What can be found out (K7_IOC_COMMANDS), and having the card for oneself (K7_IOC_CLAIM).
#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "tests/kmod/disturb.hpp"
#include "tests/kmod/groups.hpp"
#include "tests/kmod/node.hpp"

namespace k7test {

namespace {

k7_ioc_commands commands_argument(std::span<k7_command_info> room) {
    auto commands = sized<k7_ioc_commands>();
    commands.commands_addr = reinterpret_cast<std::uintptr_t>(room.data());
    commands.count = static_cast<std::uint32_t>(room.size());
    commands.entry_size = sizeof(k7_command_info);
    return commands;
}

std::map<std::string, k7_command_info> list(const Node &node) {
    std::vector<k7_command_info> room(64);
    k7_ioc_commands commands = commands_argument(room);
    std::map<std::string, k7_command_info> result;
    if (node.call(K7_IOC_COMMANDS, &commands) != 0 || commands.count != commands.total)
        return result;
    room.resize(commands.count);
    for (const k7_command_info &info : room)
        result[std::string(info.name, strnlen(info.name, sizeof(info.name)))] = info;
    return result;
}

/// The names of those that may be sent, each followed by a blank.
std::string permitted(const Node &node) {
    std::string names;
    for (const auto &[name, info] : list(node))
        names += (info.flags & K7_COMMAND_PERMITTED) != 0 ? name + " " : "";
    return names;
}

void test_command_fields(Tap &tap, const Node &node) {
    std::array<k7_command_info, 3> room{};
    k7_ioc_commands commands = commands_argument(std::span(room).first(2));
    tap.result(0, node.call(K7_IOC_COMMANDS, &commands), "room for two");
    tap.check(commands.count == 2 && commands.total > 2 && room[1].opcode != 0 && room[2].opcode == 0, "has two");
    commands = commands_argument({});
    tap.result(0, node.call(K7_IOC_COMMANDS, &commands), "no room");
    tap.check(commands.count == 0 && commands.total > 2, "tells how many there are");
    commands = commands_argument(room);
    commands.reserved = 1;
    tap.result(-EINVAL, node.call(K7_IOC_COMMANDS, &commands), "a reserved field");
    commands = commands_argument(room);
    commands.entry_size = sizeof(k7_command_info) - 8;
    tap.result(-EINVAL, node.call(K7_IOC_COMMANDS, &commands), "entries too small");
    commands.entry_size = 0xfffffff8;
    tap.result(-E2BIG, node.call(K7_IOC_COMMANDS, &commands), "entries of 4 GiB");
    commands = commands_argument(room);
    commands.commands_addr = 0xdead0000;
    tap.result(-EFAULT, node.call(K7_IOC_COMMANDS, &commands), "a bad array");
    commands = commands_argument(room);
    commands.count = 0xffffffff;
    commands.commands_addr = 0xffff888000000000;
    tap.result(-EFAULT, node.call(K7_IOC_COMMANDS, &commands), "an array of the kernel");
}

} // namespace

void test_commands(Context &context) {
    Tap &tap = context.tap;
    const Node node(context.node), read_only(context.node, O_RDONLY);
    const auto all = list(node);
    const k7_ioc_info info = node.info();

    tap.check(all.contains("NOP") && all.contains("FM_CALL"), "COMMANDS lists what can be sent");
    tap.check(!all.contains("ABORT") && !all.contains("CHANNEL_CLOSE"), "and not what is the driver's own");
    if (all.empty())
        return;
    const k7_command_info &nop = all.at("NOP"), &load = all.at("FM_LOAD_DATA"), &call = all.at("FM_CALL");
    tap.check(nop.opcode == K7_CMD_NOP && nop.in_max == 0 && nop.flags == K7_COMMAND_PERMITTED, "NOP");
    tap.check((call.flags & K7_COMMAND_OPERATIONAL) != 0 && call.in_max == K7_PAYLOAD_MAX, "FM_CALL");
    tap.check((load.flags & K7_COMMAND_ADMIN) != 0, "FM_LOAD_DATA needs an administrator");
    tap.check(((info.driver_features & K7_DRIVER_HAS_BULK) != 0) == ((load.flags & K7_COMMAND_BULK) != 0) &&
                  load.in_max == std::max(info.bulk_max, info.payload_max),
              "and takes bulk payloads when the driver has them");
    tap.check((info.driver_features & K7_DRIVER_HAS_SUBMIT) != 0 && (info.driver_features & K7_DRIVER_HAS_CLAIM) != 0,
              "INFO: features of the driver");
    const std::string everything = permitted(node), little = permitted(read_only);
    tap.check(everything.find("FM_DELETE") != std::string::npos, "root may send all");
    tap.check(little.find("FM_DELETE") == std::string::npos && little.find("NOP ") != std::string::npos,
              "but on a read-only file, no command of access ADMIN");
    const int different = as_nobody([&] { return permitted(node) == little ? 0 : 1; });
    tap.check(different == 0, "nor may nobody");
    test_command_fields(tap, node);
}

// ---- Claim ----

namespace {

void expect_locked_out(Tap &tap, const Node &other) {
    std::array<k7_completion, 1> room{};
    k7_ioc_query query;
    tap.result(-EBUSY, other.nop(), "another file: REQUEST");
    tap.result(-EBUSY, other.submit(Node::submission(K7_CMD_NOP)), "SUBMIT");
    tap.result(-EBUSY, other.reset(K7_RESET_CARD), "RESET");
    tap.result(-EBUSY, other.erase(K7_ERASE_FMS), "ERASE");
    tap.result(-EBUSY, other.claim(K7_CLAIM_TAKE), "CLAIM");
    tap.result(0, other.query(K7_QUERY_STATE, {}, query), "but QUERY works");
    tap.check(other.collect(room, 0) == 0, "and COLLECT");
    tap.check(permitted(other).empty(), "COMMANDS permits nothing");
    tap.check(other.info().claimed == 2, "INFO says why");
}

void test_claim_in_flight(Context &context) {
    Tap &tap = context.tap;
    Node node(context.node), other(context.node);
    const std::vector<k7_submission> batch(3, Node::submission(K7_CMD_NOP));
    set_fault(context, "slow:5000");
    tap.check(other.submit(batch) == 3, "another file has requests in flight");
    tap.result(-EBUSY, node.claim(K7_CLAIM_TAKE), "CLAIM");
    tap.check(node.info().claimed == 0, "nobody has it then");
    set_fault(context, "none");
    other.close();
    tap.check(eventually(20, [&] { return node.claim(K7_CLAIM_TAKE) == 0; }), "when they have ended, it is had");
    tap.check(node.submit(batch) == 3 && node.claim(K7_CLAIM_TAKE) == 0, "one's own requests are no obstacle");
}

} // namespace

void test_claim(Context &context) {
    Tap &tap = context.tap;
    Node node(context.node);
    const Node other(context.node);
    auto claim = sized<k7_ioc_claim>();

    claim.action = 2;
    tap.result(-EINVAL, node.call(K7_IOC_CLAIM, &claim), "an unknown action");
    claim.action = K7_CLAIM_TAKE;
    claim.reserved = 1;
    tap.result(-EINVAL, node.call(K7_IOC_CLAIM, &claim), "a reserved field");
    tap.result(0, node.claim(K7_CLAIM_RELEASE), "releasing what one does not have");
    // Files that were just closed may have requests in flight.
    tap.check(eventually(20, [&] { return node.claim(K7_CLAIM_TAKE) == 0; }), "CLAIM");
    tap.result(0, node.claim(K7_CLAIM_TAKE), "twice");
    tap.check(node.info().claimed == 1 && node.nop() == 0, "its file works");
    expect_locked_out(tap, other);
    tap.result(-EBUSY, other.claim(K7_CLAIM_RELEASE), "another file cannot release it");
    tap.result(0, node.reset(K7_RESET_CARD), "a reset by its file");
    tap.check(node.info().claimed == 1 && other.nop() == -EBUSY, "does not release it");
    tap.result(0, node.claim(K7_CLAIM_RELEASE), "release");
    tap.result(0, other.nop(), "then others work");
    tap.result(0, node.claim(K7_CLAIM_TAKE), "CLAIM");
    node.close();
    tap.check(other.nop() == 0 && other.info().claimed == 0, "closing the file releases");
    test_claim_in_flight(context);
}

} // namespace k7test
