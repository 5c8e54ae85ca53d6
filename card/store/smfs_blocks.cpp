// SPDX-License-Identifier: GPL-2.0-or-later
//
// The SMFS as the store sees it: a state, and blocks of one size under numbers that say nothing.
#include "card/store/store.hpp"

namespace k7::card {

std::optional<SmfsState> Store::smfs_state() {
    const std::scoped_lock lock(mutex_);
    auto row = database_.prepare("SELECT generation, wrapped, key, root FROM smfs");
    if (!row.step())
        return std::nullopt;
    return SmfsState{row.word(0), row.integer(1) != 0, row.blob(2), row.blob(3)};
}

void Store::put_smfs_state(const SmfsState &state) {
    database_.prepare("INSERT OR REPLACE INTO smfs VALUES (1, ?, ?, ?, ?, 0)")
        .bind(0, state.generation)
        .bind(1, static_cast<std::int64_t>(state.wrapped))
        .bind(2, std::span<const std::byte>(state.key))
        .bind(3, std::span<const std::byte>(state.root))
        .run();
}

void Store::smfs_format(const SmfsState &state) {
    const std::scoped_lock lock(mutex_);
    Transaction transaction(database_);
    put_smfs_state(state);
    transaction.commit();
}

void Store::smfs_visit(const SmfsVisitor &visit) {
    const std::scoped_lock lock(mutex_);
    auto rows = database_.prepare("SELECT id, sealed FROM smfs_block");
    while (rows.step())
        visit(rows.integer(0), rows.blob_view(1));
}

Bytes Store::smfs_block(std::int64_t id) {
    const std::scoped_lock lock(mutex_);
    Statement &row = statement("SELECT sealed FROM smfs_block WHERE id = ?");
    row.bind(0, id);
    Bytes sealed = row.step() ? row.blob(0) : Bytes();
    row.reset();
    return sealed;
}

void Store::smfs_commit(const SmfsChange &change) {
    const std::scoped_lock lock(mutex_);
    Transaction transaction(database_);
    for (const std::int64_t id : change.removed)
        statement("DELETE FROM smfs_block WHERE id = ?").bind(0, id).run();
    for (const SmfsBlock &block : change.put)
        statement("INSERT INTO smfs_block VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed")
            .bind(0, block.id)
            .bind(1, std::span<const std::byte>(block.sealed))
            .run();
    statement("UPDATE smfs SET root = ?").bind(0, change.root).run();
    transaction.commit();
}

} // namespace k7::card
