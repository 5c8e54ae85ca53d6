/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fm/smfs.h
 * The Secure Memory File System: where an FM keeps keys and objects across restarts. Contents are encrypted on the
 * card, survive `fmrecover --fm`, and are destroyed by `fmrecover --smfs`.
 *
 * Paths are absolute, '/' separates, at most SMFS_MAX_PATH characters; a name has at most SMFS_MAX_NAME characters.
 * An FM sees a tree of its own. Below "/shared" it finds another, which all FMs have in common that are signed with the
 * same key; "/shared" itself is always there and is not found by a search in "/". A tree is bound to the signer: an FM of
 * the same ID from another one starts with an empty tree.
 *
 * A file's size is set when it is created and the file is zero-filled; directories grow. A write is committed when
 * the call returns. Names, limits and error numbers follow the public SMFS reference.
 */
#ifndef FM_SMFS_H
#define FM_SMFS_H

#include <fm/types.h>
#include <k7/fm_abi.h>

FM_BEGIN_DECLS

#define SMFS_MAX_NAME (K7_FM_SMFS_NAME_MAX - 1) /**< characters of a name, without its terminator */
#define SMFS_MAX_PATH K7_FM_SMFS_PATH_MAX       /**< characters of a path */
#define SMFS_MAX_OPEN K7_FM_SMFS_OPEN_MAX       /**< files that are open at the same time */
#define SMFS_MAX_SEARCH K7_FM_SMFS_SEARCH_MAX   /**< searches that run at the same time */

#define SMFS_OK K7_FM_SMFS_OK
#define SMFS_ERR_ERROR K7_FM_SMFS_ERROR                 /**< 1: the file is damaged on the card; it can be deleted */
#define SMFS_ERR_NOT_INITED K7_FM_SMFS_NOT_INITED       /**< 2: the SMFS is not activated */
#define SMFS_ERR_MEMORY K7_FM_SMFS_MEMORY               /**< 3: no space left */
#define SMFS_ERR_NAME_TOO_LONG K7_FM_SMFS_NAME_TOO_LONG /**< 4: a name or path beyond its limit */
#define SMFS_ERR_RESOURCES K7_FM_SMFS_RESOURCES         /**< 5: too many open files or searches */
#define SMFS_ERR_PARAMETER K7_FM_SMFS_PARAMETER         /**< 6: bad handle, offset, length, pointer or name */
#define SMFS_ERR_ACCESS K7_FM_SMFS_ACCESS               /**< 7: not allowed */
#define SMFS_ERR_NOT_FOUND K7_FM_SMFS_NOT_FOUND         /**< 8: no such file or directory; end of a search */
#define SMFS_ERR_BUSY K7_FM_SMFS_BUSY                   /**< 9: open, or a directory that is not empty */
#define SMFS_ERR_EXIST K7_FM_SMFS_EXIST                 /**< 10: the name is taken */
#define SMFS_ERR_FILE_TYPE K7_FM_SMFS_FILE_TYPE         /**< 11: a directory where a file is needed, or the reverse */

/** An open file. Handles that are open when a message ends stay open until they are closed or the card restarts. */
typedef uint32_t SMFS_HANDLE;

/** What the SMFS knows of a file or directory. */
typedef struct SmFsAttr {
    unsigned int Size;  /**< bytes of a file; entries of a directory */
    unsigned int isDir; /**< 1 for a directory, 0 for a file */
} SmFsAttr;

/*
 * Every call gives SMFS_OK or one of the errors above. Besides those named at each call, all give SMFS_ERR_NOT_INITED
 * while the SMFS is not activated, SMFS_ERR_PARAMETER for memory that the FM may not use, and those that take a path
 * SMFS_ERR_NAME_TOO_LONG, SMFS_ERR_NOT_FOUND and SMFS_ERR_FILE_TYPE (a file where a directory must be).
 */

/**
 * Create a directory in an existing one.
 * @param name    path
 * @param entries expected number of entries; a hint only, directories grow
 * @return SMFS_ERR_EXIST when the name is taken, SMFS_ERR_MEMORY when the SMFS is full
 */
int SmFsCreateDir(const char *name, unsigned int entries);

/**
 * Create a zero-filled file of fixed size. It is not opened.
 * @param name path
 * @param len  bytes
 * @return SMFS_ERR_EXIST when the name is taken, SMFS_ERR_MEMORY when the SMFS has not so much space
 */
int SmFsCreateFile(const char *name, unsigned int len);

/**
 * Open a file for reading and writing. A file can be open more than once.
 * @param fh   receives the handle
 * @param name path
 * @return SMFS_ERR_NOT_FOUND, SMFS_ERR_FILE_TYPE for a directory, SMFS_ERR_RESOURCES beyond SMFS_MAX_OPEN open files
 */
int SmFsOpenFile(SMFS_HANDLE *fh, const char *name);

/** Close an open file. @return SMFS_ERR_PARAMETER when fh is no open file */
int SmFsCloseFile(SMFS_HANDLE fh);

/**
 * Read a part of an open file, all of it or nothing.
 * @param offset bytes from the start of the file
 * @param bc     bytes
 * @return SMFS_ERR_PARAMETER for a bad handle, or when the part reaches beyond the file's size
 */
int SmFsReadFile(SMFS_HANDLE fh, unsigned int offset, void *buf, unsigned int bc);

/**
 * Write a part of an open file, all of it or nothing; committed when the call returns, also against a power cut.
 * @param offset bytes from the start of the file
 * @param bc     bytes
 * @return SMFS_ERR_PARAMETER for a bad handle, or when the part reaches beyond the file's size
 */
int SmFsWriteFile(SMFS_HANDLE fh, unsigned int offset, const void *buf, unsigned int bc);

/** Delete a file or an empty directory. @return SMFS_ERR_BUSY when it is open, or not empty */
int SmFsDeleteFile(const char *name);

/**
 * Give a file or directory a new name in the same directory.
 * @param oldName path
 * @param newName a name, not a path
 * @return SMFS_ERR_EXIST when the new name is taken, SMFS_ERR_PARAMETER when it is no name
 */
int SmFsRenameFile(const char *oldName, const char *newName);

/** Attributes of a file or directory. @param name path @param attr receives them */
int SmFsGetFileAttr(const char *name, SmFsAttr *attr);

/** Attributes of an open file. @return SMFS_ERR_PARAMETER when fh is no open file */
int SmFsGetOpenFileAttr(SMFS_HANDLE fh, SmFsAttr *attr);

/** Free space in the FM's own tree, within its quota. @param bytes receives the bytes that new files may take together */
int SmFsCalcFree(unsigned int *bytes);

/**
 * Begin a search in one directory.
 * @param sh        receives the search
 * @param directory path
 * @param pattern   a name, in which '*' stands for any characters and '?' for one
 * @return SMFS_ERR_RESOURCES beyond SMFS_MAX_SEARCH searches
 */
int SmFsFindFileInit(unsigned int *sh, const char *directory, const char *pattern);

/**
 * Next name of a search.
 * @param name     receives the name, without its directory, terminated
 * @param nameSize bytes that name takes; SMFS_MAX_NAME + 1 is enough for all
 * @return SMFS_ERR_NOT_FOUND at the end, SMFS_ERR_NAME_TOO_LONG when nameSize is too small (the name is skipped),
 *         SMFS_ERR_PARAMETER when sh is no search
 */
int SmFsFindFile(unsigned int sh, char *name, unsigned int nameSize);

/** End a search. @return SMFS_ERR_PARAMETER when sh is no search */
int SmFsFindFileClose(unsigned int sh);

FM_END_DECLS

#endif
