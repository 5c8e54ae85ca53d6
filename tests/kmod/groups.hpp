// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "tests/kmod/tap.hpp"

namespace k7test {

/// What a group of tests is given.
struct Context {
    Tap tap;
    std::string node;     ///< /dev/k7pfN
    std::string sysfs;    ///< /sys/class/k7hsm/k7pfN
    std::string qom_path; ///< of the card in QEMU, for faults
};

// ioctl_test.cpp: the ABI, on a card that works
void test_arguments(Context &context);
void test_info(Context &context);
void test_query(Context &context);
void test_request(Context &context);
void test_permissions(Context &context);
void test_events(Context &context);
void test_channels(Context &context);

// discovery_test.cpp, async_test.cpp, uring_test.cpp, bulk_test.cpp: likewise, and disturbed
void test_commands(Context &context);
void test_claim(Context &context);
void test_async_arguments(Context &context);
void test_async(Context &context);
void test_many_files(Context &context);
void test_async_disturbed(Context &context);
void test_uring(Context &context);
void test_uring_disturbed(Context &context);
void test_bulk(Context &context);
void test_bulk_disturbed(Context &context);

// channels_test.cpp: what channels leave behind and share; closing wants a driver of little patience
void test_closing(Context &context);
void test_polling(Context &context);
void test_payload_limit(Context &context);

// disturbance_test.cpp: what happens to the card meanwhile
void test_reset(Context &context);
void test_erase(Context &context);
void test_busy_reset(Context &context);
void test_halt(Context &context);
void test_full_rings(Context &context);
void test_signal(Context &context);
void test_lost_completion(Context &context);
void test_unbind(Context &context);
void test_link_down(Context &context);
void test_latency(Context &context);

// ownership_test.cpp: who has the card, and what gets it nevertheless
void test_stuck_reset(Context &context);
void test_busy_mailbox(Context &context);

// removal_test.cpp, ladder_test.cpp, load_test.cpp, lies_test.cpp,
// reentry_test.cpp: run by cases of their own
void test_removal(Context &context);
void test_ladder(Context &context);
void test_resets_under_load(Context &context);
void test_stray_bus_reset(Context &context);
void test_errors_under_load(Context &context);
void test_suspend_under_load(Context &context);
void test_lies(Context &context);
void test_stale_ring(Context &context);
void test_kexec(Context &context);

} // namespace k7test
