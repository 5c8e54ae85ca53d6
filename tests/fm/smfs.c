/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smfs: names, limits, errors and contents of the SMFS. FM ID a0fc.
 * Any request: replies "ok N", status 0, or one line for each failed check, status 1. It works in the directory
 * /smfs-test and leaves nothing behind, so it can run any number of times.
 */
#include "text.h"

DEFINE_FM_HEADER(0xa0fc, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "smfs");

static struct report report;

#define DIR "/smfs-test"
#define NAME_16 "sixteen-letters-"

#define EXPECT(result, wanted) CHECK_EQUAL(&report, result, wanted)

static void check_file(void)
{
    SMFS_HANDLE file;
    SmFsAttr attr = {99, 99};
    uint8_t bytes[64], wanted[64] = {0};
    EXPECT(SmFsOpenFile(&file, DIR "/a"), SMFS_ERR_NOT_FOUND);
    EXPECT(SmFsCreateFile(DIR "/a", sizeof bytes), SMFS_OK);
    EXPECT(SmFsCreateFile(DIR "/a", 1), SMFS_ERR_EXIST);
    EXPECT(SmFsGetFileAttr(DIR "/a", &attr), SMFS_OK);
    CHECK(&report, attr.Size == sizeof bytes && attr.isDir == 0);
    EXPECT(SmFsOpenFile(&file, DIR "/a"), SMFS_OK);
    memset(bytes, 0xff, sizeof bytes);
    EXPECT(SmFsReadFile(file, 0, bytes, sizeof bytes), SMFS_OK);
    CHECK(&report, memcmp(bytes, wanted, sizeof bytes) == 0);
    memcpy(wanted + 10, "secret", 6);
    EXPECT(SmFsWriteFile(file, 10, "secret", 6), SMFS_OK);
    EXPECT(SmFsCloseFile(file), SMFS_OK);
    EXPECT(SmFsCloseFile(file), SMFS_ERR_PARAMETER);
    EXPECT(SmFsOpenFile(&file, DIR "/a"), SMFS_OK);
    EXPECT(SmFsReadFile(file, 0, bytes, sizeof bytes), SMFS_OK);
    CHECK(&report, memcmp(bytes, wanted, sizeof bytes) == 0);
    attr = (SmFsAttr){99, 99};
    EXPECT(SmFsGetOpenFileAttr(file, &attr), SMFS_OK);
    CHECK(&report, attr.Size == sizeof bytes && attr.isDir == 0);
    EXPECT(SmFsDeleteFile(DIR "/a"), SMFS_ERR_BUSY);
    EXPECT(SmFsCloseFile(file), SMFS_OK);
}

/* Files never grow, and an access is whole or nothing. */
static void check_bounds(void)
{
    SMFS_HANDLE file;
    uint8_t bytes[64];
    EXPECT(SmFsOpenFile(&file, DIR "/a"), SMFS_OK);
    EXPECT(SmFsReadFile(file, 60, bytes, 4), SMFS_OK);
    EXPECT(SmFsReadFile(file, 60, bytes, 5), SMFS_ERR_PARAMETER);
    EXPECT(SmFsWriteFile(file, 63, "ab", 2), SMFS_ERR_PARAMETER);
    EXPECT(SmFsReadFile(file, 63, bytes, 1), SMFS_OK);
    EXPECT(bytes[0], 0);
    EXPECT(SmFsReadFile(file, 65, bytes, 1), SMFS_ERR_PARAMETER);
    EXPECT(SmFsReadFile(file, 0xffffffff, bytes, 2), SMFS_ERR_PARAMETER);
    EXPECT(SmFsCloseFile(file), SMFS_OK);
}

static void check_names(void)
{
    EXPECT(SmFsCreateFile(DIR "/" NAME_16, 1), SMFS_OK);
    EXPECT(SmFsDeleteFile(DIR "/" NAME_16), SMFS_OK);
    EXPECT(SmFsCreateFile(DIR "/" NAME_16 "x", 1), SMFS_ERR_NAME_TOO_LONG);
    EXPECT(SmFsCreateFile(DIR "/back\\slash", 1), SMFS_OK);
    EXPECT(SmFsDeleteFile(DIR "/back\\slash"), SMFS_OK);
    EXPECT(SmFsCreateFile(DIR "/missing/file", 1), SMFS_ERR_NOT_FOUND);
    EXPECT(SmFsCreateFile(DIR "/a/file", 1), SMFS_ERR_FILE_TYPE);
    EXPECT(SmFsGetFileAttr(DIR "/missing", &(SmFsAttr){0}), SMFS_ERR_NOT_FOUND);
    CHECK(&report, SmFsCreateFile("", 1) != SMFS_OK);
    CHECK(&report, SmFsCreateFile("/", 1) != SMFS_OK);
}

static void check_rename(void)
{
    SmFsAttr attr;
    EXPECT(SmFsCreateFile(DIR "/b", 3), SMFS_OK);
    EXPECT(SmFsRenameFile(DIR "/b", "a"), SMFS_ERR_EXIST);
    EXPECT(SmFsRenameFile(DIR "/b", "c"), SMFS_OK);
    EXPECT(SmFsRenameFile(DIR "/b", "d"), SMFS_ERR_NOT_FOUND);
    EXPECT(SmFsRenameFile(DIR "/c", NAME_16 "x"), SMFS_ERR_NAME_TOO_LONG);
    CHECK(&report, SmFsRenameFile(DIR "/c", "d/e") != SMFS_OK);
    CHECK(&report, SmFsRenameFile(DIR "/c", "") != SMFS_OK);
    EXPECT(SmFsGetFileAttr(DIR "/c", &attr), SMFS_OK);
    EXPECT(attr.Size, 3);
    EXPECT(SmFsDeleteFile(DIR "/c"), SMFS_OK);
}

static void check_directories(void)
{
    SMFS_HANDLE file;
    SmFsAttr attr = {99, 99};
    EXPECT(SmFsCreateDir(DIR "/sub", 1), SMFS_OK);
    EXPECT(SmFsCreateDir(DIR "/sub", 1), SMFS_ERR_EXIST);
    EXPECT(SmFsCreateDir(DIR "/sub/deeper", 1), SMFS_OK);
    EXPECT(SmFsCreateFile(DIR "/sub/one", 1), SMFS_OK);
    EXPECT(SmFsGetFileAttr(DIR "/sub", &attr), SMFS_OK);
    CHECK(&report, attr.Size == 2 && attr.isDir == 1);
    EXPECT(SmFsOpenFile(&file, DIR "/sub"), SMFS_ERR_FILE_TYPE);
    EXPECT(SmFsDeleteFile(DIR "/sub"), SMFS_ERR_BUSY);
    EXPECT(SmFsDeleteFile(DIR "/sub/one"), SMFS_OK);
    EXPECT(SmFsDeleteFile(DIR "/sub/deeper"), SMFS_OK);
    EXPECT(SmFsDeleteFile(DIR "/sub"), SMFS_OK);
    EXPECT(SmFsDeleteFile(DIR "/sub"), SMFS_ERR_NOT_FOUND);
}

/* A path of exactly 100 characters is good, one more is not. */
static void check_path_limit(void)
{
    char path[SMFS_MAX_PATH + 2] = DIR;
    size_t lengths[] = {16, 16, 16, 16, 16};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++, length += 17) {
        path[length] = '/';
        memset(path + length + 1, 'd', lengths[i]);
        path[length + 17] = '\0';
        EXPECT(SmFsCreateDir(path, 1), SMFS_OK);
    }
    strncpy(path + length, "/ff", 4);
    CHECK(&report, length + 3 <= SMFS_MAX_PATH);
    memset(path + length + 1, 'f', SMFS_MAX_PATH - length - 1);
    path[SMFS_MAX_PATH] = '\0';
    EXPECT(SmFsCreateFile(path, 1), SMFS_OK);
    EXPECT(SmFsDeleteFile(path), SMFS_OK);
    path[SMFS_MAX_PATH] = 'f';
    path[SMFS_MAX_PATH + 1] = '\0';
    EXPECT(SmFsCreateFile(path, 1), SMFS_ERR_NAME_TOO_LONG);
    for (; length > strlen(DIR); length -= 17) {
        path[length] = '\0';
        EXPECT(SmFsDeleteFile(path), SMFS_OK);
    }
}

static void check_open_limit(void)
{
    SMFS_HANDLE files[SMFS_MAX_OPEN], one_more;
    unsigned int searches[SMFS_MAX_SEARCH], search;
    for (unsigned i = 0; i < SMFS_MAX_OPEN; i++)
        EXPECT(SmFsOpenFile(&files[i], DIR "/a"), SMFS_OK);
    EXPECT(SmFsOpenFile(&one_more, DIR "/a"), SMFS_ERR_RESOURCES);
    for (unsigned i = 0; i < SMFS_MAX_OPEN; i++)
        EXPECT(SmFsCloseFile(files[i]), SMFS_OK);
    for (unsigned i = 0; i < SMFS_MAX_SEARCH; i++)
        EXPECT(SmFsFindFileInit(&searches[i], DIR, "*"), SMFS_OK);
    EXPECT(SmFsFindFileInit(&search, DIR, "*"), SMFS_ERR_RESOURCES);
    for (unsigned i = 0; i < SMFS_MAX_SEARCH; i++)
        EXPECT(SmFsFindFileClose(searches[i]), SMFS_OK);
    EXPECT(SmFsFindFileClose(searches[0]), SMFS_ERR_PARAMETER);
}

static unsigned count_found(const char *pattern)
{
    unsigned int search, found = 0;
    char name[SMFS_MAX_NAME + 1];
    EXPECT(SmFsFindFileInit(&search, DIR, pattern), SMFS_OK);
    int result;
    while ((result = SmFsFindFile(search, name, sizeof name)) == SMFS_OK && found < 100)
        found++;
    EXPECT(result, SMFS_ERR_NOT_FOUND);
    EXPECT(SmFsFindFileClose(search), SMFS_OK);
    return found;
}

static void check_search(void)
{
    static const char *const names[] = {DIR "/key1", DIR "/key2", DIR "/key10", DIR "/other"};
    unsigned int search;
    char name[3];
    for (unsigned i = 0; i < 4; i++)
        EXPECT(SmFsCreateFile(names[i], 1), SMFS_OK);
    EXPECT(count_found("*"), 5);
    EXPECT(count_found("key*"), 3);
    EXPECT(count_found("key?"), 2);
    EXPECT(count_found("*1*"), 2);
    EXPECT(count_found("other"), 1);
    EXPECT(count_found("none*"), 0);
    EXPECT(SmFsFindFileInit(&search, DIR "/missing", "*"), SMFS_ERR_NOT_FOUND);
    EXPECT(SmFsFindFileInit(&search, DIR, "other"), SMFS_OK);
    EXPECT(SmFsFindFile(search, name, sizeof name), SMFS_ERR_NAME_TOO_LONG);
    EXPECT(SmFsFindFileClose(search), SMFS_OK);
    for (unsigned i = 0; i < 4; i++)
        EXPECT(SmFsDeleteFile(names[i]), SMFS_OK);
}

/* Space that a file takes comes back when it is deleted. */
static void check_space(void)
{
    unsigned int before = 0, during = 0, after = 0;
    EXPECT(SmFsCalcFree(&before), SMFS_OK);
    CHECK(&report, before >= 4096);
    EXPECT(SmFsCreateFile(DIR "/space", 4096), SMFS_OK);
    EXPECT(SmFsCalcFree(&during), SMFS_OK);
    CHECK(&report, during + 4096 <= before);
    EXPECT(SmFsCreateFile(DIR "/toomuch", before + 1), SMFS_ERR_MEMORY);
    EXPECT(SmFsDeleteFile(DIR "/space"), SMFS_OK);
    EXPECT(SmFsCalcFree(&after), SMFS_OK);
    EXPECT(after, before);
}

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    (void)request, (void)length;
    memset(&report, 0, sizeof report);
    EXPECT(SmFsCreateDir(DIR, 8), SMFS_OK);
    check_file();
    check_bounds();
    check_names();
    check_rename();
    check_directories();
    check_path_limit();
    check_open_limit();
    check_search();
    check_space();
    EXPECT(SmFsDeleteFile(DIR "/a"), SMFS_OK);
    EXPECT(SmFsDeleteFile(DIR), SMFS_OK);
    reply_report(token, &report);
}

FM_RV Startup(void)
{
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
