// SPDX-License-Identifier: GPL-2.0-or-later
//
// SQLite with RAII and one error type. Not thread-safe: class Store guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "card/error.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace k7::card {

using Bytes = std::vector<std::byte>;

/// The store itself is broken or cannot be read or written: the card has failed.
class StoreError : public Error {
  public:
    explicit StoreError(const std::string &text, int sqlite_code = 0)
        : Error(K7_ST_STORE_ERROR, text), sqlite_code_(sqlite_code) {}
    /// SQLite's primary result code, 0 when the error is not SQLite's.
    [[nodiscard]] int sqlite_code() const { return sqlite_code_; }

  private:
    int sqlite_code_;
};

/// A prepared statement with its parameters and rows; parameters and columns count from 0.
class Statement {
  public:
    Statement(sqlite3 *database, std::string_view sql);

    Statement &bind(int index, std::int64_t value);
    Statement &bind(int index, std::string_view text);
    Statement &bind(int index, std::span<const std::byte> blob);

    /// Go to the next row. @return false at the end. @throws Error K7_ST_STORE_FULL, StoreError
    bool step();
    /// For statements without rows; afterwards it can be used again.
    void run() {
        while (step()) {
        }
        reset();
    }
    /// Let go of the row and the parameters, to be used again.
    void reset();

    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::uint32_t word(int column) const { return static_cast<std::uint32_t>(integer(column)); }
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] Bytes blob(int column) const;
    /// Valid until the next step().
    [[nodiscard]] std::span<const std::byte> blob_view(int column) const;

  private:
    struct Finalize {
        void operator()(sqlite3_stmt *statement) const;
    };
    sqlite3 *database_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
  public:
    /// @param path file, made when missing with mode 0600; "" for memory. @throws Error
    explicit Database(const std::string &path);

    void execute(const std::string &sql);
    [[nodiscard]] Statement prepare(std::string_view sql) { return {handle_.get(), sql}; }
    [[nodiscard]] std::int64_t pragma(const std::string &name);
    [[nodiscard]] std::int64_t last_id() const;

  private:
    struct Close {
        void operator()(sqlite3 *handle) const;
    };
    std::unique_ptr<sqlite3, Close> handle_;
};

/// All or nothing: rolls back unless commit() was reached.
class Transaction {
  public:
    explicit Transaction(Database &database) : database_(database) { database_.execute("BEGIN IMMEDIATE"); }
    ~Transaction();
    Transaction(const Transaction &) = delete;
    Transaction &operator=(const Transaction &) = delete;

    void commit() {
        database_.execute("COMMIT");
        open_ = false;
    }

  private:
    Database &database_;
    bool open_ = true;
};

} // namespace k7::card
