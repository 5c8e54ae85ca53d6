// SPDX-License-Identifier: GPL-2.0-or-later
//
// The table of nodes: all files and directories of all FMs as records in blocks like any other, so that the store does
// not show how many there are, or how large.
#include <algorithm>
#include <cstring>

#include "card/smfs/plain_block.hpp"
#include "card/smfs/smfs.hpp"

namespace k7::card {
namespace {

constexpr std::int64_t kTable = 0; ///< node of the table's own blocks

} // namespace

/// A node in the table; zeros where there is none.
struct Smfs::Record {
    std::int64_t id;
    std::int64_t parent;
    SmfsVault::Tag sum;
    std::array<std::byte, 32> signer;
    std::uint32_t fm_id;
    std::uint32_t kind;
    std::uint32_t size;
    std::uint32_t reserved;
    std::array<char, 16> name;
};

namespace {
constexpr std::uint32_t kRecordSize = 96;
constexpr std::uint32_t kRecords = Smfs::kBlock / kRecordSize; ///< in a block
constexpr std::uint32_t kTableBlocks = (Smfs::kNodesMax + kRecords - 1) / kRecords;
} // namespace

void Smfs::load_table() {
    static_assert(sizeof(Record) == kRecordSize);
    slots_.assign(std::size_t{kTableBlocks} * kRecords, 0);
    SmfsVault::Tag sum{};
    for (std::uint32_t block = 0; block < kTableBlocks; ++block) {
        const SmfsVault::Tag tag = vault_.tag({kTable, block});
        if (tag == SmfsVault::Tag{})
            continue; // was never used
        sum = SmfsVault::sum(sum, tag);
        PlainBlock plain;
        if (!vault_.read({kTable, block}, plain.bytes))
            throw SmfsDamage("the table of the SMFS is damaged");
        for (std::uint32_t i = 0; i < kRecords; ++i) {
            Record record;
            std::memcpy(&record, plain.bytes.data() + std::size_t{i} * kRecordSize, sizeof(record));
            take_record(record, block * kRecords + i);
            OPENSSL_cleanse(&record, sizeof(record));
        }
    }
    if (sum != vault_.table_sum())
        throw SmfsDamage("the table of the SMFS is of another time than its root");
}

void Smfs::take_record(const Record &record, std::uint32_t slot) {
    if (record.id == 0)
        return;
    const Node node{.owner = {record.fm_id, record.signer},
                    .kind = static_cast<SmfsKind>(record.kind),
                    .size = record.size,
                    .parent = record.parent,
                    .name = SmfsName({record.name.data(), record.name.size()}),
                    .sum = record.sum,
                    .slot = slot};
    insert(record.id, node);
}

std::uint32_t Smfs::free_slot() const {
    return static_cast<std::uint32_t>(std::find(slots_.begin(), slots_.end(), 0) - slots_.begin());
}

SmfsVault::Sealed Smfs::sealed_table(std::uint32_t slot, std::int64_t id, const Node *node) const {
    PlainBlock plain;
    const std::uint32_t block = slot / kRecords;
    for (std::uint32_t i = 0; i < kRecords; ++i) {
        const std::uint32_t each = block * kRecords + i;
        const std::int64_t each_id = each == slot ? id : slots_[each];
        const Node *each_node = each == slot ? node : each_id != 0 ? &nodes_.at(each_id) : nullptr;
        if (!each_node)
            continue;
        Record record{.id = each_id,
                      .parent = each_node->parent,
                      .sum = each_node->sum,
                      .signer = each_node->owner.signer,
                      .fm_id = each_node->owner.fm_id,
                      .kind = static_cast<std::uint32_t>(each_node->kind),
                      .size = each_node->size,
                      .reserved = 0,
                      .name = {}};
        each_node->name.view().copy(record.name.data(), record.name.size());
        std::memcpy(plain.bytes.data() + std::size_t{i} * kRecordSize, &record, sizeof(record));
        OPENSSL_cleanse(&record, sizeof(record));
    }
    return vault_.seal_block({kTable, block}, plain.bytes);
}

SmfsTotals Smfs::totals_with(std::int64_t id, const Node *node) const {
    SmfsTotals totals;
    const auto add = [&totals](const Node &each) {
        totals.used += each.size;
        ++(each.kind == SmfsKind::Directory ? totals.directories : totals.files);
    };
    for (const auto &[each_id, each] : nodes_)
        if (each_id != id)
            add(each);
    if (node)
        add(*node);
    return totals;
}

void Smfs::commit(std::vector<SmfsVault::Sealed> blocks, const std::vector<SmfsVault::Place> &removed,
                  std::uint32_t slot, std::int64_t id, const Node *node) {
    SmfsVault::Sealed table = sealed_table(slot, id, node);
    const SmfsVault::Tag old_tag = vault_.tag({kTable, slot / kRecords});
    const SmfsVault::Tag sum = SmfsVault::sum(vault_.table_sum(), SmfsVault::sum(old_tag, table.tag));
    blocks.push_back(std::move(table));
    try {
        vault_.commit(std::move(blocks), removed, sum, totals_with(id, node));
    } catch (const StoreError &) {
        throw;
    } catch (const Error &error) {
        throw SmfsError{error.status() == K7_ST_STORE_FULL ? std::uint32_t{K7_FM_SMFS_MEMORY}
                                                           : std::uint32_t{K7_FM_SMFS_ERROR}};
    }
}

SmfsVault::Tag Smfs::sum_of(std::int64_t id, std::uint32_t size) const {
    SmfsVault::Tag sum{};
    for (std::uint32_t position = 0; position < smfs_blocks(size); ++position)
        sum = SmfsVault::sum(sum, vault_.tag({id, position}));
    return sum;
}

std::vector<SmfsFinding> Smfs::damaged_files() const {
    std::vector<SmfsFinding> findings;
    for (const auto &[id, node] : nodes_)
        if (node.damaged)
            findings.push_back({SmfsFinding::Kind::File, node.owner.fm_id, id, 0});
    return findings;
}

std::vector<SmfsFinding> Smfs::check() {
    std::vector<SmfsFinding> findings;
    std::size_t known = 0;
    for (std::uint32_t block = 0; block < kTableBlocks; ++block)
        known += vault_.tag({kTable, block}) != SmfsVault::Tag{};
    PlainBlock plain;
    for (const auto &[id, node] : nodes_) {
        const std::uint32_t count = smfs_blocks(node.size);
        std::uint32_t position = 0;
        while (position < count && vault_.read({id, position}, plain.bytes))
            ++position;
        if (position < count || node.damaged)
            findings.push_back({SmfsFinding::Kind::File, node.owner.fm_id, id, position % std::max(count, 1u)});
        for (std::uint32_t each = 0; each < count; ++each)
            known += vault_.tag({id, each}) != SmfsVault::Tag{};
    }
    if (known != vault_.blocks())
        findings.push_back({SmfsFinding::Kind::Stray});
    return findings;
}

} // namespace k7::card
