/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * greedy: takes all there is of everything, is refused with an error of its kind, gives it back, and can have it again.
 * FM ID a0e3. Any request: replies "ok N" with status 0, or the checks that failed with status 1.
 *
 * What is taken: heap, open files, searches, files, the FM log, the reply.
 */
#include "text.h"
#include <fm/ecall.h>
#include <stdlib.h>

DEFINE_FM_HEADER(0xa0e3, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "greedy");

static struct report report;

/* A list through the blocks themselves, so that it needs no memory of its own. */
static void take_heap(size_t size)
{
    void **list = NULL;
    unsigned blocks = 0;
    for (void **block; (block = malloc(size)) != NULL; blocks++) {
        memset(block, 0x5a, size);
        *block = list;
        list = block;
    }
    CHECK(&report, blocks > 0 && blocks * size <= K7_FM_HEAP_SIZE);
    while (list != NULL) {
        void **next = *list;
        free(list);
        list = next;
    }
}

static void take_handles(void)
{
    SMFS_HANDLE files[K7_FM_SMFS_OPEN_MAX + 1];
    unsigned int searches[K7_FM_SMFS_SEARCH_MAX + 1];
    CHECK_EQUAL(&report, SmFsCreateFile("/one", 16), SMFS_OK);
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i <= K7_FM_SMFS_OPEN_MAX; i++)
            CHECK_EQUAL(&report, SmFsOpenFile(&files[i], "/one"),
                        i < K7_FM_SMFS_OPEN_MAX ? SMFS_OK : K7_FM_SMFS_RESOURCES);
        for (unsigned i = 0; i <= K7_FM_SMFS_SEARCH_MAX; i++)
            CHECK_EQUAL(&report, SmFsFindFileInit(&searches[i], "/", "*"),
                        i < K7_FM_SMFS_SEARCH_MAX ? SMFS_OK : K7_FM_SMFS_RESOURCES);
        for (unsigned i = 0; i < K7_FM_SMFS_OPEN_MAX; i++)
            CHECK_EQUAL(&report, SmFsCloseFile(files[i]), SMFS_OK);
        for (unsigned i = 0; i < K7_FM_SMFS_SEARCH_MAX; i++)
            CHECK_EQUAL(&report, SmFsFindFileClose(searches[i]), SMFS_OK);
    }
    CHECK_EQUAL(&report, SmFsDeleteFile("/one"), SMFS_OK);
}

static const char *file_name(unsigned number)
{
    static char name[K7_FM_SMFS_NAME_MAX];
    snprintf(name, sizeof name, "/f%u", number);
    return name;
}

/* Large files, until there is no room. At the end all are gone. */
static void take_files(void)
{
    enum { MOST = 16 };
    uint32_t before = 0, after = 0;
    unsigned made = 0;
    int result = SMFS_OK;
    fm_ecall(K7_FM_SVC_SMFS_FREE, fm_address(&before), 0, 0, 0, 0);
    while (made < MOST && (result = SmFsCreateFile(file_name(made), before / 8)) == SMFS_OK)
        made++;
    CHECK(&report, made > 0 && made < MOST);
    CHECK_EQUAL(&report, result, K7_FM_SMFS_MEMORY);
    while (made > 0)
        CHECK_EQUAL(&report, SmFsDeleteFile(file_name(--made)), SMFS_OK);
    fm_ecall(K7_FM_SVC_SMFS_FREE, fm_address(&after), 0, 0, 0, 0);
    CHECK_EQUAL(&report, after, before);
}

static void take_log(void)
{
    static char line[4096];
    memset(line, 'x', sizeof line);
    for (unsigned i = 0; i < 3000; i++)
        CHECK_EQUAL(&report, fm_ecall(K7_FM_SVC_LOG, fm_address(line), sizeof line, 0, 0, 0), FMSW_OK);
}

static void take_reply(HI_MsgHandle token)
{
    uint32_t room = fm_ecall(K7_FM_SVC_IO_REPLY_CAPACITY, token, 0, 0, 0, 0);
    for (int round = 0; round < 2; round++) {
        CHECK(&report, SVC_GetReplyBuffer(token, room) != NULL);
        CHECK(&report, SVC_GetReplyBuffer(token, room + 1) == NULL);
        CHECK_EQUAL(&report, fm_ecall(K7_FM_SVC_IO_WRITE, token, fm_address(&report), 1, 0, 0), FMSW_BAD_LENGTH);
        CHECK_EQUAL(&report, fm_ecall(K7_FM_SVC_IO_WRITE_POSITION, token, 1, 0, 0, 0), FMSW_BAD_LENGTH);
    }
}

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    (void)request, (void)length;
    memset(&report, 0, sizeof report);
    for (int round = 0; round < 2; round++)
        for (size_t size = 16; size <= 65536; size *= 8)
            take_heap(size);
    take_handles();
    take_files();
    take_log();
    take_reply(token);
    reply_report(token, &report);
}

FM_RV Startup(void)
{
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
