// SPDX-License-Identifier: GPL-2.0-or-later
//
// ioctl_test: tests of the driver that run in a guest as root.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/kmod/groups.hpp"

namespace {

struct Group {
    const char *name;
    void (*run)(k7test::Context &context);
    bool faults;        ///< needs a runner that carries out "@qmp" lines
    bool asked = false; ///< runs only when it is named
};

constexpr Group kGroups[] = {
    {"arguments", k7test::test_arguments, false},
    {"info", k7test::test_info, false},
    {"query", k7test::test_query, false},
    {"request", k7test::test_request, false},
    {"permissions", k7test::test_permissions, false},
    {"events", k7test::test_events, false},
    {"channels", k7test::test_channels, false},
    {"polling", k7test::test_polling, false},
    {"payload-limit", k7test::test_payload_limit, false},
    {"commands", k7test::test_commands, false},
    {"claim", k7test::test_claim, true},
    {"async-arguments", k7test::test_async_arguments, false},
    {"async", k7test::test_async, false},
    {"uring", k7test::test_uring, false},
    {"bulk", k7test::test_bulk, false},
    {"many-files", k7test::test_many_files, false},
    {"latency", k7test::test_latency, false},
    {"reset", k7test::test_reset, false},
    {"erase", k7test::test_erase, false},
    {"busy-reset", k7test::test_busy_reset, false},
    {"stuck-reset", k7test::test_stuck_reset, true, true},
    {"busy-mailbox", k7test::test_busy_mailbox, true, true},
    {"unbind", k7test::test_unbind, true},
    {"lost-completion", k7test::test_lost_completion, true},
    {"signal", k7test::test_signal, true},
    {"halt", k7test::test_halt, true},
    {"full-rings", k7test::test_full_rings, true},
    {"async-disturbed", k7test::test_async_disturbed, true},
    {"uring-disturbed", k7test::test_uring_disturbed, true},
    {"bulk-disturbed", k7test::test_bulk_disturbed, true},
    {"link-down", k7test::test_link_down, true},
    {"removal", k7test::test_removal, true, true},
    {"ladder", k7test::test_ladder, true, true},
    {"closing", k7test::test_closing, true, true},
    {"resets-under-load", k7test::test_resets_under_load, false, true},
    {"stray-bus-reset", k7test::test_stray_bus_reset, false, true},
    {"errors-under-load", k7test::test_errors_under_load, true, true},
    {"suspend-under-load", k7test::test_suspend_under_load, true, true},
    {"lies", k7test::test_lies, true, true},
    {"stale-ring", k7test::test_stale_ring, true, true},
    {"kexec", k7test::test_kexec, false, true},
};

int usage() {
    std::fprintf(stderr, "Usage: ioctl_test [--node /dev/k7pfN] [--card QOM-PATH] [--no-faults | GROUP...]\nGroups:");
    for (const Group &group : kGroups)
        std::fprintf(stderr, " %s", group.name);
    std::fprintf(stderr, "\n");
    return 2;
}

const Group *find(const std::string &name) {
    for (const Group &group : kGroups) {
        if (name == group.name)
            return &group;
    }
    return nullptr;
}

void run(k7test::Context &context, const Group &group) {
    std::printf("# %s\n", group.name);
    group.run(context);
}

} // namespace

int main(int argc, char **argv) {
    k7test::Context context{{}, "/dev/k7pf0", "", "/machine/peripheral/card0"};
    std::vector<const Group *> chosen;
    bool faults = true;

    for (int i = 1; i < argc; i++) {
        const std::string argument = argv[i];
        if (argument == "--node" && i + 1 < argc)
            context.node = argv[++i];
        else if (argument == "--card" && i + 1 < argc)
            context.qom_path = argv[++i];
        else if (argument == "--no-faults")
            faults = false;
        else if (const Group *group = find(argument))
            chosen.push_back(group);
        else
            return usage();
    }
    context.sysfs = "/sys/class/k7hsm/" + context.node.substr(context.node.rfind('/') + 1);
    for (const Group &group : kGroups) {
        if (chosen.empty() && !group.asked && (faults || !group.faults))
            run(context, group);
    }
    for (const Group *group : chosen)
        run(context, *group);
    std::printf("%d passed, %d failed\n", context.tap.passed(), context.tap.failed());
    return context.tap.failed() == 0 && context.tap.passed() > 0 ? 0 : 1;
}
