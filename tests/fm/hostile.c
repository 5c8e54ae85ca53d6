/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostile: calls every service with pointers, lengths, handles and tokens that it must refuse. FM ID a0f6.
 * Any request: replies "ok N" with status 0 when all N calls were refused with an error of their kind, else
 * one line for each that was not: "accepted: service 36 argument 2: no page at all: 0x00000000", status 1.
 * Only refusals are asked for: that the card itself stays well is for the host test to see (sanitizers, later calls).
 *
 * After the reply has been sent it sends another one; should the card take that, the FM aborts with a reason.
 */
#include "text.h"
#include <fm/ecall.h>

DEFINE_FM_HEADER(0xa0f6, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "hostile");

static struct report report;
static HI_MsgHandle token;
static SMFS_HANDLE open_file;
static unsigned int open_search;

/* What one argument of a service means, and so how it can be wrong. */
enum kind {
    NONE,    /* 0; the service has no such argument */
    TOKEN,   /* the message */
    IN,      /* memory that the service reads; the next argument is its length */
    OUT,     /* memory that the service writes; the next argument is its length */
    LENGTH,  /* bytes of the memory before it */
    DIGEST,  /* 32 bytes that the service writes */
    CLOCK,   /* 8 bytes that the service writes */
    WORD,    /* 4 bytes that the service writes */
    ATTR,    /* 8 bytes that the service writes */
    NAME,    /* K7_FM_SMFS_NAME_MAX bytes that the service writes */
    PATH,    /* a terminated path */
    PATTERN, /* a terminated name or pattern */
    FILE_HANDLE,
    SEARCH,
    HASH,
    KEY,
    OBJECT,    /* a digest that was opened */
    KEY_INFO,  /* struct k7_fm_key, read or written */
    OPERATION, /* struct k7_fm_operation */
    NUMBER,    /* any number will do */
    OFFSET, /* into a file */
};

static const struct service {
    uint32_t number;
    enum kind arguments[5];
} services[] = {
    {K7_FM_SVC_SEND_REPLY, {TOKEN, NUMBER}},
    {K7_FM_SVC_REPLY_BUFFER, {TOKEN, NUMBER}},
    {K7_FM_SVC_IO_READ, {TOKEN, OUT, LENGTH}},
    {K7_FM_SVC_IO_WRITE, {TOKEN, IN, LENGTH}},
    {K7_FM_SVC_IO_READ_POSITION, {TOKEN, NUMBER}},
    {K7_FM_SVC_IO_WRITE_POSITION, {TOKEN, NUMBER}},
    {K7_FM_SVC_IO_REQUEST_LENGTH, {TOKEN}},
    {K7_FM_SVC_IO_REPLY_CAPACITY, {TOKEN}},
    {K7_FM_SVC_LOG, {IN, LENGTH}},
    {K7_FM_SVC_TIME, {CLOCK}},
    {K7_FM_SVC_MONOTONIC, {CLOCK}},
    {K7_FM_SVC_RANDOM, {OUT, LENGTH}},
    {K7_FM_SVC_SHA256, {IN, LENGTH, DIGEST}},
    {K7_FM_SVC_HMAC_SHA256, {IN, LENGTH, IN, LENGTH, DIGEST}},
    {K7_FM_SVC_SMFS_CREATE_DIR, {PATH, NUMBER}},
    {K7_FM_SVC_SMFS_CREATE_FILE, {PATH, NUMBER}},
    {K7_FM_SVC_SMFS_OPEN, {PATH, WORD}},
    {K7_FM_SVC_SMFS_CLOSE, {FILE_HANDLE}},
    {K7_FM_SVC_SMFS_READ, {FILE_HANDLE, OFFSET, OUT, LENGTH}},
    {K7_FM_SVC_SMFS_WRITE, {FILE_HANDLE, OFFSET, IN, LENGTH}},
    {K7_FM_SVC_SMFS_DELETE, {PATH}},
    {K7_FM_SVC_SMFS_RENAME, {PATH, PATTERN}},
    {K7_FM_SVC_SMFS_ATTR, {PATH, ATTR}},
    {K7_FM_SVC_SMFS_FREE, {WORD}},
    {K7_FM_SVC_SMFS_FIND_INIT, {PATH, PATTERN, WORD}},
    {K7_FM_SVC_SMFS_FIND, {SEARCH, NAME}},
    {K7_FM_SVC_SMFS_FIND_CLOSE, {SEARCH}},
    {K7_FM_SVC_SMFS_FILE_ATTR, {FILE_HANDLE, ATTR}},
    {K7_FM_SVC_DIGEST, {HASH, IN, LENGTH, OUT, LENGTH}},
    {K7_FM_SVC_DIGEST_OPEN, {HASH, KEY, WORD}},
    {K7_FM_SVC_DIGEST_UPDATE, {OBJECT, IN, LENGTH}},
    {K7_FM_SVC_DIGEST_FINAL, {OBJECT, OUT, LENGTH}},
    {K7_FM_SVC_DIGEST_CLOSE, {OBJECT}},
    {K7_FM_SVC_KEY_GENERATE, {KEY_INFO, WORD}},
    {K7_FM_SVC_KEY_IMPORT, {KEY_INFO, IN, LENGTH, WORD}},
    {K7_FM_SVC_KEY_EXPORT, {KEY, OUT, LENGTH}},
    {K7_FM_SVC_KEY_PUBLIC, {KEY, OUT, LENGTH}},
    {K7_FM_SVC_KEY_INFO, {KEY, KEY_INFO}},
    {K7_FM_SVC_KEY_DELETE, {KEY}},
    {K7_FM_SVC_KEY_DERIVE, {OPERATION, KEY_INFO, WORD}},
    {K7_FM_SVC_KEY_STORE, {KEY, PATH}},
    {K7_FM_SVC_KEY_LOAD, {PATH, WORD}},
    {K7_FM_SVC_ENCRYPT, {OPERATION}},
    {K7_FM_SVC_DECRYPT, {OPERATION}},
    {K7_FM_SVC_SIGN, {OPERATION}},
    {K7_FM_SVC_VERIFY, {OPERATION}},
};

#define FILE_PATH "/hostile"
#define FILE_SIZE 64u
#define HEAP_END (K7_FM_HEAP_BASE + K7_FM_HEAP_SIZE)

static uint32_t scratch[32];
static FM_KEY key;
static FM_DIGEST object;
static struct k7_fm_key key_info = {.type = FM_KEY_AES, .bits = 128};
static struct k7_fm_operation operation;

/* A value for an argument with which nothing is wrong, so that only the argument under test can be. */
static uint32_t good_value(enum kind kind)
{
    switch (kind) {
    case TOKEN:
        return token;
    case IN:
    case OUT:
    case DIGEST:
    case CLOCK:
    case WORD:
    case ATTR:
    case NAME:
        return fm_address(scratch);
    case LENGTH:
        return 32;
    case PATH:
        return fm_address(FILE_PATH);
    case PATTERN:
        return fm_address("name");
    case FILE_HANDLE:
        return open_file;
    case SEARCH:
        return open_search;
    case HASH:
        return FM_SHA256;
    case KEY:
        return key;
    case OBJECT:
        return object;
    case KEY_INFO:
        return fm_address(&key_info);
    case OPERATION:
        return fm_address(&operation);
    default:
        return 0;
    }
}

/* SMFS services have their own error numbers. */
static bool refused(uint32_t service, uint32_t result)
{
    bool smfs_error = result >= K7_FM_SMFS_ERROR && result <= K7_FM_SMFS_FILE_TYPE;
    bool error = result >= K7_FM_E_BAD_POINTER && result <= K7_FM_E_LAST;
    if (service == K7_FM_SVC_KEY_STORE || service == K7_FM_SVC_KEY_LOAD)
        return smfs_error || error;
    return service >= K7_FM_SVC_SMFS_CREATE_DIR && service <= K7_FM_SVC_SMFS_FILE_ATTR ? smfs_error : error;
}

static void call(const struct service *service, const uint32_t arguments[5], unsigned wrong, const char *what)
{
    uint32_t result =
        fm_ecall(service->number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4]);
    report.checks++;
    if (refused(service->number, result))
        return;
    report.failures++;
    report_line(&report, "accepted: service %lu argument %u: %s: 0x%08lx\n", (unsigned long)service->number, wrong,
                what, (unsigned long)result);
}

static void good_arguments(const struct service *service, uint32_t arguments[5])
{
    for (unsigned i = 0; i < 5; i++)
        arguments[i] = good_value(service->arguments[i]);
}

/* Call the service with argument number wrong, and the one behind it when it is a length, as given. */
static void call_with(const struct service *service, unsigned wrong, uint32_t value, uint32_t length, const char *what)
{
    uint32_t arguments[5];
    good_arguments(service, arguments);
    arguments[wrong] = value;
    if (wrong < 4 && service->arguments[wrong + 1] == LENGTH)
        arguments[wrong + 1] = length;
    call(service, arguments, wrong, what);
}

/* Memory that nobody may use, with the length that goes with it where the service takes one. */
static const struct region {
    uint32_t address, length;
    const char *what;
} regions[] = {
    {0, 32, "null"},
    {0x10, 32, "near null"},
    {0xfff, 2, "end of the first page"},
    {K7_FM_IMAGE_BASE - 1, 2, "start of the image crossed"},
    {K7_FM_IMAGE_END, 1, "end of the image window"},
    {HEAP_END, 1, "end of the heap"},
    {HEAP_END - 1, 2, "last byte of the heap crossed"},
    {HEAP_END - 3, 32, "end of the heap crossed"},
    {K7_FM_HEAP_BASE - 1, 2, "start of the heap crossed"},
    {K7_FM_HEAP_BASE, K7_FM_HEAP_SIZE + 1, "one more than the heap"},
    {K7_FM_HEAP_BASE, 0xffffffff, "longest length"},
    {K7_FM_HEAP_BASE, 0u - K7_FM_HEAP_BASE, "length to the end of the world"},
    {K7_FM_HEAP_BASE, 0x80000000, "negative length"},
    {K7_FM_REQUEST_BASE - 1, 2, "start of the request crossed"},
    {K7_FM_REPLY_BASE + K7_FM_MESSAGE_MAX, 1, "end of the reply"},
    {K7_FM_REPLY_BASE + K7_FM_MESSAGE_MAX - 1, 2, "last byte of the reply crossed"},
    {K7_FM_STACK_TOP, 1, "top of the stack"},
    {K7_FM_STACK_TOP - 1, 2, "top of the stack crossed"},
    {K7_FM_STACK_TOP - K7_FM_STACK_SIZE - 1, 1, "guard of the stack"},
    {K7_FM_STACK_TOP - K7_FM_STACK_SIZE - 1, 2, "guard of the stack crossed"},
    {K7_FM_SPACE - 1, 2, "end of the space"},
    {K7_FM_SPACE, 32, "beyond the space"},
    {K7_FM_HEAP_BASE + K7_FM_SPACE, 32, "the heap, one space on"},
    {0xdead0000, 32, "wild"},
    {K7_FM_EXIT_ADDRESS, 4, "the exit address"},
    {0xfffffff0, 0x20, "wrapping around"},
    {0xffffffff, 1, "the last address"},
    {0xffffffff, 2, "the last address, wrapping around"},
    {0xffffffff, 0xffffffff, "all ones"},
};

/* Bytes that a kind without a length argument stands for. */
static uint32_t fixed_size(enum kind kind)
{
    switch (kind) {
    case DIGEST:
        return 32;
    case CLOCK:
    case ATTR:
        return 8;
    case WORD:
        return 4;
    case NAME:
        return K7_FM_SMFS_NAME_MAX;
    case KEY_INFO:
        return sizeof(struct k7_fm_key);
    case OPERATION:
        return sizeof(struct k7_fm_operation);
    default:
        return 0;
    }
}

static bool is_memory(enum kind kind)
{
    return kind == IN || kind == OUT || kind == PATH || kind == PATTERN || fixed_size(kind) != 0;
}

/* Whether the byte there is the FM's and 0: as a text it is an empty one, which is not wrong everywhere. */
static bool is_empty_text(uint32_t address)
{
    return address == K7_FM_REPLY_BASE + K7_FM_MESSAGE_MAX - 1 || address == K7_FM_STACK_TOP - 1;
}

/* Whether the service must refuse the region. Without a length argument only the first bytes count. */
static bool wrong_for(enum kind kind, const struct region *region)
{
    if (kind == IN || kind == OUT)
        return true;
    return region->address != K7_FM_HEAP_BASE && (fixed_size(kind) != 0 || !is_empty_text(region->address));
}

/* A path must not have a terminator before the end of the heap: the service has to stop there by itself. */
static void fill_end_of_heap(void)
{
    memset((void *)(uintptr_t)(HEAP_END - 64), 'a', 64);
    *(char *)(uintptr_t)(HEAP_END - 64) = '/';
}

static void try_bad_memory(const struct service *service, unsigned argument)
{
    enum kind kind = service->arguments[argument];
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++)
        if (wrong_for(kind, &regions[i]))
            call_with(service, argument, regions[i].address, regions[i].length, regions[i].what);
    if (kind == PATH || kind == PATTERN)
        call_with(service, argument, HEAP_END - 64, 0, "text that never ends");
    if (fixed_size(kind) != 0)
        call_with(service, argument, HEAP_END - fixed_size(kind) + 1, 0, "one byte too near the end of the heap");
}

/* What the FM may read but the service would write. */
static void try_read_only_memory(const struct service *service, unsigned argument)
{
    call_with(service, argument, K7_FM_IMAGE_BASE, 32, "the FM header");
    call_with(service, argument, (uint32_t)(uintptr_t)try_read_only_memory, 32, "code");
    call_with(service, argument, fm_address(regions), 32, "constants");
    call_with(service, argument, K7_FM_REQUEST_BASE, 32, "the request");
    call_with(service, argument, K7_FM_REQUEST_BASE + 8, 32, "inside the request");
}

static void try_bad_paths(const struct service *service, unsigned argument)
{
    static char path[2 * K7_FM_SMFS_PATH_MAX];
    memset(path, 'a', sizeof path - 1);
    for (size_t i = 0; i < sizeof path; i += 10)
        path[i] = '/';
    call_with(service, argument, fm_address(path), 0, "path too long");
    call_with(service, argument, fm_address("/a-name-that-is-longer-than-any"), 0, "name too long");
    call_with(service, argument, fm_address("/missing/file"), 0, "no such directory");
    call_with(service, argument, fm_address(""), 0, "empty path");
}

static void try_bad_handles(const struct service *service, unsigned argument)
{
    static const uint32_t values[] = {0xffffffff, 0x80000000, 0x7fffffff, 0x10000, 1000, 33};
    uint32_t good = good_value(service->arguments[argument]);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (values[i] != good)
            call_with(service, argument, values[i], 0, "bad handle");
    call_with(service, argument, good + 1, 0, "the next handle");
    call_with(service, argument, good ^ 0x80000000, 0, "flipped bit");
}

static void try_bad_tokens(const struct service *service, unsigned argument)
{
    static const uint32_t offsets[] = {1, 2, 0x100, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
        call_with(service, argument, token + offsets[i], 32, "bad token");
    if (token != 0)
        call_with(service, argument, 0, 32, "token 0");
}

/* Offset and length of a file access that reach beyond its end, also around the end of the numbers. */
static void try_bad_offsets(const struct service *service, unsigned argument)
{
    static const uint32_t offsets[] = {FILE_SIZE, FILE_SIZE - 31, FILE_SIZE + 1, 0x7fffffff, 0x80000000, 0xffffffe0,
                                       0xffffffff};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
        call_with(service, argument, offsets[i], 0, "beyond the file");
}

static void try_argument(const struct service *service, unsigned argument)
{
    enum kind kind = service->arguments[argument];
    if (is_memory(kind))
        try_bad_memory(service, argument);
    if (kind == OUT || fixed_size(kind) != 0)
        try_read_only_memory(service, argument);
    if (kind == PATH)
        try_bad_paths(service, argument);
    if (kind == FILE_HANDLE || kind == SEARCH || kind == KEY || kind == OBJECT)
        try_bad_handles(service, argument);
    if (kind == TOKEN)
        try_bad_tokens(service, argument);
    if (kind == OFFSET)
        try_bad_offsets(service, argument);
}

static const struct service *find_service(uint32_t number)
{
    const struct service *service = services;
    while (service->number != number)
        service++;
    return service;
}

/* Memory that an operation names. */
static void try_bad_operations(void)
{
    static const struct k7_fm_operation good = {.mechanism = FM_AES_GCM};
    struct k7_fm_bytes *const parts[] = {&operation.iv, &operation.aad, &operation.input, &operation.output};
    static const uint32_t numbers[] = {K7_FM_SVC_ENCRYPT, K7_FM_SVC_DECRYPT, K7_FM_SVC_SIGN, K7_FM_SVC_VERIFY,
                                       K7_FM_SVC_KEY_DERIVE};
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++)
        for (size_t part = 0; part < 4; part++) {
            operation = good;
            operation.key = key;
            operation.iv = (struct k7_fm_bytes){.address = fm_address(scratch), .length = 12};
            operation.output = (struct k7_fm_bytes){.address = fm_address(scratch), .length = sizeof scratch};
            *parts[part] = (struct k7_fm_bytes){.address = regions[i].address, .length = regions[i].length};
            for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++)
                call_with(find_service(numbers[n]), 0, fm_address(&operation), 0, regions[i].what);
        }
}

/* What is wrong with numbers and not with one argument. */
static void try_the_rest(void)
{
    static const uint32_t lengths[] = {K7_FM_MESSAGE_MAX + 1, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint32_t arguments[5] = {token, lengths[i]};
        call(find_service(K7_FM_SVC_REPLY_BUFFER), arguments, 1, "reply too long");
        call(find_service(K7_FM_SVC_IO_READ_POSITION), arguments, 1, "beyond the request");
        call(find_service(K7_FM_SVC_IO_WRITE_POSITION), arguments, 1, "beyond the reply");
    }
    uint32_t random[5] = {K7_FM_HEAP_BASE, FM_RANDOM_MAX + 1};
    call(find_service(K7_FM_SVC_RANDOM), random, 1, "too much at once");
    uint32_t huge[5] = {fm_address("/huge"), 0xffffffff};
    call(find_service(K7_FM_SVC_SMFS_CREATE_FILE), huge, 1, "larger than the card");
}

static void on_message(HI_MsgHandle message, void *request, uint32_t length);

static void try_registrations(void)
{
    static const struct service registers[] = {{K7_FM_SVC_REGISTER_RANDOM, {NUMBER}},
                                               {K7_FM_SVC_REGISTER_STREAM, {NUMBER}}};
    uint32_t handler = (uint32_t)(uintptr_t)on_message;
    for (size_t i = 0; i < 2; i++) {
        call(&registers[i], (uint32_t[5]){GetFMID(), handler}, 0, "second registration");
        call(&registers[i], (uint32_t[5]){GetFMID() + 1, handler}, 0, "another FM's ID");
        call(&registers[i], (uint32_t[5]){0xffffffff, handler}, 0, "no FM ID");
        call(&registers[i], (uint32_t[5]){GetFMID(), 0xdead0000}, 1, "wild handler");
    }
}

static void on_timer(uint32_t timer)
{
    (void)timer;
    FMAbort("a timer runs that the card should have refused");
}

static void try_timers(void)
{
    static const struct service start = {K7_FM_SVC_TIMER_START, {NUMBER}}, stop = {K7_FM_SVC_TIMER_STOP, {NUMBER}};
    static const uint32_t timers[] = {K7_FM_TIMERS_MAX, 0x100, 0x80000000, 0xffffffff};
    static const uint32_t times[] = {1, K7_FM_TIMER_SHORTEST - 1, K7_FM_TIMER_LONGEST + 1, 0xffffffff};
    static const uint32_t handlers[] = {0, 1, 0xdead0000, K7_FM_HEAP_BASE, K7_FM_IMAGE_END, 0xffffffff};
    uint32_t handler = (uint32_t)(uintptr_t)on_timer;
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++) {
        call(&start, (uint32_t[5]){timers[i], 100, 100, handler}, 0, "no such timer");
        call(&stop, (uint32_t[5]){timers[i]}, 0, "no such timer");
    }
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        call(&start, (uint32_t[5]){0, times[i], 0, handler}, 1, "too short or too long");
        call(&start, (uint32_t[5]){0, 100, times[i], handler}, 2, "too short or too long");
    }
    call(&start, (uint32_t[5]){0, 0, 0, handler}, 1, "at once");
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        call(&start, (uint32_t[5]){0, 100, 100, handlers[i]}, 3, "wild handler");
    call(&start, (uint32_t[5]){0, 100, 100, handler + 2}, 3, "handler between two instructions");
}

static void prepare(void)
{
    memset(&report, 0, sizeof report);
    SmFsCreateFile(FILE_PATH, FILE_SIZE);
    if (SmFsOpenFile(&open_file, FILE_PATH) != SMFS_OK || SmFsFindFileInit(&open_search, "/", "*") != SMFS_OK) {
        report.failures++;
        report_line(&report, "the SMFS does not work, not even for honest FMs\n");
    }
    if (FMKeyGenerate(&key, FM_KEY_AES, 256, 0) != FMSW_OK || FMDigestOpen(&object, FM_SHA256, 0) != FMSW_OK) {
        report.failures++;
        report_line(&report, "keys and digests do not work, not even for honest FMs\n");
    }
    fill_end_of_heap();
}

static void clean_up(void)
{
    /* The handles that were abused still are what they were. */
    CHECK_EQUAL(&report, SmFsReadFile(open_file, 0, scratch, FILE_SIZE), SMFS_OK);
    CHECK_EQUAL(&report, SmFsFindFileClose(open_search), SMFS_OK);
    CHECK_EQUAL(&report, SmFsCloseFile(open_file), SMFS_OK);
    CHECK(&report, SmFsCloseFile(open_file) != SMFS_OK);
    CHECK_EQUAL(&report, SmFsDeleteFile(FILE_PATH), SMFS_OK);
    CHECK_EQUAL(&report, FMDigestClose(object), FMSW_OK);
    CHECK_EQUAL(&report, FMKeyDelete(key), FMSW_OK);
}

static void on_message(HI_MsgHandle message, void *request, uint32_t length)
{
    (void)request, (void)length;
    token = message;
    prepare();
    for (size_t i = 0; i < sizeof services / sizeof *services; i++)
        for (unsigned argument = 0; argument < 5; argument++)
            try_argument(&services[i], argument);
    try_bad_operations();
    try_the_rest();
    try_registrations();
    try_timers();
    clean_up();
    reply_report(token, &report);
    if (SVC_SendReply(token, 0) == FMSW_OK)
        FMAbort("the card took a second reply");
}

FM_RV Startup(void)
{
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
