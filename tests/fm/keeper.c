/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper: does in the SMFS what it is told, and keeps a secret that nobody else has ever seen. FM ID a0fd.
 * Requests are a word, a path, and for some a third word, each apart by one blank; replies are texts, the status is
 * that of the SMFS call that failed: put PATH TEXT    make the file with this content, or write into it get PATH its
 * content del PATH         delete it mv PATH NAME     rename it dir PATH         make a directory ls PATH          the
 * names in a directory, a line each free PATH        bytes that are free; PATH is not used open PATH        open it and
 * leave it open close PATH       close what `open` has opened last new PATH SIZE    make a file of SIZE bytes write
 * PATH N     write N times 4096 bytes at the start of a file, each write committed read PATH N      read the first 4096
 * bytes of a file N times plant PATH       make a file in the directory PATH, "/" at its end, name and content random;
 * replies both, each byte with all bits inverted
 */
#include "text.h"
#include <stdlib.h>

DEFINE_FM_HEADER(0xa0fd, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "keeper");

#define SECRET 64u
#define NAME 12u
#define BLOCK 4096u

static char words[8192];
static uint8_t block[BLOCK];
static SMFS_HANDLE left_open;

struct command {
    char *path;
    char *argument; /* empty when there is none */
    char reply[2048];
    uint32_t length; /* of the reply; 0: it is text */
};

static int with_file(const char *path, int (*work)(SMFS_HANDLE file, struct command *command),
                     struct command *command) {
    SMFS_HANDLE file;
    int result = SmFsOpenFile(&file, path);
    if (result != SMFS_OK)
        return result;
    result = work(file, command);
    SmFsCloseFile(file);
    return result;
}

static int write_text(SMFS_HANDLE file, struct command *command) {
    return SmFsWriteFile(file, 0, command->argument, strlen(command->argument));
}

static int put(struct command *command) {
    int result = SmFsCreateFile(command->path, strlen(command->argument));
    if (result != SMFS_OK && result != SMFS_ERR_EXIST)
        return result;
    return with_file(command->path, write_text, command);
}

static int read_text(SMFS_HANDLE file, struct command *command) {
    SmFsAttr attr;
    int result = SmFsGetOpenFileAttr(file, &attr);
    if (result != SMFS_OK)
        return result;
    uint32_t size = attr.Size < sizeof command->reply ? attr.Size : sizeof command->reply - 1;
    return SmFsReadFile(file, 0, command->reply, size);
}

static int get(struct command *command) {
    return with_file(command->path, read_text, command);
}

static int delete (struct command *command) {
    return SmFsDeleteFile(command->path);
}

static int move(struct command *command) {
    return SmFsRenameFile(command->path, command->argument);
}

static int make_directory(struct command *command) {
    return SmFsCreateDir(command->path, 1);
}

static int list(struct command *command) {
    unsigned int search;
    char name[SMFS_MAX_NAME + 1];
    size_t length = 0;
    int result = SmFsFindFileInit(&search, command->path, "*");
    if (result != SMFS_OK)
        return result;
    while (SmFsFindFile(search, name, sizeof name) == SMFS_OK && length < sizeof command->reply - 32)
        length += (size_t)snprintf(command->reply + length, sizeof command->reply - length, "%s\n", name);
    return SmFsFindFileClose(search);
}

static int show_free(struct command *command) {
    unsigned int bytes;
    int result = SmFsCalcFree(&bytes);
    snprintf(command->reply, sizeof command->reply, "%u", bytes);
    return result;
}

static int leave_open(struct command *command) {
    return SmFsOpenFile(&left_open, command->path);
}

static int close_again(struct command *command) {
    (void)command;
    return SmFsCloseFile(left_open);
}

static int make_file(struct command *command) {
    return SmFsCreateFile(command->path, strtoul(command->argument, NULL, 10));
}

static int write_often(SMFS_HANDLE file, struct command *command) {
    int result = SMFS_OK;
    for (unsigned long turns = strtoul(command->argument, NULL, 10); turns > 0 && result == SMFS_OK; turns--) {
        block[0]++;
        result = SmFsWriteFile(file, 0, block, sizeof block);
    }
    return result;
}

static int write_blocks(struct command *command) {
    return with_file(command->path, write_often, command);
}

static int read_often(SMFS_HANDLE file, struct command *command) {
    int result = SMFS_OK;
    for (unsigned long turns = strtoul(command->argument, NULL, 10); turns > 0 && result == SMFS_OK; turns--)
        result = SmFsReadFile(file, 0, block, sizeof block);
    return result;
}

static int read_blocks(struct command *command) {
    return with_file(command->path, read_often, command);
}

static int write_block(SMFS_HANDLE file, struct command *command) {
    (void)command;
    return SmFsWriteFile(file, 0, block, SECRET);
}

static int plant(struct command *command) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    char path[SMFS_MAX_PATH + 1], *name = path + strlen(command->path);
    if (strlen(command->path) + NAME > SMFS_MAX_PATH)
        return SMFS_ERR_NAME_TOO_LONG;
    memset(path, 0, sizeof path);
    memcpy(path, command->path, strlen(command->path));
    FMRandom(block, SECRET);
    FMRandom(name, NAME);
    for (unsigned i = 0; i < NAME; i++)
        name[i] = letters[(uint8_t)name[i] % (sizeof letters - 1)];
    int result = SmFsCreateFile(path, SECRET);
    if (result == SMFS_OK)
        result = with_file(path, write_block, command);
    for (unsigned i = 0; i < NAME; i++)
        command->reply[i] = (char)~name[i];
    for (unsigned i = 0; i < SECRET; i++)
        command->reply[NAME + i] = (char)~block[i];
    command->length = NAME + SECRET;
    return result;
}

static const struct {
    const char *word;
    int (*work)(struct command *command);
} commands[] = {
    {"put", put},
    {"get", get},
    {"del", delete},
    {"mv", move},
    {"dir", make_directory},
    {"ls", list},
    {"free", show_free},
    {"open", leave_open},
    {"close", close_again},
    {"new", make_file},
    {"write", write_blocks},
    {"read", read_blocks},
    {"plant", plant},
};

/* The word after @p text, which ends where that begins. */
static char *next_word(char *text) {
    char *blank = strchr(text, ' ');
    if (blank == NULL)
        return text + strlen(text);
    *blank = '\0';
    return blank + 1;
}

static void answer(HI_MsgHandle token, int status, const struct command *command) {
    uint32_t length = command->length != 0 ? command->length : (uint32_t)strnlen(command->reply, sizeof command->reply);
    void *buffer = SVC_GetReplyBuffer(token, length);
    if (buffer != NULL)
        memcpy(buffer, command->reply, length);
    SVC_SendReply(token, (uint32_t)status);
}

static void on_message(HI_MsgHandle token, void *request, uint32_t length) {
    static struct command command;
    memset(&command, 0, sizeof command);
    uint32_t kept = length < sizeof words ? length : sizeof words - 1;
    memcpy(words, request, kept);
    words[kept] = '\0';
    command.path = next_word(words);
    command.argument = next_word(command.path);
    for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(words, commands[i].word) == 0) {
            answer(token, commands[i].work(&command), &command);
            return;
        }
    }
    reply_text(token, 99, "no such command");
}

FM_RV Startup(void) {
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
