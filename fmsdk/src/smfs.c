/* SPDX-License-Identifier: Apache-2.0 */
/* The SMFS calls of fm/smfs.h. */
#include <fm/ecall.h>
#include <fm/smfs.h>
#include <string.h>

int SmFsCreateDir(const char *name, unsigned int entries)
{
    return (int)fm_ecall(K7_FM_SVC_SMFS_CREATE_DIR, fm_address(name), entries, 0, 0, 0);
}

int SmFsCreateFile(const char *name, unsigned int len)
{
    return (int)fm_ecall(K7_FM_SVC_SMFS_CREATE_FILE, fm_address(name), len, 0, 0, 0);
}

int SmFsOpenFile(SMFS_HANDLE *fh, const char *name)
{
    return (int)fm_ecall(K7_FM_SVC_SMFS_OPEN, fm_address(name), fm_address(fh), 0, 0, 0);
}

int SmFsCloseFile(SMFS_HANDLE fh)
{
    return (int)fm_ecall(K7_FM_SVC_SMFS_CLOSE, fh, 0, 0, 0, 0);
}

int SmFsReadFile(SMFS_HANDLE fh, unsigned int offset, void *buf, unsigned int bc)
{
    return (int)fm_ecall(K7_FM_SVC_SMFS_READ, fh, offset, fm_address(buf), bc, 0);
}

int SmFsWriteFile(SMFS_HANDLE fh, unsigned int offset, const void *buf, unsigned int bc)
{
    return (int)fm_ecall(K7_FM_SVC_SMFS_WRITE, fh, offset, fm_address(buf), bc, 0);
}

int SmFsDeleteFile(const char *name)
{
    return (int)fm_ecall(K7_FM_SVC_SMFS_DELETE, fm_address(name), 0, 0, 0, 0);
}

int SmFsRenameFile(const char *oldName, const char *newName)
{
    return (int)fm_ecall(K7_FM_SVC_SMFS_RENAME, fm_address(oldName), fm_address(newName), 0, 0, 0);
}

int SmFsGetFileAttr(const char *name, SmFsAttr *attr)
{
    return (int)fm_ecall(K7_FM_SVC_SMFS_ATTR, fm_address(name), fm_address(attr), 0, 0, 0);
}

int SmFsGetOpenFileAttr(SMFS_HANDLE fh, SmFsAttr *attr)
{
    return (int)fm_ecall(K7_FM_SVC_SMFS_FILE_ATTR, fh, fm_address(attr), 0, 0, 0);
}

int SmFsCalcFree(unsigned int *bytes)
{
    return (int)fm_ecall(K7_FM_SVC_SMFS_FREE, fm_address(bytes), 0, 0, 0, 0);
}

int SmFsFindFileInit(unsigned int *sh, const char *directory, const char *pattern)
{
    return (int)fm_ecall(K7_FM_SVC_SMFS_FIND_INIT, fm_address(directory), fm_address(pattern), fm_address(sh), 0, 0);
}

/* The service always stores a whole name; the caller's buffer may be smaller. */
int SmFsFindFile(unsigned int sh, char *name, unsigned int nameSize)
{
    char found[K7_FM_SMFS_NAME_MAX];
    uint32_t result = fm_ecall(K7_FM_SVC_SMFS_FIND, sh, fm_address(found), 0, 0, 0);
    if (result != SMFS_OK)
        return (int)result;
    size_t size = strnlen(found, sizeof found - 1) + 1;
    if (size > nameSize)
        return SMFS_ERR_NAME_TOO_LONG;
    memcpy(name, found, size);
    return SMFS_OK;
}

int SmFsFindFileClose(unsigned int sh)
{
    return (int)fm_ecall(K7_FM_SVC_SMFS_FIND_CLOSE, sh, 0, 0, 0, 0);
}
