// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/smfs/smfs.hpp"

#include <algorithm>
#include <cstring>
#include <openssl/crypto.h>

#include "card/smfs/pattern.hpp"
#include "card/smfs/seal.hpp"

namespace k7::card {
namespace {

/// What a sealed record holds.
struct Record {
    std::int64_t parent;
    std::uint32_t fm_id;
    std::uint32_t kind;
    std::uint32_t size;
    char name[20];
};
static_assert(sizeof(Record) == 40);

void check_name(std::string_view name) {
    if (name.empty() || name.find('/') != std::string_view::npos)
        throw SmfsError{K7_FM_SMFS_PARAMETER};
    if (name.size() >= K7_FM_SMFS_NAME_MAX)
        throw SmfsError{K7_FM_SMFS_NAME_TOO_LONG};
}

/// Run a change of the store; what the store refuses for lack of room becomes the FM's error.
template <class Change>
auto with_room(Change &&change) {
    try {
        return change();
    } catch (const StoreError &) {
        throw;
    } catch (const Error &error) {
        throw SmfsError{error.status() == K7_ST_STORE_FULL ? std::uint32_t{K7_FM_SMFS_MEMORY}
                                                           : std::uint32_t{K7_FM_SMFS_ERROR}};
    }
}

void wipe(Bytes &bytes) {
    OPENSSL_cleanse(bytes.data(), bytes.size());
}

} // namespace

Smfs::~Smfs() {
    forget();
}

void Smfs::forget() {
    OPENSSL_cleanse(key_.data(), key_.size());
    nodes_.clear();
    places_.clear();
    used_ = 0;
    active_ = false;
}

void Smfs::activate() {
    if (active_)
        return;
    key_ = store_.smfs_key();
    generation_ = store_.smfs_totals().generation;
    for (const SmfsNode &stored : store_.smfs_nodes())
        insert(stored.id, unseal_record(stored));
    active_ = true;
}

void Smfs::insert(std::int64_t id, Node node) {
    used_ += node.size;
    places_[{node.fm_id, node.parent, node.name}] = id;
    nodes_[id] = std::move(node);
}

Bytes Smfs::seal_record(std::int64_t id, const Node &node) const {
    Record record{.parent = node.parent,
                  .fm_id = node.fm_id,
                  .kind = static_cast<std::uint32_t>(node.kind),
                  .size = node.size,
                  .name = {}};
    std::copy(node.name.begin(), node.name.end(), record.name);
    return seal(key_, {id, generation_, SealPlace::kRecord}, std::as_bytes(std::span(&record, 1)));
}

Smfs::Node Smfs::unseal_record(const SmfsNode &stored) const {
    const Bytes plain = unseal(key_, {stored.id, generation_, SealPlace::kRecord}, stored.record);
    Record record{};
    if (plain.size() != sizeof(record))
        throw StoreError("a record of the SMFS has the wrong size");
    std::memcpy(&record, plain.data(), sizeof(record));
    if (record.kind != static_cast<std::uint32_t>(stored.kind) || record.size != stored.size)
        throw StoreError("a record of the SMFS does not fit its node");
    return {.fm_id = record.fm_id,
            .kind = stored.kind,
            .size = record.size,
            .parent = record.parent,
            .name = std::string(record.name, ::strnlen(record.name, sizeof(record.name)))};
}

// ---- Paths ----------------------------------------------------------------------------------------------------------

std::int64_t Smfs::lookup(std::uint32_t fm_id, std::int64_t parent, std::string_view name) const {
    const auto found = places_.find({fm_id, parent, std::string(name)});
    return found == places_.end() ? kMissing : found->second;
}

bool Smfs::is_directory(std::int64_t node) const {
    return node == kRoot || nodes_.at(node).kind == SmfsKind::Directory;
}

Smfs::Resolved Smfs::resolve(std::uint32_t fm_id, std::string_view path) const {
    if (!active_)
        throw SmfsError{K7_FM_SMFS_NOT_INITED};
    if (path.size() > K7_FM_SMFS_PATH_MAX)
        throw SmfsError{K7_FM_SMFS_NAME_TOO_LONG};
    if (path.empty() || path.front() != '/')
        throw SmfsError{K7_FM_SMFS_PARAMETER};
    std::int64_t parent = kRoot;
    path.remove_prefix(1);
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
        check_name(path.substr(0, slash));
        parent = lookup(fm_id, parent, path.substr(0, slash));
        if (parent == kMissing)
            throw SmfsError{K7_FM_SMFS_NOT_FOUND};
        if (!is_directory(parent))
            throw SmfsError{K7_FM_SMFS_FILE_TYPE};
        path.remove_prefix(slash + 1);
    }
    check_name(path);
    return {parent, std::string(path), lookup(fm_id, parent, path)};
}

std::int64_t Smfs::existing(std::uint32_t fm_id, std::string_view path) const {
    if (active_ && path == "/")
        return kRoot;
    const Resolved resolved = resolve(fm_id, path);
    if (resolved.node == kMissing)
        throw SmfsError{K7_FM_SMFS_NOT_FOUND};
    return resolved.node;
}

std::uint32_t Smfs::entries(std::uint32_t fm_id, std::int64_t directory) const {
    return static_cast<std::uint32_t>(std::count_if(nodes_.begin(), nodes_.end(), [&](const auto &entry) {
        return entry.second.fm_id == fm_id && entry.second.parent == directory;
    }));
}

// ---- Files and directories ------------------------------------------------------------------------------------------

std::vector<Bytes> Smfs::zero_chunks(std::int64_t id, std::uint32_t size) const {
    std::vector<Bytes> chunks;
    for (std::uint32_t at = 0; at < size; at += kChunk) {
        const Bytes zeros(std::min(kChunk, size - at));
        chunks.push_back(seal(key_, {id, generation_, at / kChunk}, zeros));
    }
    return chunks;
}

void Smfs::create(std::uint32_t fm_id, std::string_view path, SmfsKind kind, std::uint32_t size) {
    const Resolved resolved = resolve(fm_id, path);
    if (resolved.node != kMissing)
        throw SmfsError{K7_FM_SMFS_EXIST};
    if (size > free_bytes() || nodes_.size() >= kNodesMax)
        throw SmfsError{K7_FM_SMFS_MEMORY};
    Node node{.fm_id = fm_id, .kind = kind, .size = size, .parent = resolved.parent, .name = resolved.name};
    const std::int64_t id = with_room([&] {
        return store_.smfs_create(kind, size, [&](std::int64_t new_id) {
            return std::pair(seal_record(new_id, node), zero_chunks(new_id, size));
        });
    });
    insert(id, std::move(node));
}

std::int64_t Smfs::find_file(std::uint32_t fm_id, std::string_view path) const {
    const std::int64_t node = existing(fm_id, path);
    if (is_directory(node))
        throw SmfsError{K7_FM_SMFS_FILE_TYPE};
    return node;
}

void Smfs::check_range(std::int64_t file, std::uint32_t offset, std::size_t length) const {
    const auto found = nodes_.find(file);
    if (found == nodes_.end() || offset > found->second.size || length > found->second.size - offset)
        throw SmfsError{K7_FM_SMFS_PARAMETER};
}

void Smfs::read(std::int64_t id, std::uint32_t offset, std::span<std::byte> bytes) {
    check_range(id, offset, bytes.size());
    while (!bytes.empty()) {
        const std::uint32_t index = offset / kChunk;
        Bytes plain = unseal(key_, {id, generation_, index}, store_.smfs_chunk(id, index));
        const std::size_t count = std::min<std::size_t>(bytes.size(), kChunk - offset % kChunk);
        std::copy_n(plain.begin() + offset % kChunk, count, bytes.begin());
        wipe(plain);
        bytes = bytes.subspan(count);
        offset += static_cast<std::uint32_t>(count);
    }
}

void Smfs::write(std::int64_t id, std::uint32_t offset, std::span<const std::byte> bytes) {
    check_range(id, offset, bytes.size());
    const std::uint32_t first = offset / kChunk;
    std::vector<Bytes> chunks;
    while (!bytes.empty()) {
        const std::uint32_t index = offset / kChunk;
        const SealPlace place{id, generation_, index};
        Bytes plain = unseal(key_, place, store_.smfs_chunk(id, index));
        const std::size_t count = std::min<std::size_t>(bytes.size(), kChunk - offset % kChunk);
        std::copy_n(bytes.begin(), count, plain.begin() + offset % kChunk);
        chunks.push_back(seal(key_, place, plain));
        wipe(plain);
        bytes = bytes.subspan(count);
        offset += static_cast<std::uint32_t>(count);
    }
    with_room([&] { store_.smfs_set_chunks(id, first, chunks); });
}

std::int64_t Smfs::find_deletable(std::uint32_t fm_id, std::string_view path) const {
    const std::int64_t node = existing(fm_id, path);
    if (node == kRoot)
        throw SmfsError{K7_FM_SMFS_ACCESS};
    if (is_directory(node) && entries(fm_id, node) != 0)
        throw SmfsError{K7_FM_SMFS_BUSY};
    return node;
}

void Smfs::remove(std::int64_t id) {
    with_room([&] { store_.smfs_delete(id); });
    const Node &node = nodes_.at(id);
    used_ -= node.size;
    places_.erase({node.fm_id, node.parent, node.name});
    nodes_.erase(id);
}

void Smfs::rename(std::uint32_t fm_id, std::string_view path, std::string_view new_name) {
    const std::int64_t id = existing(fm_id, path);
    if (id == kRoot)
        throw SmfsError{K7_FM_SMFS_ACCESS};
    check_name(new_name);
    Node &node = nodes_.at(id);
    if (lookup(fm_id, node.parent, new_name) != kMissing)
        throw SmfsError{K7_FM_SMFS_EXIST};
    Node renamed = node;
    renamed.name = new_name;
    with_room([&] { store_.smfs_set_record(id, seal_record(id, renamed)); });
    places_.erase({node.fm_id, node.parent, node.name});
    places_[{node.fm_id, node.parent, renamed.name}] = id;
    node = std::move(renamed);
}

Smfs::Attributes Smfs::attributes(std::int64_t id) const {
    const auto found = nodes_.find(id);
    if (found == nodes_.end())
        throw SmfsError{K7_FM_SMFS_PARAMETER};
    const Node &node = found->second;
    return {is_directory(id) ? entries(node.fm_id, id) : node.size, is_directory(id)};
}

Smfs::Attributes Smfs::attributes(std::uint32_t fm_id, std::string_view path) const {
    const std::int64_t id = existing(fm_id, path);
    return id == kRoot ? Attributes{entries(fm_id, kRoot), true} : attributes(id);
}

std::vector<std::string> Smfs::names(std::uint32_t fm_id, std::string_view directory, std::string_view pattern) const {
    const std::int64_t parent = existing(fm_id, directory);
    if (!is_directory(parent))
        throw SmfsError{K7_FM_SMFS_FILE_TYPE};
    std::vector<std::string> names;
    for (const auto &[id, node] : nodes_)
        if (node.fm_id == fm_id && node.parent == parent && matches(pattern, node.name))
            names.push_back(node.name);
    std::sort(names.begin(), names.end());
    return names;
}

std::uint32_t Smfs::free_bytes() const {
    if (!active_)
        throw SmfsError{K7_FM_SMFS_NOT_INITED};
    return static_cast<std::uint32_t>(store_.smfs_capacity() - std::min(used_, store_.smfs_capacity()));
}

} // namespace k7::card
