// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/aftermath_crash_vfs.hpp"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <new>
#include <unistd.h>

#include <sqlite3.h>

namespace k7::test {
namespace {

std::atomic<int> changes{0};
std::atomic<int> planned_change{0};
std::atomic<Mishap> planned_mishap{Mishap::Die};
std::atomic<long> disk_room{-1};
std::string disk_reserve;
std::atomic<long> reserve_size{0};
sqlite3_vfs *real_vfs = nullptr;

struct File {
    sqlite3_file base;
    sqlite3_file *real; ///< right behind this struct, in the memory that SQLite gave
};

sqlite3_file *real_of(sqlite3_file *file) {
    return reinterpret_cast<File *>(file)->real;
}

[[noreturn]] void die() {
    kill(getpid(), SIGKILL);
    _exit(1);
}

/// @return whether the change has to fail. @param half what still happens before the process dies
template <class Half>
bool mishap_now(Half &&half) {
    const int change = ++changes;
    if (planned_change == 0 || change < planned_change)
        return false;
    if (planned_mishap == Mishap::Fail)
        return true;
    half();
    die();
}

bool mishap_now() {
    return mishap_now([] {});
}

/// Take the room that @p file needs to have @p end bytes. @return whether there was enough
bool grow(sqlite3_file *file, sqlite3_int64 end) {
    sqlite3_int64 size = 0;
    file->pMethods->xFileSize(file, &size);
    if (disk_room < 0 || end == size)
        return true;
    if (end > size + disk_room && reserve_size > 0 && !std::filesystem::exists(disk_reserve)) {
        disk_room += reserve_size;
        reserve_size = 0;
    }
    if (end > size + disk_room)
        return false;
    disk_room -= end - size;
    return true;
}

int file_close(sqlite3_file *file) {
    return real_of(file)->pMethods->xClose(real_of(file));
}
int file_read(sqlite3_file *file, void *to, int size, sqlite3_int64 offset) {
    return real_of(file)->pMethods->xRead(real_of(file), to, size, offset);
}
int file_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 offset) {
    const auto *methods = real_of(file)->pMethods;
    if (mishap_now([&] { methods->xWrite(real_of(file), from, size / 2, offset); }))
        return SQLITE_IOERR_WRITE;
    sqlite3_int64 now = 0;
    methods->xFileSize(real_of(file), &now);
    if (offset + size > now && !grow(real_of(file), offset + size))
        return SQLITE_FULL;
    return methods->xWrite(real_of(file), from, size, offset);
}
int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    if (mishap_now())
        return SQLITE_IOERR_TRUNCATE;
    return grow(real_of(file), size) ? real_of(file)->pMethods->xTruncate(real_of(file), size) : SQLITE_FULL;
}
int file_sync(sqlite3_file *file, int flags) {
    return mishap_now() ? SQLITE_IOERR_FSYNC : real_of(file)->pMethods->xSync(real_of(file), flags);
}
int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}
int file_lock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xLock(real_of(file), level);
}
int file_unlock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}
int file_check_lock(sqlite3_file *file, int *result) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), result);
}
int file_control(sqlite3_file *file, int operation, void *argument) {
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}
int file_sector_size(sqlite3_file *file) {
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}
int file_characteristics(sqlite3_file *file) {
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

constexpr sqlite3_io_methods kMethods{.iVersion = 1,
                                      .xClose = file_close,
                                      .xRead = file_read,
                                      .xWrite = file_write,
                                      .xTruncate = file_truncate,
                                      .xSync = file_sync,
                                      .xFileSize = file_size,
                                      .xLock = file_lock,
                                      .xUnlock = file_unlock,
                                      .xCheckReservedLock = file_check_lock,
                                      .xFileControl = file_control,
                                      .xSectorSize = file_sector_size,
                                      .xDeviceCharacteristics = file_characteristics,
                                      .xShmMap = nullptr,
                                      .xShmLock = nullptr,
                                      .xShmBarrier = nullptr,
                                      .xShmUnmap = nullptr,
                                      .xFetch = nullptr,
                                      .xUnfetch = nullptr};

int vfs_open(sqlite3_vfs *, const char *name, sqlite3_file *file, int flags, int *out_flags) {
    auto *real = reinterpret_cast<sqlite3_file *>(reinterpret_cast<char *>(file) + sizeof(File));
    new (file) File{.base = {.pMethods = nullptr}, .real = real};
    const int result = real_vfs->xOpen(real_vfs, name, real, flags, out_flags);
    if (real->pMethods)
        file->pMethods = &kMethods;
    return result;
}

int vfs_delete(sqlite3_vfs *, const char *name, int sync_directory) {
    return mishap_now() ? SQLITE_IOERR_DELETE : real_vfs->xDelete(real_vfs, name, sync_directory);
}

void install() {
    static sqlite3_vfs vfs;
    real_vfs = sqlite3_vfs_find(nullptr);
    vfs = *real_vfs;
    vfs.zName = "mishap";
    vfs.szOsFile = static_cast<int>(sizeof(File)) + real_vfs->szOsFile;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    sqlite3_vfs_register(&vfs, 1);
}

} // namespace

void plan_mishap(Mishap mishap, int change) {
    if (!real_vfs)
        install();
    changes = 0;
    planned_mishap = mishap;
    planned_change = change;
}

void plan_full_disk(long room, const std::string &reserve) {
    disk_room = room;
    disk_reserve = reserve;
    std::error_code missing;
    const auto size = std::filesystem::file_size(reserve, missing);
    reserve_size = missing ? 0 : static_cast<long>(size);
}

int changes_so_far() {
    return changes;
}

} // namespace k7::test
