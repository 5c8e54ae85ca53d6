// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/store/database.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <sys/statvfs.h>

#include "card/file_descriptor.hpp"

namespace k7::card {
namespace {

std::int64_t ask(sqlite3 *handle, std::string_view sql) {
    Statement statement(handle, sql);
    return statement.step() ? statement.integer(0) : 0;
}

// SQLite does not tell a full disk from a database that has reached its limit: it is the disk if that has less room
// left than the limit allows.
std::string full_text(sqlite3 *handle) {
    const char *const path = sqlite3_db_filename(handle, "main");
    const std::int64_t left =
        (ask(handle, "PRAGMA max_page_count") - ask(handle, "PRAGMA page_count")) * ask(handle, "PRAGMA page_size");
    struct statvfs disk {};
    if (::statvfs(path, &disk) == 0 && static_cast<std::int64_t>(disk.f_bavail * disk.f_frsize) < left)
        return "no room left for the card's store on the disk of its host";
    return "no room left in the card's store";
}

[[noreturn]] void fail(sqlite3 *handle) {
    const std::string text = sqlite3_errmsg(handle);
    if (sqlite3_errcode(handle) == SQLITE_FULL)
        throw Error(K7_ST_STORE_FULL, full_text(handle));
    throw StoreError("the card's store cannot be used: " + text, sqlite3_errcode(handle) & 0xff);
}

void check(sqlite3 *handle, int result) {
    if (result != SQLITE_OK)
        fail(handle);
}

// SQLite's memory has held the SMFS's key. It is wiped when SQLite gives it back, which can only be arranged for a
// whole process, and only before SQLite is used in it. (Hence the library stays in memory once it is loaded:
// card/build.mk.)
sqlite3_mem_methods real_memory;

void wipe_and_free(void *memory) {
    OPENSSL_cleanse(memory, static_cast<std::size_t>(real_memory.xSize(memory)));
    real_memory.xFree(memory);
}

void *resize_and_wipe(void *memory, int size) {
    void *const resized = real_memory.xMalloc(size);
    if (!resized)
        return nullptr;
    std::memcpy(resized, memory, static_cast<std::size_t>(std::min(size, real_memory.xSize(memory))));
    wipe_and_free(memory);
    return resized;
}

bool wipe_memory_of_sqlite() {
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) != SQLITE_OK)
        return false;
    sqlite3_mem_methods wiping = real_memory;
    wiping.xFree = wipe_and_free;
    wiping.xRealloc = resize_and_wipe;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &wiping) == SQLITE_OK;
}

[[maybe_unused]] const bool memory_is_wiped = wipe_memory_of_sqlite();

// The store holds a key, so nobody else may read the file, from its first moment on. SQLite gives its journal the same
// mode.
void create_private(const std::string &path) {
    const FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600));
    if (!file.is_open())
        throw StoreError("store " + path + " cannot be opened: " + std::strerror(errno));
}

} // namespace

Statement::Statement(sqlite3 *database, std::string_view sql) : database_(database) {
    sqlite3_stmt *statement = nullptr;
    const int result = sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
    statement_.reset(statement);
    check(database, result);
}

void Statement::Finalize::operator()(sqlite3_stmt *statement) const {
    sqlite3_finalize(statement);
}

Statement &Statement::bind(int index, std::int64_t value) {
    check(database_, sqlite3_bind_int64(statement_.get(), index + 1, value));
    return *this;
}

// Text and blobs are not copied: the caller's bytes live until run() is over, as all uses bind and run at once.
Statement &Statement::bind(int index, std::string_view text) {
    check(database_,
          sqlite3_bind_text64(statement_.get(), index + 1, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8));
    return *this;
}

Statement &Statement::bind(int index, std::span<const std::byte> blob) {
    const void *data = blob.empty() ? "" : static_cast<const void *>(blob.data());
    check(database_, sqlite3_bind_blob64(statement_.get(), index + 1, data, blob.size(), SQLITE_STATIC));
    return *this;
}

bool Statement::step() {
    const int result = sqlite3_step(statement_.get());
    if (result == SQLITE_ROW)
        return true;
    if (result != SQLITE_DONE) {
        sqlite3_reset(statement_.get()); // else a statement that is kept would hold up the rollback
        fail(database_);
    }
    return false;
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
    const auto *text = static_cast<const char *>(sqlite3_column_blob(statement_.get(), column));
    const int size = sqlite3_column_bytes(statement_.get(), column);
    return text ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

std::span<const std::byte> Statement::blob_view(int column) const {
    const auto *bytes = static_cast<const std::byte *>(sqlite3_column_blob(statement_.get(), column));
    return {bytes, bytes ? static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)) : 0};
}

Bytes Statement::blob(int column) const {
    const auto bytes = blob_view(column);
    return {bytes.begin(), bytes.end()};
}

void Statement::reset() {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
}

Database::Database(const std::string &path) {
    if (!path.empty())
        create_private(path);
    sqlite3 *handle = nullptr;
    const int result = sqlite3_open_v2(
        path.empty() ? ":memory:" : path.c_str(), &handle,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    handle_.reset(handle);
    if (result != SQLITE_OK)
        throw StoreError("store " + path + " cannot be opened: " + (handle ? sqlite3_errmsg(handle) : "no memory"));
    // SQLite's pool for small objects: 48 KiB for each card to save a few calls of malloc() for each transaction.
    check(handle, sqlite3_db_config(handle, SQLITE_DBCONFIG_LOOKASIDE, nullptr, 0, 0));
}

void Database::Close::operator()(sqlite3 *handle) const {
    sqlite3_close_v2(handle);
}

void Database::execute(const std::string &sql) {
    check(handle_.get(), sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr));
}

std::int64_t Database::pragma(const std::string &name) {
    Statement statement = prepare("PRAGMA " + name);
    return statement.step() ? statement.integer(0) : 0;
}

std::int64_t Database::last_id() const {
    return sqlite3_last_insert_rowid(handle_.get());
}

Transaction::~Transaction() {
    if (!open_)
        return;
    try {
        database_.execute("ROLLBACK");
    } catch (const Error &) {
        // SQLite has rolled back by itself, as it does after a full disk or an I/O error.
    }
}

} // namespace k7::card
