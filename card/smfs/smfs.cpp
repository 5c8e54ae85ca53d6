// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/smfs/smfs.hpp"

#include <algorithm>
#include <cstdio>
#include <openssl/crypto.h>

#include "card/smfs/pattern.hpp"
#include "card/smfs/plain_block.hpp"

namespace k7::card {
namespace {

void check_name(std::string_view name) {
    if (name.empty() || name.find('/') != std::string_view::npos)
        throw SmfsError{K7_FM_SMFS_PARAMETER};
    if (name.size() >= K7_FM_SMFS_NAME_MAX)
        throw SmfsError{K7_FM_SMFS_NAME_TOO_LONG};
}

/// Take "/shared" off the front. @return whether the path leads into the shared tree, or is its root
bool enter_shared(std::string_view &path) {
    if (!path.starts_with(Smfs::kShared) || (path.size() > Smfs::kShared.size() && path[Smfs::kShared.size()] != '/'))
        return false;
    path.remove_prefix(Smfs::kShared.size());
    if (path.empty())
        path = "/";
    return true;
}

std::string hex(std::uint32_t fm_id) {
    std::array<char, 9> text{};
    std::snprintf(text.data(), text.size(), "%04x", fm_id);
    return text.data();
}

} // namespace

SmfsFileDamage::SmfsFileDamage(std::uint32_t fm_id, std::int64_t file)
    : Error(K7_ST_STORE_ERROR, "SMFS file " + std::to_string(file) + " of " +
                                   (fm_id == 0 ? "a shared tree" : "FM " + hex(fm_id)) +
                                   " is damaged or of another time: let the FM delete it, or " + SmfsDamage::kRemedy) {}

Smfs::~Smfs() {
    forget();
}

void Smfs::forget() {
    vault_.close();
    nodes_.clear();
    places_.clear();
    slots_.clear();
    active_ = false;
}

void Smfs::activate() {
    if (active_)
        return;
    try {
        vault_.open();
        load_table();
        for (auto &[id, node] : nodes_)
            node.damaged = sum_of(id, node.size) != node.sum;
        active_ = true;
    } catch (const SmfsDamage &damage) {
        deactivate(damage);
        throw;
    }
}

void Smfs::deactivate(const SmfsDamage &damage) {
    forget();
    vault_.close_damaged(damage);
}

void Smfs::insert(std::int64_t id, const Node &node) {
    slots_.at(node.slot) = id;
    places_[{node.owner, node.parent, node.name}] = id;
    nodes_[id] = node;
}

// ---- Paths ----------------------------------------------------------------------------------------------------------

std::int64_t Smfs::lookup(const SmfsOwner &owner, std::int64_t parent, std::string_view name) const {
    const auto found = places_.find({owner, parent, SmfsName(name)});
    return found == places_.end() ? kMissing : found->second;
}

bool Smfs::is_directory(std::int64_t node) const {
    return node == kRoot || nodes_.at(node).kind == SmfsKind::Directory;
}

Smfs::Resolved Smfs::resolve(const SmfsOwner &owner, std::string_view path) const {
    if (!active_)
        throw SmfsError{K7_FM_SMFS_NOT_INITED};
    if (path.size() > K7_FM_SMFS_PATH_MAX)
        throw SmfsError{K7_FM_SMFS_NAME_TOO_LONG};
    if (path.empty() || path.front() != '/')
        throw SmfsError{K7_FM_SMFS_PARAMETER};
    Resolved resolved{.owner = owner};
    if (enter_shared(path))
        resolved.owner.fm_id = 0;
    path.remove_prefix(1);
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
        check_name(path.substr(0, slash));
        resolved.parent = lookup(resolved.owner, resolved.parent, path.substr(0, slash));
        if (resolved.parent == kMissing)
            throw SmfsError{K7_FM_SMFS_NOT_FOUND};
        if (!is_directory(resolved.parent))
            throw SmfsError{K7_FM_SMFS_FILE_TYPE};
        path.remove_prefix(slash + 1);
    }
    check_name(path);
    resolved.name = SmfsName(path);
    resolved.node = lookup(resolved.owner, resolved.parent, path);
    return resolved;
}

Smfs::Resolved Smfs::existing(const SmfsOwner &owner, std::string_view path) const {
    if (active_ && path == "/")
        return {.owner = owner, .node = kRoot};
    if (active_ && path == kShared)
        return {.owner = {0, owner.signer}, .node = kRoot};
    Resolved resolved = resolve(owner, path);
    if (resolved.node == kMissing)
        throw SmfsError{K7_FM_SMFS_NOT_FOUND};
    return resolved;
}

std::uint32_t Smfs::entries(const SmfsOwner &owner, std::int64_t directory) const {
    return static_cast<std::uint32_t>(std::count_if(nodes_.begin(), nodes_.end(), [&](const auto &entry) {
        return entry.second.parent == directory && entry.second.owner == owner;
    }));
}

// ---- Files and directories ------------------------------------------------------------------------------------------

Smfs::Use Smfs::use_of(const SmfsOwner &owner) const {
    Use use;
    for (const auto &[id, node] : nodes_) {
        use.bytes += node.owner == owner ? node.size : 0;
        use.nodes += node.owner == owner ? 1 : 0;
    }
    return use;
}

// A tree has its quota. And all trees of a signer together have no more than they leave to other signers, so that there
// is always something left for one more: half of all for the first, half of the rest for the next.
Smfs::Use Smfs::room_of(const SmfsOwner &owner) const {
    Use tree;
    Use signer;
    Use others;
    const auto add = [](Use &use, const Node &node) {
        use.bytes += node.size;
        ++use.nodes;
    };
    for (const auto &[id, node] : nodes_) {
        add(node.owner.signer == owner.signer ? signer : others, node);
        if (node.owner == owner)
            add(tree, node);
    }
    const auto left = [](auto most, auto used) { return most - std::min(most, used); };
    return {std::min(left(quota_, tree.bytes), left(left(capacity_, others.bytes) / 2, signer.bytes)),
            std::min(left(kOwnerNodes, tree.nodes), left(left(kNodesMax, others.nodes) / 2, signer.nodes))};
}

void Smfs::check_room(const SmfsOwner &owner, std::uint32_t size) const {
    const Use room = room_of(owner);
    if (size > room.bytes || room.nodes == 0)
        throw SmfsError{K7_FM_SMFS_MEMORY};
}

void Smfs::create(const SmfsOwner &owner, std::string_view path, SmfsKind kind, std::uint32_t size) {
    if (active_ && path == kShared)
        throw SmfsError{K7_FM_SMFS_EXIST};
    const Resolved resolved = resolve(owner, path);
    if (resolved.node != kMissing)
        throw SmfsError{K7_FM_SMFS_EXIST};
    check_room(resolved.owner, size);
    Node node{.owner = resolved.owner,
              .kind = kind,
              .size = size,
              .parent = resolved.parent,
              .name = resolved.name,
              .slot = free_slot()};
    const std::int64_t id = vault_.take_node_number();
    std::vector<SmfsVault::Sealed> blocks;
    static constexpr std::array<std::byte, kBlock> kZeros{};
    for (std::uint32_t position = 0; position < smfs_blocks(size); ++position) {
        blocks.push_back(vault_.seal_block({id, position}, kZeros));
        node.sum = SmfsVault::sum(node.sum, blocks.back().tag);
    }
    commit(std::move(blocks), {}, node.slot, id, &node);
    insert(id, node);
}

std::int64_t Smfs::find_file(const SmfsOwner &owner, std::string_view path) const {
    const std::int64_t node = existing(owner, path).node;
    if (is_directory(node))
        throw SmfsError{K7_FM_SMFS_FILE_TYPE};
    return node;
}

const Smfs::Node &Smfs::file_at(std::int64_t file, std::uint32_t offset, std::size_t length) const {
    if (!active_)
        throw SmfsError{K7_FM_SMFS_NOT_INITED};
    const auto found = nodes_.find(file);
    if (found == nodes_.end() || offset > found->second.size || length > found->second.size - offset)
        throw SmfsError{K7_FM_SMFS_PARAMETER};
    return found->second;
}

void Smfs::read_block(std::int64_t file, std::uint32_t position, std::span<std::byte, kBlock> plain) {
    const Node &node = nodes_.at(file);
    if (node.damaged || !vault_.read({file, position}, plain))
        throw SmfsFileDamage(node.owner.fm_id, file);
}

void Smfs::read(std::int64_t file, std::uint32_t offset, std::span<std::byte> bytes) {
    static_cast<void>(file_at(file, offset, bytes.size()));
    PlainBlock plain;
    while (!bytes.empty()) {
        read_block(file, offset / kBlock, plain.bytes);
        const std::size_t count = std::min<std::size_t>(bytes.size(), kBlock - offset % kBlock);
        std::copy_n(plain.bytes.begin() + offset % kBlock, count, bytes.begin());
        bytes = bytes.subspan(count);
        offset += static_cast<std::uint32_t>(count);
    }
}

void Smfs::write(std::int64_t file, std::uint32_t offset, std::span<const std::byte> bytes) {
    Node node = file_at(file, offset, bytes.size());
    std::vector<SmfsVault::Sealed> blocks;
    PlainBlock plain;
    while (!bytes.empty()) {
        const std::uint32_t position = offset / kBlock;
        const std::size_t count = std::min<std::size_t>(bytes.size(), kBlock - offset % kBlock);
        read_block(file, position, plain.bytes);
        std::copy_n(bytes.begin(), count, plain.bytes.begin() + offset % kBlock);
        blocks.push_back(vault_.seal_block({file, position}, plain.bytes));
        node.sum = SmfsVault::sum(node.sum, SmfsVault::sum(vault_.tag({file, position}), blocks.back().tag));
        bytes = bytes.subspan(count);
        offset += static_cast<std::uint32_t>(count);
    }
    if (blocks.empty())
        return;
    commit(std::move(blocks), {}, node.slot, file, &node);
    nodes_[file] = node;
}

void Smfs::remove(const SmfsOwner &owner, std::string_view path) {
    const Resolved resolved = existing(owner, path);
    const std::int64_t id = resolved.node;
    if (id == kRoot)
        throw SmfsError{K7_FM_SMFS_ACCESS};
    if (holds_.contains(id) || (is_directory(id) && entries(resolved.owner, id) != 0))
        throw SmfsError{K7_FM_SMFS_BUSY};
    const Node node = nodes_.at(id);
    std::vector<SmfsVault::Place> removed;
    for (std::uint32_t position = 0; position < smfs_blocks(node.size); ++position)
        removed.push_back({id, position});
    commit({}, removed, node.slot, id, nullptr);
    slots_[node.slot] = 0;
    places_.erase({node.owner, node.parent, node.name});
    nodes_.erase(id);
}

void Smfs::rename(const SmfsOwner &owner, std::string_view path, std::string_view new_name) {
    const Resolved resolved = existing(owner, path);
    if (resolved.node == kRoot)
        throw SmfsError{K7_FM_SMFS_ACCESS};
    check_name(new_name);
    Node node = nodes_.at(resolved.node);
    const bool hides_shared = node.owner.fm_id != 0 && node.parent == kRoot && new_name == kShared.substr(1);
    if (hides_shared || lookup(node.owner, node.parent, new_name) != kMissing)
        throw SmfsError{K7_FM_SMFS_EXIST};
    const SmfsName old_name = node.name;
    node.name = SmfsName(new_name);
    commit({}, {}, node.slot, resolved.node, &node);
    places_.erase({node.owner, node.parent, old_name});
    places_[{node.owner, node.parent, node.name}] = resolved.node;
    nodes_[resolved.node] = node;
}

const SecretKey &Smfs::object_key() const {
    if (!active_)
        throw SmfsError{K7_FM_SMFS_NOT_INITED};
    return vault_.object_key();
}

Smfs::Attributes Smfs::attributes(std::int64_t id) const {
    const Node &node = file_at(id, 0, 0);
    return {is_directory(id) ? entries(node.owner, id) : node.size, is_directory(id)};
}

Smfs::Attributes Smfs::attributes(const SmfsOwner &owner, std::string_view path) const {
    const Resolved resolved = existing(owner, path);
    return resolved.node == kRoot ? Attributes{entries(resolved.owner, kRoot), true} : attributes(resolved.node);
}

std::vector<SmfsName> Smfs::names(const SmfsOwner &owner, std::string_view directory, std::string_view pattern) const {
    const Resolved parent = existing(owner, directory);
    if (!is_directory(parent.node))
        throw SmfsError{K7_FM_SMFS_FILE_TYPE};
    std::vector<SmfsName> names;
    for (const auto &[id, node] : nodes_)
        if (node.parent == parent.node && node.owner == parent.owner && matches(pattern, node.name.view()))
            names.push_back(node.name);
    std::sort(names.begin(), names.end());
    return names;
}

std::uint32_t Smfs::free_bytes(const SmfsOwner &owner) const {
    if (!active_)
        throw SmfsError{K7_FM_SMFS_NOT_INITED};
    return static_cast<std::uint32_t>(room_of(owner).bytes);
}

} // namespace k7::card
