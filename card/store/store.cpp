// SPDX-License-Identifier: GPL-2.0-or-later
//
// Opening the store: is it ours, is it whole, is it free; and making a new one.
#include "card/store/store.hpp"

#include <algorithm>
#include <cstdio>
#include <openssl/rand.h>
#include <sqlite3.h>

namespace k7::card {
namespace {

constexpr std::int64_t kApplicationId = 0x4b374853; // "K7HS"
constexpr std::int64_t kSchemaVersion = 2;
constexpr std::uint64_t kPageSize = 4096;
// The journal of an erase: a few pages, and one for each 1022 that become free.
constexpr std::uint64_t kReserveBase = 128 * 1024;
constexpr std::uint64_t kReserveShare = 512;
constexpr std::uint64_t kSmfsCapacity = 4 * 1024 * 1024;

// Fault reports have their rows from the start, so that a full store can still take one.
constexpr const char *kSchema = R"sql(
CREATE TABLE identity(name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE fm(fm_id INTEGER PRIMARY KEY, envelope BLOB NOT NULL, image_size INTEGER NOT NULL,
    memory_size INTEGER NOT NULL, load_time INTEGER NOT NULL, fingerprint BLOB NOT NULL, certificate TEXT NOT NULL,
    signer BLOB NOT NULL, binding BLOB NOT NULL, elf BLOB NOT NULL);
CREATE TABLE certificate(label TEXT PRIMARY KEY, der BLOB NOT NULL);
CREATE TABLE fault_report(slot INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, report BLOB NOT NULL);
CREATE TABLE smfs(id INTEGER PRIMARY KEY CHECK (id = 1), generation INTEGER NOT NULL, wrapped INTEGER NOT NULL,
    key BLOB NOT NULL, root BLOB NOT NULL, erasing INTEGER NOT NULL);
CREATE TABLE smfs_block(id INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
)sql";

// Not in stores of earlier cards, which keep their schema version: an earlier card does not mind them.
constexpr const char *kLaterTables = R"sql(
CREATE TABLE IF NOT EXISTS fault_core(sequence INTEGER PRIMARY KEY, fm_id INTEGER NOT NULL, sealed BLOB NOT NULL);
)sql";

void random_bytes(std::span<std::byte> bytes) {
    if (RAND_bytes(reinterpret_cast<unsigned char *>(bytes.data()), static_cast<int>(bytes.size())) != 1)
        throw Error(K7_ST_INTERNAL, "the random generator failed");
}

std::string random_esn() {
    std::array<std::uint16_t, 3> words{};
    random_bytes(std::as_writable_bytes(std::span(words)));
    char text[16];
    std::snprintf(text, sizeof(text), "%04X-%04X-%04X", words[0], words[1], words[2]);
    return text;
}

} // namespace

bool valid_esn(const std::string &esn) {
    constexpr std::string_view kForm = "XXXX-XXXX-XXXX";
    return esn.size() == kForm.size() && std::equal(esn.begin(), esn.end(), kForm.begin(), [](char c, char form) {
               return form == '-' ? c == '-' : (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
           });
}

Store::Store(const std::string &path, std::uint64_t size_limit, const std::string &esn)
    : database_(path), reserve_(path, kReserveBase + size_limit / kReserveShare) {
    open_file(path);
    if (database_.pragma("user_version") == 0)
        create_schema(esn);
    database_.execute(kLaterTables);
    set_size_limit(size_limit);
    finish_erase(); // before anything is read: its VACUUM allows no statement in progress
    reserve_.take();
    create_security();
    auto read_esn = database_.prepare("SELECT value FROM identity WHERE name = 'esn'");
    if (!read_esn.step())
        throw StoreError("store " + path + " is damaged: it holds no ESN");
    esn_ = read_esn.text(0);
    if (!esn.empty() && esn != esn_)
        throw Error(K7_ST_BAD_FIELD, "store " + path + " belongs to the card with ESN " + esn_ + ", not " + esn);
}

// Nothing is written before the file is known to be a card store: a foreign file given by mistake stays as it was.
void Store::open_file(const std::string &path) {
    try {
        database_.execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1024;");
        database_.execute("BEGIN EXCLUSIVE; COMMIT");
        check_schema();
        // TRUNCATE, because with an exclusive lock DELETE would leave old pages behind in the journal, keys included.
        database_.execute("PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;");
    } catch (const StoreError &error) {
        if (error.sqlite_code() == SQLITE_BUSY)
            throw StoreError("store " + path + " is in use by another card");
        if (error.sqlite_code() == SQLITE_NOTADB)
            throw StoreError("store " + path + " is not a card store: the file is no database");
        throw StoreError("store " + path + ": " + error.what());
    }
}

void Store::check_schema() {
    const std::int64_t application = database_.pragma("application_id");
    const std::int64_t version = database_.pragma("user_version");
    auto tables = database_.prepare("SELECT count(*) FROM sqlite_schema");
    tables.step();
    const bool empty = application == 0 && version == 0 && tables.integer(0) == 0;
    if (!empty && application != kApplicationId)
        throw StoreError("the file is a database, but not a card store");
    if (!empty && version != kSchemaVersion)
        throw StoreError("the store has schema version " + std::to_string(version) + ", this card knows " +
                         std::to_string(kSchemaVersion) +
                         ": keep it for the version that made it, and name a new store");
    auto integrity = database_.prepare("PRAGMA quick_check(1)");
    if (!integrity.step() || integrity.text(0) != "ok")
        throw StoreError("the file is damaged: " + integrity.text(0));
}

Statement &Store::statement(const char *sql) {
    const auto found = statements_.find(sql);
    return found != statements_.end() ? found->second : statements_.emplace(sql, database_.prepare(sql)).first->second;
}

void Store::set_size_limit(std::uint64_t size_limit) {
    smfs_capacity_ = std::min(kSmfsCapacity, size_limit / 4);
    database_.execute("PRAGMA max_page_count = " + std::to_string(size_limit / kPageSize));
}

void Store::create_schema(const std::string &esn) {
    database_.execute("PRAGMA page_size = " + std::to_string(kPageSize));
    Transaction transaction(database_);
    database_.execute(kSchema);
    const std::string own_esn = esn.empty() ? random_esn() : esn;
    database_.prepare("INSERT INTO identity VALUES ('esn', ?)").bind(0, own_esn).run();
    const k7_fault_report no_report{};
    for (std::uint32_t slot = 0; slot < kFaultReports; ++slot)
        database_.prepare("INSERT INTO fault_report VALUES (?, 0, ?)")
            .bind(0, slot)
            .bind(1, std::as_bytes(std::span(&no_report, 1)))
            .run();
    database_.execute("PRAGMA application_id = " + std::to_string(kApplicationId) +
                      "; PRAGMA user_version = " + std::to_string(kSchemaVersion));
    transaction.commit();
}

} // namespace k7::card
