/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wallet: signs payments, but only to destinations that were approved when the wallet was made, and only up to a limit
 * for each period. Its key is made in the card, kept as a key object, and never seen by anybody. What was spent is
 * committed to the SMFS before a signature leaves the card, so a power cut can lose a payment, and never gives one away.
 *
 *     fmcall a004 'init 1000 86400 alice bob'    limit, seconds of a period, up to 8 destinations; only once
 *     fmcall a004 'pay alice 250'                 replies the payment "pay alice 250 SEQUENCE" and, after a newline,
 *                                                 its ECDSA signature (P-256, SHA-256; r and s, 64 bytes)
 *     fmcall a004 public                          replies the public key, a SubjectPublicKeyInfo in DER
 *     fmcall a004 status                          replies: spent 250 of 1000
 *
 * Status: 0 done, 2 bad request, 3 beyond the limit, 4 not approved, 5 no wallet yet, or one already, 256 + N the card
 * refused with the low byte N.
 * A period begins with the first payment after the last one has ended, by the card's clock.
 */
#include <fm/fm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

DEFINE_FM_HEADER(0xa004, FM_MAKE_VERSION(1, 0), 1, "k7hsm samples", "wallet");

enum status { DONE = 0, BAD_REQUEST = 2, BEYOND_LIMIT = 3, NOT_APPROVED = 4, NOT_NOW = 5, REFUSED = 256 };

#define DESTINATIONS 8u
#define NAME_MAX 31u
#define REQUEST_MAX 383u
#define WORDS_MAX (3u + DESTINATIONS)
#define STATE_FILE "/rule"
#define KEY_FILE "/key"

/* The rule and what was spent under it, always written whole. */
struct state {
    uint32_t limit; /* 0: no wallet yet */
    uint32_t period;
    uint32_t spent;
    uint32_t sequence;
    uint64_t began; /* seconds since 1970 */
    char approved[DESTINATIONS][NAME_MAX + 1];
};

static FM_KEY key;
static SMFS_HANDLE file;
static struct state state;

static uint32_t refused(uint32_t error)
{
    return error == FMSW_OK ? DONE : REFUSED + (error & 0xff);
}

static uint32_t commit(const struct state *next)
{
    int error = SmFsWriteFile(file, 0, next, sizeof *next);
    if (error == SMFS_OK)
        state = *next;
    return refused((uint32_t)error);
}

/* A positive number that is all there is of a word. */
static bool number(const char *word, uint32_t *value)
{
    char *end;
    *value = strtoul(word, &end, 10);
    return *end == '\0' && *value != 0 && *value != UINT32_MAX && *word != '-' && *word != '+';
}

static uint32_t init(HI_MsgHandle token, unsigned count, char **words)
{
    struct state next = {0};
    (void)token;
    if (state.limit != 0)
        return NOT_NOW;
    if (count < 4 || !number(words[1], &next.limit) || !number(words[2], &next.period))
        return BAD_REQUEST;
    for (unsigned i = 3; i < count; i++) {
        if (strlen(words[i]) > NAME_MAX)
            return BAD_REQUEST;
        strncpy(next.approved[i - 3], words[i], NAME_MAX);
    }
    /* A key object without a rule is what a power cut left behind here. */
    SmFsDeleteFile(KEY_FILE);
    uint32_t error = FMKeyGenerate(&key, FM_KEY_EC, 256, 0);
    if (error == FMSW_OK)
        error = FMKeyStore(key, KEY_FILE);
    return error == FMSW_OK ? commit(&next) : refused(error);
}

static bool is_approved(const char *name)
{
    for (unsigned i = 0; i < DESTINATIONS; i++)
        if (*name != '\0' && strcmp(state.approved[i], name) == 0)
            return true;
    return false;
}

static uint32_t sign(HI_MsgHandle token, const char *payment)
{
    uint8_t signature[64];
    uint32_t size = sizeof signature, length = (uint32_t)strlen(payment);
    FMSW_STATUS status = FMSign(key, FM_ECDSA(FM_SHA256), payment, length, signature, &size);
    if (status != FMSW_OK)
        return refused(status);
    SVC_IO_Write(token, payment, length);
    SVC_IO_Write(token, "\n", 1);
    SVC_IO_Write(token, signature, size);
    return DONE;
}

static uint32_t pay(HI_MsgHandle token, unsigned count, char **words)
{
    uint32_t amount;
    char payment[96];
    struct state next = state;
    uint64_t now = FMGetTime() / 1000000;
    if (state.limit == 0)
        return NOT_NOW;
    if (count != 3 || !number(words[2], &amount))
        return BAD_REQUEST;
    if (!is_approved(words[1]))
        return NOT_APPROVED;
    /* A clock that was set back opens no new period. */
    if (state.began == 0 || (now > state.began && now - state.began >= state.period)) {
        next.began = now;
        next.spent = 0;
    }
    if (amount > next.limit - next.spent)
        return BEYOND_LIMIT;
    next.spent += amount;
    next.sequence++;
    uint32_t status = commit(&next);
    if (status != DONE)
        return status;
    snprintf(payment, sizeof payment, "pay %s %lu %lu", words[1], (unsigned long)amount, (unsigned long)next.sequence);
    return sign(token, payment);
}

static uint32_t public(HI_MsgHandle token, unsigned count, char **words)
{
    uint8_t der[FM_PUBLIC_KEY_MAX];
    uint32_t size = sizeof der;
    (void)count, (void)words;
    if (state.limit == 0)
        return NOT_NOW;
    FMSW_STATUS status = FMKeyPublic(key, der, &size);
    SVC_IO_Write(token, der, size);
    return refused(status);
}

static uint32_t tell(HI_MsgHandle token, unsigned count, char **words)
{
    char text[64];
    (void)count, (void)words;
    if (state.limit == 0)
        return NOT_NOW;
    int length =
        snprintf(text, sizeof text, "spent %lu of %lu", (unsigned long)state.spent, (unsigned long)state.limit);
    SVC_IO_Write(token, text, (uint32_t)length);
    return DONE;
}

static const struct verb {
    const char *name;
    uint32_t (*run)(HI_MsgHandle token, unsigned count, char **words);
} verbs[] = {{"init", init}, {"pay", pay}, {"public", public}, {"status", tell}};

static uint32_t run(HI_MsgHandle token, char *text)
{
    char *words[WORDS_MAX + 1], *cut = NULL;
    unsigned count = 0;
    for (char *word = strtok_r(text, " \n", &cut); word != NULL && count <= WORDS_MAX; word = strtok_r(NULL, " \n", &cut))
        words[count++] = word;
    for (size_t i = 0; count > 0 && count <= WORDS_MAX && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(words[0], verbs[i].name) == 0)
            return verbs[i].run(token, count, words);
    return BAD_REQUEST;
}

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    char text[REQUEST_MAX + 1];
    if (length > REQUEST_MAX) {
        SVC_SendReply(token, BAD_REQUEST);
        return;
    }
    memcpy(text, request, length);
    text[length] = '\0';
    SVC_SendReply(token, run(token, text));
}

FM_RV Startup(void)
{
    int error = SmFsOpenFile(&file, STATE_FILE);
    if (error == SMFS_ERR_NOT_FOUND) {
        error = SmFsCreateFile(STATE_FILE, sizeof state);
        if (error == SMFS_OK)
            error = SmFsOpenFile(&file, STATE_FILE);
    }
    if (error == SMFS_OK)
        error = SmFsReadFile(file, 0, &state, sizeof state);
    if (error != SMFS_OK)
        return (FM_RV)error;
    FMSW_STATUS status = state.limit != 0 ? FMKeyLoad(&key, KEY_FILE) : FMSW_OK;
    return status == FMSW_OK ? FMSW_RegisterRandomDispatch(GetFMID(), on_message) : status;
}
