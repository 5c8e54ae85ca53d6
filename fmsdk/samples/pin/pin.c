/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin: verifies PINs for an application that never learns whether it came close. Three wrong ones block the PIN until
 * the unblocking code is given. The counter of tries lives in the SMFS and is lowered before a PIN is looked at, so that
 * pulling the plug at the right moment wins no try. What is stored is HMAC(key, salt | PIN) with a key that never leaves
 * the card: not even a copy of the file lets anyone try PINs elsewhere.
 *
 *     fmcall a003 --in FILE      with one of these in FILE (not in the command line, which others can see)
 *     set PIN CODE               the first PIN, 4 to 16 characters, and its unblocking code, 8 to 16; only once
 *     verify PIN                 replies: right
 *     change OLD NEW
 *     unblock CODE NEW           three wrong codes block the code for good
 *     status                     replies: tries left of PIN and code
 *
 * Status: 0 done, 1 wrong (the reply says how many tries are left), 2 bad request, 3 blocked, 4 not set, or set already,
 * 256 + N the card refused with the low byte N.
 */
#include <fm/fm.h>
#include <stdio.h>
#include <string.h>

DEFINE_FM_HEADER(0xa003, FM_MAKE_VERSION(1, 0), 1, "k7hsm samples", "pin");

enum status { DONE = 0, WRONG = 1, BAD_REQUEST = 2, BLOCKED = 3, NOT_NOW = 4, REFUSED = 256 };

#define TRIES 3u
#define SECRET_MAX 16u
#define REQUEST_MAX 63u
#define STATE_FILE "/state"
#define KEY_FILE "/key"

/* One secret that people type. */
struct secret {
    uint8_t mac[FM_SHA256_SIZE];
    uint32_t tries; /* left */
};

/* All of it in one file that is always written whole. */
struct state {
    uint8_t salt[16];
    struct secret pin, code;
};

static FM_KEY key;
static SMFS_HANDLE file;
static bool is_set;
static struct state state;

static uint32_t refused(uint32_t error)
{
    return REFUSED + (error & 0xff);
}

static uint32_t save(void)
{
    int error = SmFsWriteFile(file, 0, &state, sizeof state);
    return error == SMFS_OK ? DONE : refused((uint32_t)error);
}

static FMSW_STATUS mac_of(const char *text, uint8_t mac[FM_SHA256_SIZE])
{
    uint8_t data[sizeof state.salt + SECRET_MAX];
    uint32_t length = (uint32_t)strlen(text), size = FM_SHA256_SIZE;
    memcpy(data, state.salt, sizeof state.salt);
    memcpy(data + sizeof state.salt, text, length);
    FMSW_STATUS status = FMSign(key, FM_HMAC(FM_SHA256), data, sizeof state.salt + length, mac, &size);
    memzero_explicit(data, sizeof data);
    return status;
}

/* The try is used up, and committed, before the comparison. */
static uint32_t check(struct secret *secret, const char *text)
{
    uint8_t mac[FM_SHA256_SIZE];
    if (secret->tries == 0)
        return BLOCKED;
    FMSW_STATUS made = mac_of(text, mac);
    if (made != FMSW_OK)
        return refused(made);
    secret->tries--;
    uint32_t status = save();
    if (status != DONE)
        return status;
    bool right = memcmp_consttime(mac, secret->mac, sizeof mac) == 0;
    memzero_explicit(mac, sizeof mac);
    if (!right)
        return secret->tries == 0 ? BLOCKED : WRONG;
    secret->tries = TRIES;
    return save();
}

static uint32_t replace(struct secret *secret, const char *text)
{
    FMSW_STATUS made = mac_of(text, secret->mac);
    secret->tries = TRIES;
    return made == FMSW_OK ? save() : refused(made);
}

static bool good(const char *text, size_t shortest)
{
    return strlen(text) >= shortest && strlen(text) <= SECRET_MAX;
}

static uint32_t set(const char *pin, const char *code)
{
    if (is_set)
        return NOT_NOW;
    if (!good(pin, 4) || !good(code, 8))
        return BAD_REQUEST;
    struct state empty = state;
    FMSW_STATUS made = FMRandom(state.salt, sizeof state.salt);
    if (made == FMSW_OK)
        made = mac_of(pin, state.pin.mac);
    if (made == FMSW_OK)
        made = mac_of(code, state.code.mac);
    state.pin.tries = state.code.tries = TRIES;
    uint32_t status = made == FMSW_OK ? save() : refused(made);
    is_set = status == DONE;
    if (!is_set)
        state = empty;
    return status;
}

static uint32_t verify(const char *pin, const char *none)
{
    (void)none;
    return good(pin, 4) ? check(&state.pin, pin) : BAD_REQUEST;
}

static uint32_t change(const char *old, const char *new)
{
    if (!good(old, 4) || !good(new, 4))
        return BAD_REQUEST;
    uint32_t status = check(&state.pin, old);
    return status == DONE ? replace(&state.pin, new) : status;
}

static uint32_t unblock(const char *code, const char *new)
{
    if (!good(code, 8) || !good(new, 4))
        return BAD_REQUEST;
    uint32_t status = check(&state.code, code);
    return status == DONE ? replace(&state.pin, new) : status;
}

static uint32_t tell(const char *none, const char *nothing)
{
    (void)none, (void)nothing;
    return DONE;
}

static const struct verb {
    const char *name;
    unsigned words; /* after the verb */
    bool when_set;
    uint32_t (*run)(const char *first, const char *second);
} verbs[] = {
    {"set", 2, false, set},       {"verify", 1, true, verify}, {"change", 2, true, change},
    {"unblock", 2, true, unblock}, {"status", 0, true, tell},
};

static uint32_t run(char *text)
{
    char *words[4] = {NULL}, *state_of_cut = NULL;
    unsigned count = 0;
    for (char *word = strtok_r(text, " \n", &state_of_cut); word != NULL && count < 4;
         word = strtok_r(NULL, " \n", &state_of_cut))
        words[count++] = word;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (count == verbs[i].words + 1 && strcmp(words[0], verbs[i].name) == 0)
            return verbs[i].when_set && !is_set ? NOT_NOW : verbs[i].run(words[1], words[2]);
    return BAD_REQUEST;
}

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    char text[REQUEST_MAX + 1] = "", reply[64];
    uint32_t status = BAD_REQUEST;
    if (length <= REQUEST_MAX) {
        memcpy(text, request, length);
        text[length] = '\0';
        status = run(text);
    }
    memzero_explicit(text, sizeof text);
    int size = snprintf(reply, sizeof reply, "%s, tries left: %lu, code: %lu", status == DONE ? "right" : "no",
                        (unsigned long)state.pin.tries, (unsigned long)state.code.tries);
    SVC_IO_Write(token, reply, (uint32_t)size);
    SVC_SendReply(token, status);
}

/* The key is made once and stays a key object; the state is empty until a PIN is set. */
static FMSW_STATUS prepare(void)
{
    FMSW_STATUS status = FMKeyLoad(&key, KEY_FILE);
    if (status == SMFS_ERR_NOT_FOUND) {
        status = FMKeyGenerate(&key, FM_KEY_SECRET, 256, 0);
        if (status == FMSW_OK)
            status = FMKeyStore(key, KEY_FILE);
    }
    if (status != FMSW_OK)
        return status;
    int error = SmFsOpenFile(&file, STATE_FILE);
    if (error == SMFS_ERR_NOT_FOUND) {
        error = SmFsCreateFile(STATE_FILE, sizeof state);
        if (error == SMFS_OK)
            error = SmFsOpenFile(&file, STATE_FILE);
    }
    return error == SMFS_OK ? (FMSW_STATUS)SmFsReadFile(file, 0, &state, sizeof state) : (FMSW_STATUS)error;
}

FM_RV Startup(void)
{
    static const uint8_t unset[sizeof state.salt];
    FMSW_STATUS status = prepare();
    if (status != FMSW_OK)
        return status;
    is_set = memcmp(state.salt, unset, sizeof unset) != 0;
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
