// SPDX-License-Identifier: GPL-2.0-or-later
//
// The SMFS as the store sees it: numbered nodes, a sealed record each, sealed chunks for files.
#include <algorithm>
#include <cstring>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "card/store/store.hpp"

namespace k7::card {

SmfsTotals Store::smfs_totals() {
    const std::scoped_lock lock(mutex_);
    auto row = database_.prepare("SELECT (SELECT generation FROM smfs), "
                                 "count(*) FILTER (WHERE kind = 1), count(*) FILTER (WHERE kind = 2), sum(size) "
                                 "FROM smfs_node");
    row.step();
    return {row.word(0), row.word(1), row.word(2), static_cast<std::uint64_t>(row.integer(3))};
}

SmfsKey Store::smfs_key() {
    const std::scoped_lock lock(mutex_);
    auto row = database_.prepare("SELECT key FROM smfs");
    if (!row.step())
        throw StoreError("the card's store holds no SMFS key");
    Bytes blob = row.blob(0);
    SmfsKey key{};
    std::copy_n(blob.begin(), std::min(blob.size(), key.size()), key.begin());
    OPENSSL_cleanse(blob.data(), blob.size());
    return key;
}

std::vector<SmfsNode> Store::smfs_nodes() {
    const std::scoped_lock lock(mutex_);
    std::vector<SmfsNode> nodes;
    auto rows = database_.prepare("SELECT id, kind, size, record FROM smfs_node ORDER BY id");
    while (rows.step())
        nodes.push_back({rows.integer(0), static_cast<SmfsKind>(rows.integer(1)), rows.word(2), rows.blob(3)});
    return nodes;
}

std::int64_t Store::smfs_create(SmfsKind kind, std::uint32_t size, const Seal &seal) {
    const std::scoped_lock lock(mutex_);
    Transaction transaction(database_);
    database_.prepare("INSERT INTO smfs_node(kind, size, record) VALUES (?, ?, x'')")
        .bind(0, static_cast<std::int64_t>(kind))
        .bind(1, size)
        .run();
    const std::int64_t id = database_.last_id();
    const auto [record, chunks] = seal(id);
    database_.prepare("UPDATE smfs_node SET record = ? WHERE id = ?")
        .bind(0, std::span<const std::byte>(record))
        .bind(1, id)
        .run();
    for (std::size_t position = 0; position < chunks.size(); ++position)
        database_.prepare("INSERT INTO smfs_chunk VALUES (?, ?, ?)")
            .bind(0, id)
            .bind(1, static_cast<std::int64_t>(position))
            .bind(2, std::span<const std::byte>(chunks[position]))
            .run();
    transaction.commit();
    return id;
}

void Store::smfs_set_record(std::int64_t id, std::span<const std::byte> record) {
    const std::scoped_lock lock(mutex_);
    Transaction transaction(database_);
    database_.prepare("UPDATE smfs_node SET record = ? WHERE id = ?").bind(0, record).bind(1, id).run();
    transaction.commit();
}

void Store::smfs_delete(std::int64_t id) {
    const std::scoped_lock lock(mutex_);
    Transaction transaction(database_);
    database_.prepare("DELETE FROM smfs_chunk WHERE node = ?").bind(0, id).run();
    database_.prepare("DELETE FROM smfs_node WHERE id = ?").bind(0, id).run();
    transaction.commit();
}

Bytes Store::smfs_chunk(std::int64_t id, std::uint32_t index) {
    const std::scoped_lock lock(mutex_);
    auto row = database_.prepare("SELECT sealed FROM smfs_chunk WHERE node = ? AND position = ?");
    row.bind(0, id).bind(1, index);
    return row.step() ? row.blob(0) : Bytes();
}

void Store::smfs_set_chunks(std::int64_t id, std::uint32_t first, std::span<const Bytes> chunks) {
    const std::scoped_lock lock(mutex_);
    Transaction transaction(database_);
    for (std::size_t i = 0; i < chunks.size(); ++i)
        database_.prepare("UPDATE smfs_chunk SET sealed = ? WHERE node = ? AND position = ?")
            .bind(0, std::span<const std::byte>(chunks[i]))
            .bind(1, id)
            .bind(2, first + static_cast<std::int64_t>(i))
            .run();
    transaction.commit();
}

// The key goes first and is committed: from then on the content is noise, even if the power fails before the rest.
void Store::smfs_erase() {
    wipe({.smfs = true});
}

// Inside a transaction; finish_smfs_erase() follows its commit.
void Store::destroy_smfs_key() {
    SmfsKey key;
    if (RAND_bytes(reinterpret_cast<unsigned char *>(key.data()), static_cast<int>(key.size())) != 1)
        throw Error(K7_ST_INTERNAL, "the random generator failed");
    database_.prepare("UPDATE smfs SET key = ?, generation = generation + 1, erasing = 1")
        .bind(0, std::span<const std::byte>(key))
        .run();
    OPENSSL_cleanse(key.data(), key.size());
}

// Also called when the store is opened, for an erase that a power cut interrupted after its first step.
void Store::finish_smfs_erase() {
    const std::scoped_lock lock(mutex_);
    auto erasing = database_.prepare("SELECT erasing FROM smfs");
    if (!erasing.step() || erasing.integer(0) == 0)
        return;
    erasing = database_.prepare("SELECT 1"); // ends the read that would keep VACUUM out
    Transaction content(database_);
    database_.execute("DELETE FROM smfs_chunk; DELETE FROM smfs_node");
    content.commit();
    database_.execute("VACUUM");
    Transaction done(database_);
    database_.execute("UPDATE smfs SET erasing = 0");
    done.commit();
}

} // namespace k7::card
