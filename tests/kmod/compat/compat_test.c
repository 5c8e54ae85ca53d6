// SPDX-License-Identifier: GPL-2.0-or-later
//
// A 32-bit program that makes each ioctl of the driver once: same numbers, same structures, pointers of half the size.
// It needs no C library, which a machine of 64 bits may not have for it.
#include "k7/hw.h"
#include "linux/k7hsm.h"

// System calls of i386.
enum { kExit = 1, kWrite = 4, kOpen = 5, kIoctl = 54 };
enum { kReadWrite = 2, kEfault = 14, kEinval = 22 };

_Static_assert(sizeof(void *) == 4, "built for 64 bits");

static int system_call(int number, long a, long b, long c) {
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

static void print(const char *text) {
    long length = 0;
    while (text[length] != '\0')
        length++;
    system_call(kWrite, 1, (long)text, length);
}

static int failures;

static void check(int good, const char *text) {
    failures += !good;
    print(good ? "ok 32 bits: " : "not ok 32 bits: ");
    print(text);
    print("\n");
}

static int call(int fd, unsigned long number, void *argument) {
    return system_call(kIoctl, fd, (long)number, (long)argument);
}

/// As the interface wants it: the upper half is 0.
static __u64 address(const void *pointer) {
    return (unsigned long)pointer;
}

static int is_filled(const unsigned char *bytes, unsigned count) {
    unsigned sum = 0;
    for (unsigned i = 0; i < count; i++)
        sum |= bytes[i];
    return sum != 0;
}

static void test_state(int fd) {
    struct k7_ioc_info info = {.size = sizeof(info)};
    check(call(fd, K7_IOC_INFO, &info) == 0 && info.payload_max >= 4096, "INFO");
    check(K7_STATE_GET(info.card_state) == K7_STATE_OPERATIONAL, "the card is operational");
    unsigned char identity[512] = {0};
    struct k7_ioc_query query = {.size = sizeof(query), .query = K7_QUERY_IDENTITY};
    query.data_addr = address(identity);
    query.data_len = sizeof(identity);
    check(call(fd, K7_IOC_QUERY, &query) == 0 && is_filled(identity, query.reply_len), "QUERY");
    struct k7_ioc_event event = {.size = sizeof(event)};
    check(call(fd, K7_IOC_EVENT, &event) == 0 && event.events == 0, "EVENT");
    static struct k7_command_info commands[64];
    struct k7_ioc_commands list = {.size = sizeof(list), .entry_size = sizeof(commands[0])};
    list.commands_addr = address(commands);
    list.count = sizeof(commands) / sizeof(commands[0]);
    check(call(fd, K7_IOC_COMMANDS, &list) == 0 && commands[0].opcode != 0, "COMMANDS");
}

static void test_request(int fd) {
    static unsigned char bytes[4096];
    struct k7_ioc_request request = {.size = sizeof(request), .opcode = K7_CMD_GET_RANDOM, .arg = {sizeof(bytes)}};
    request.out_addr = address(bytes);
    request.out_len = sizeof(bytes);
    check(call(fd, K7_IOC_REQUEST, &request) == 0 && request.card_status == 0, "REQUEST");
    check(is_filled(bytes, sizeof(bytes)), "with a reply in this program's memory");
    request.out_addr |= 1ull << 32;
    check(call(fd, K7_IOC_REQUEST, &request) == -kEfault, "an address beyond 4 GiB is none of this program's");
}

static void test_async(int fd) {
    static unsigned char bytes[64];
    struct k7_submission submission = {.opcode = K7_CMD_GET_RANDOM, .arg = {sizeof(bytes)}};
    submission.user_data = 0x123456789abcdefull;
    submission.out_addr = address(bytes);
    submission.out_len = sizeof(bytes);
    struct k7_ioc_submit submit = {.size = sizeof(submit), .count = 1, .entry_size = sizeof(submission)};
    submit.submissions_addr = address(&submission);
    check(call(fd, K7_IOC_SUBMIT, &submit) == 0 && submit.count == 1, "SUBMIT");
    struct k7_completion completion = {0};
    struct k7_ioc_collect collect = {.size = sizeof(collect), .count = 1, .entry_size = sizeof(completion), .wait = 1};
    collect.completions_addr = address(&completion);
    collect.timeout_ms = 30000;
    check(call(fd, K7_IOC_COLLECT, &collect) == 0 && collect.count == 1, "COLLECT");
    check(completion.user_data == submission.user_data && completion.error == 0 && is_filled(bytes, sizeof(bytes)),
          "with its reply");
}

static void test_control(int fd) {
    struct k7_ioc_claim claim = {.size = sizeof(claim), .action = K7_CLAIM_TAKE};
    check(call(fd, K7_IOC_CLAIM, &claim) == 0, "CLAIM");
    struct k7_ioc_erase erase = {.size = sizeof(erase), .target = K7_ERASE_FMS};
    check(call(fd, K7_IOC_ERASE, &erase) == 0 && erase.card_status == 0, "ERASE");
    struct k7_ioc_reset reset = {.size = sizeof(reset), .kind = K7_RESET_CARD, .mode = K7_MODE_OPERATIONAL};
    check(call(fd, K7_IOC_RESET, &reset) == 0, "RESET");
    check(K7_STATE_GET(reset.card_state) == K7_STATE_OPERATIONAL, "after which the card is operational");
    reset.kind = 0;
    check(call(fd, K7_IOC_RESET, &reset) == -kEinval, "bad arguments are refused");
}

/// Its frame is not aligned as a function's is that was called.
__attribute__((force_align_arg_pointer, noreturn)) void _start(void) {
    const int fd = system_call(kOpen, (long)"/dev/k7pf0", kReadWrite, 0);
    check(fd >= 0, "open the card");
    if (fd >= 0) {
        test_state(fd);
        test_request(fd);
        test_async(fd);
        test_control(fd);
    }
    for (;;)
        system_call(kExit, failures != 0, 0, 0);
}
