/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault: keeps named secrets in the SMFS. Loading another version, or losing all FMs to `fmrecover --fm`, does not
 * lose them; `fmrecover --smfs` does.
 *
 *     printf 'put pin 4711 and 0815' | fmcall a001 --in -     stores, or overwrites; replies: stored pin
 *     fmcall a001 --text 'get pin'                            replies: 4711 and 0815
 *     fmcall a001 --text list                                 replies the names, one per line
 *     fmcall a001 --text 'del pin'                            replies: deleted pin
 *
 * Status: 0 done, 1 no such secret, 2 bad request (the reply says what), 256 + N the SMFS refused with error N.
 */
#include <fm/fm.h>
#include <stdio.h>
#include <string.h>

DEFINE_FM_HEADER(0xa001, FM_MAKE_VERSION(1, 0), 1, "k7hsm samples", "vault");

enum status { DONE = 0, NOT_FOUND = 1, BAD_REQUEST = 2, SMFS_REFUSED = 256 };

#define SECRET_MAX 256u
#define DIRECTORY "/"
/* More than any good request has, so that what is too long is found where the reply can say so. */
#define REQUEST_MAX 511u

/* A secret on the SMFS: one file of fixed size, always written whole, so that a write is all or nothing. */
struct record {
    uint32_t length; /* 0: created but never written */
    char secret[SECRET_MAX];
};

/* One request, cut into words. */
struct request {
    const char *verb;
    const char *name;
    const char *secret;
};

static void reply(HI_MsgHandle token, uint32_t status, const char *text, size_t length)
{
    void *buffer = SVC_GetReplyBuffer(token, (uint32_t)length);
    if (buffer != NULL)
        memcpy(buffer, text, length);
    SVC_SendReply(token, buffer != NULL ? status : FMSW_BAD_LENGTH);
}

static void reply_named(HI_MsgHandle token, uint32_t status, const char *what, const char *name)
{
    char text[96];
    snprintf(text, sizeof text, "%s %.*s", what, (int)SMFS_MAX_NAME + 8, name);
    reply(token, status, text, strlen(text));
}

/* The one place where SMFS errors become replies. */
static void reply_error(HI_MsgHandle token, int error, const char *name)
{
    if (error == SMFS_ERR_NOT_FOUND)
        reply_named(token, NOT_FOUND, "no such secret:", name);
    else
        reply_named(token, SMFS_REFUSED + (uint32_t)error, "the SMFS refused:", name);
}

static void path_of(const char *name, char path[SMFS_MAX_NAME + 2])
{
    snprintf(path, SMFS_MAX_NAME + 2, DIRECTORY "%s", name);
}

static int open_or_create(SMFS_HANDLE *file, const char *name)
{
    char path[SMFS_MAX_NAME + 2];
    path_of(name, path);
    int error = SmFsOpenFile(file, path);
    if (error != SMFS_ERR_NOT_FOUND)
        return error;
    error = SmFsCreateFile(path, sizeof(struct record));
    return error == SMFS_OK ? SmFsOpenFile(file, path) : error;
}

static int store(const char *name, const struct record *record)
{
    SMFS_HANDLE file;
    int error = open_or_create(&file, name);
    if (error != SMFS_OK)
        return error;
    error = SmFsWriteFile(file, 0, record, sizeof *record);
    SmFsCloseFile(file);
    return error;
}

static int load(const char *name, struct record *record)
{
    SMFS_HANDLE file;
    char path[SMFS_MAX_NAME + 2];
    path_of(name, path);
    int error = SmFsOpenFile(&file, path);
    if (error != SMFS_OK)
        return error;
    error = SmFsReadFile(file, 0, record, sizeof *record);
    SmFsCloseFile(file);
    return error == SMFS_OK && (record->length == 0 || record->length > SECRET_MAX) ? SMFS_ERR_NOT_FOUND : error;
}

static void put(HI_MsgHandle token, const struct request *request)
{
    struct record record = {.length = (uint32_t)strlen(request->secret)};
    if (record.length == 0 || record.length > SECRET_MAX) {
        reply_named(token, BAD_REQUEST, "a secret has 1 to 256 bytes:", request->name);
        return;
    }
    memcpy(record.secret, request->secret, record.length);
    int error = store(request->name, &record);
    memzero_explicit(&record, sizeof record);
    if (error != SMFS_OK)
        reply_error(token, error, request->name);
    else
        reply_named(token, DONE, "stored", request->name);
}

static void get(HI_MsgHandle token, const struct request *request)
{
    struct record record;
    int error = load(request->name, &record);
    if (error != SMFS_OK)
        reply_error(token, error, request->name);
    else
        reply(token, DONE, record.secret, record.length);
    memzero_explicit(&record, sizeof record);
}

static void del(HI_MsgHandle token, const struct request *request)
{
    char path[SMFS_MAX_NAME + 2];
    path_of(request->name, path);
    int error = SmFsDeleteFile(path);
    if (error != SMFS_OK)
        reply_error(token, error, request->name);
    else
        reply_named(token, DONE, "deleted", request->name);
}

static void list(HI_MsgHandle token, const struct request *request)
{
    unsigned int search;
    char name[SMFS_MAX_NAME + 1];
    int error = SmFsFindFileInit(&search, DIRECTORY, "*");
    if (error != SMFS_OK) {
        reply_error(token, error, request->verb);
        return;
    }
    bool whole = true;
    while (whole && SmFsFindFile(search, name, sizeof name) == SMFS_OK) {
        uint32_t length = (uint32_t)strlen(name);
        name[length] = '\n';
        whole = SVC_IO_Write(token, name, length + 1) == length + 1;
    }
    SmFsFindFileClose(search);
    SVC_SendReply(token, whole ? DONE : FMSW_BAD_LENGTH);
}

/* What vault can do. A verb takes as many words as it needs, the last of them with its blanks. */
static const struct verb {
    const char *name;
    int words;
    void (*run)(HI_MsgHandle token, const struct request *request);
} verbs[] = {
    {"put", 3, put},
    {"get", 2, get},
    {"del", 2, del},
    {"list", 1, list},
};

/* Cut text at its first blank. Returns what follows, an empty text when nothing does. */
static char *cut(char *text)
{
    char *blank = strchr(text, ' ');
    if (blank == NULL)
        return text + strlen(text);
    *blank = '\0';
    return blank + 1;
}

static bool good_name(const char *name)
{
    return *name != '\0' && strlen(name) <= SMFS_MAX_NAME && strcspn(name, "/") == strlen(name);
}

static void run(HI_MsgHandle token, char *text)
{
    char *name = cut(text);
    struct request request = {.verb = text, .name = name, .secret = cut(name)};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].name, request.verb) != 0)
            continue;
        if (verbs[i].words > 1 && !good_name(request.name))
            reply_named(token, BAD_REQUEST, "a name has 1 to 16 characters, none of them '/':", request.name);
        else
            verbs[i].run(token, &request);
        return;
    }
    reply_named(token, BAD_REQUEST, "put NAME SECRET, get NAME, del NAME or list, not", request.verb);
}

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    char text[REQUEST_MAX + 1];
    if (length > REQUEST_MAX) {
        reply_named(token, BAD_REQUEST, "a request has at most 511 bytes,", "not more");
        return;
    }
    memcpy(text, request, length);
    text[length] = '\0';
    run(token, text);
    memzero_explicit(text, sizeof text);
}

FM_RV Startup(void)
{
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
