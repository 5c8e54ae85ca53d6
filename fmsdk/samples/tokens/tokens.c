/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokens: issues tokens that anybody can check with its public key, but at most BURST at once and one more every
 * SECONDS_EACH seconds. How many are left is committed to the SMFS before a token leaves the card: neither a restart
 * nor a power cut refills the bucket.
 *
 *     fmcall a005 'issue alice'    replies the token: alice.EXPIRES.SERIAL.SIGNATURE, EXPIRES in seconds since 1970,
 *                                  SIGNATURE the Ed25519 signature in hexadecimal over all before the last dot
 *     fmcall a005 'check TOKEN'    replies its subject
 *     fmcall a005 public           replies the public key, a SubjectPublicKeyInfo in DER
 *
 * Status: 0 done, 1 not a token of this card, or expired, 2 bad request, 3 too many, 256 + N the card refused with the
 * low byte N.
 */
#include <ctype.h>
#include <fm/fm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

DEFINE_FM_HEADER(0xa005, FM_MAKE_VERSION(1, 0), 1, "k7hsm samples", "tokens");

enum status { DONE = 0, NO_TOKEN = 1, BAD_REQUEST = 2, TOO_MANY = 3, REFUSED = 256 };

#define BURST 5u
#define SECONDS_EACH 60u
#define SECONDS_VALID 3600u
#define SUBJECT_MAX 64u
#define SIGNATURE 64u
#define REQUEST_MAX 255u
#define STATE_FILE "/bucket"
#define KEY_FILE "/key"

struct state {
    uint32_t left;
    uint32_t serial;
    uint64_t filled; /* seconds since 1970: when the bucket last got a token back */
};

static FM_KEY key;
static SMFS_HANDLE file;
static struct state state;

static uint32_t refused(uint32_t error)
{
    return error == FMSW_OK ? DONE : REFUSED + (error & 0xff);
}

static uint64_t now(void)
{
    return FMGetTime() / 1000000;
}

/* The bucket as it is now: what it got back since it was filled last. A clock that was set back gives nothing. */
static struct state refill(struct state bucket)
{
    uint64_t passed = now() > bucket.filled ? now() - bucket.filled : 0;
    uint32_t back = passed / SECONDS_EACH > BURST ? BURST : (uint32_t)(passed / SECONDS_EACH);
    if (bucket.left + back >= BURST) {
        bucket.left = BURST;
        bucket.filled = bucket.filled > now() ? bucket.filled : now();
    } else {
        bucket.left += back;
        bucket.filled += (uint64_t)back * SECONDS_EACH;
    }
    return bucket;
}

static uint32_t commit(const struct state *next)
{
    int error = SmFsWriteFile(file, 0, next, sizeof *next);
    if (error == SMFS_OK)
        state = *next;
    return refused((uint32_t)error);
}

static bool good_subject(const char *subject)
{
    size_t length = strlen(subject);
    for (size_t i = 0; i < length; i++)
        if (!isalnum(subject[i]) && subject[i] != '-' && subject[i] != '_' && subject[i] != '@')
            return false;
    return length > 0 && length <= SUBJECT_MAX;
}

static uint32_t issue(HI_MsgHandle token, char *subject)
{
    char text[SUBJECT_MAX + 2 * SIGNATURE + 48];
    uint8_t signature[SIGNATURE];
    uint32_t size = sizeof signature;
    struct state next = refill(state);
    if (!good_subject(subject))
        return BAD_REQUEST;
    if (next.left == 0)
        return TOO_MANY;
    next.left--;
    next.serial++;
    uint32_t status = commit(&next);
    if (status != DONE)
        return status;
    int length = snprintf(text, sizeof text, "%s.%llu.%lu", subject, (unsigned long long)now() + SECONDS_VALID,
                          (unsigned long)next.serial);
    FMSW_STATUS made = FMSign(key, FM_EDDSA, text, (uint32_t)length, signature, &size);
    if (made != FMSW_OK)
        return refused(made);
    text[length++] = '.';
    for (uint32_t i = 0; i < size; i++)
        length += snprintf(text + length, sizeof text - (size_t)length, "%02x", signature[i]);
    SVC_IO_Write(token, text, (uint32_t)length);
    return DONE;
}

static bool read_signature(const char *digits, uint8_t signature[SIGNATURE])
{
    if (strlen(digits) != 2 * SIGNATURE)
        return false;
    for (uint32_t i = 0; i < SIGNATURE; i++) {
        char pair[3] = {digits[2 * i], digits[2 * i + 1], '\0'}, *end;
        signature[i] = (uint8_t)strtoul(pair, &end, 16);
        if (end != pair + 2)
            return false;
    }
    return true;
}

static uint32_t check(HI_MsgHandle token, char *text)
{
    uint8_t signature[SIGNATURE];
    char *dot = strrchr(text, '.');
    if (dot == NULL || !read_signature(dot + 1, signature))
        return NO_TOKEN;
    if (FMVerify(key, FM_EDDSA, text, (uint32_t)(dot - text), signature, sizeof signature) != FMSW_OK)
        return NO_TOKEN;
    /* Signed by this card, so it has the form that issue() gives. */
    char *expires = strchr(text, '.');
    if (strtoul(expires + 1, NULL, 10) < now())
        return NO_TOKEN;
    SVC_IO_Write(token, text, (uint32_t)(expires - text));
    return DONE;
}

static uint32_t public(HI_MsgHandle token, char *none)
{
    uint8_t der[FM_PUBLIC_KEY_MAX];
    uint32_t size = sizeof der;
    (void)none;
    FMSW_STATUS status = FMKeyPublic(key, der, &size);
    SVC_IO_Write(token, der, size);
    return refused(status);
}

static const struct verb {
    const char *name;
    uint32_t (*run)(HI_MsgHandle token, char *argument);
} verbs[] = {{"issue", issue}, {"check", check}, {"public", public}};

static uint32_t run(HI_MsgHandle token, char *text)
{
    char *argument = text + strcspn(text, " ");
    if (*argument != '\0')
        *argument++ = '\0';
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(text, verbs[i].name) == 0)
            return verbs[i].run(token, argument);
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

static uint32_t open_state(void)
{
    struct state full = {.left = BURST, .filled = now()};
    int error = SmFsOpenFile(&file, STATE_FILE);
    if (error == SMFS_OK)
        error = SmFsReadFile(file, 0, &state, sizeof state);
    if (error != SMFS_ERR_NOT_FOUND)
        return (uint32_t)error;
    error = SmFsCreateFile(STATE_FILE, sizeof state);
    if (error == SMFS_OK)
        error = SmFsOpenFile(&file, STATE_FILE);
    return error == SMFS_OK ? commit(&full) : (uint32_t)error;
}

FM_RV Startup(void)
{
    FMSW_STATUS status = FMKeyLoad(&key, KEY_FILE);
    if (status == SMFS_ERR_NOT_FOUND) {
        status = FMKeyGenerate(&key, FM_KEY_ED25519, 256, 0);
        if (status == FMSW_OK)
            status = FMKeyStore(key, KEY_FILE);
    }
    if (status == FMSW_OK)
        status = open_state();
    return status == FMSW_OK ? FMSW_RegisterRandomDispatch(GetFMID(), on_message) : status;
}
