// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/store/database.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

namespace k7::card {
namespace {

[[noreturn]] void fail(sqlite3 *handle) {
    const std::string text = sqlite3_errmsg(handle);
    if (sqlite3_errcode(handle) == SQLITE_FULL)
        throw Error(K7_ST_STORE_FULL, "no room left in the card's store");
    throw StoreError("the card's store cannot be used: " + text, sqlite3_errcode(handle) & 0xff);
}

void check(sqlite3 *handle, int result) {
    if (result != SQLITE_OK)
        fail(handle);
}

// The store holds a key, so nobody else may read the file, from its first moment on. SQLite gives its journal the same
// mode.
void create_private(const std::string &path) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (file < 0)
        throw StoreError("store " + path + " cannot be opened: " + std::strerror(errno));
    ::close(file);
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
    if (result != SQLITE_DONE)
        fail(database_);
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

Bytes Statement::blob(int column) const {
    const auto *bytes = static_cast<const std::byte *>(sqlite3_column_blob(statement_.get(), column));
    const int size = sqlite3_column_bytes(statement_.get(), column);
    return bytes ? Bytes(bytes, bytes + size) : Bytes();
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
