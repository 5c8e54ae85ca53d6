// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/smfs/vault.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace k7::card {
namespace {

/// Are store and card of one kind, with a root key or without?
void check_kind(const SmfsState &state, bool has_root_key) {
    if (state.wrapped && !has_root_key)
        throw Error(K7_ST_BAD_FIELD,
                    "the store's SMFS is sealed under a root key: start the card with root-key=FILE, the "
                    "one that the store was made with");
    if (!state.wrapped && has_root_key)
        throw Error(K7_ST_BAD_FIELD,
                    "the store was made without a root key: start the card without root-key, or name a "
                    "new store");
}

/// The first bytes of a keyed digest.
template <class T>
T short_digest(const SecretKey &key, std::span<const std::byte> bytes) {
    std::array<std::byte, SecretKey::kSize> digest;
    keyed_digest(key, bytes, digest);
    T result;
    std::memcpy(&result, digest.data(), sizeof(result));
    return result;
}

} // namespace

SmfsVault::SmfsVault(Store &store, const VaultOptions &options) : store_(store) {
    std::optional<SmfsState> state = store_.smfs_state();
    if (state)
        check_kind(*state, options.root_key_given || !options.root_key.empty());
    take_root_key(options, !state);
    if (!options.counter.empty())
        counter_file_.emplace(options.counter, store_.esn());
    if (!state) {
        state = fresh_state(1, Root{});
        store_.smfs_format(*state);
    }
    const SecretKey key = key_of(*state);
    generation_ = state->generation;
    if (!unseal(derive_key(key, "seal"), {0, generation_, SealPlace::kRoot}, state->root,
                std::as_writable_bytes(std::span(&root_, 1))))
        facts_.damage = SmfsDamage("the root of the SMFS is damaged").what();
    facts_.has_root_key = root_key_.has_value();
    facts_.has_counter = counter_file_.has_value();
    publish();
}

void SmfsVault::take_root_key(const VaultOptions &options, bool is_new) {
    if (options.root_key_given && !options.root_key.empty())
        throw Error(K7_ST_BAD_FIELD, "root-key and root-key-hex exclude each other");
    root_key_name_ = options.root_key.empty() ? "the one given" : options.root_key;
    if (options.root_key_given)
        root_key_ = options.root_key_given;
    else if (!options.root_key.empty())
        root_key_ = read_root_key(options.root_key, is_new);
}

SecretKey SmfsVault::key_of(const SmfsState &state) const {
    check_kind(state, root_key_.has_value());
    if (root_key_) {
        const auto key = unwrap_key(*root_key_, state.key, state.generation, store_.esn());
        if (!key)
            throw Error(K7_ST_BAD_FIELD, "the store's SMFS is sealed under another root key than " + root_key_name_ +
                                             ": start the card with the one that the store was made with");
        return *key;
    }
    SecretKey key;
    if (state.key.size() != key.bytes.size())
        throw StoreError("the SMFS key in the store is damaged");
    std::copy(state.key.begin(), state.key.end(), key.bytes.begin());
    return key;
}

SmfsState SmfsVault::fresh_state(std::uint32_t generation, const Root &root) const {
    const SecretKey key = random_key();
    SmfsState state{.generation = generation, .wrapped = root_key_.has_value(), .key = {}, .root = {}};
    if (root_key_)
        state.key = wrap_key(*root_key_, key, generation, store_.esn());
    else
        state.key.assign(key.bytes.begin(), key.bytes.end());
    state.root = seal(derive_key(key, "seal"), {0, generation, SealPlace::kRoot}, std::as_bytes(std::span(&root, 1)));
    return state;
}

std::array<std::byte, 32> SmfsVault::bind_fm(const StoredFm &fm) const {
    if (!root_key_)
        return {};
    Bytes bytes(sizeof(fm.fm_id));
    std::memcpy(bytes.data(), &fm.fm_id, sizeof(fm.fm_id));
    bytes.insert(bytes.end(), fm.fingerprint.begin(), fm.fingerprint.end());
    bytes.insert(bytes.end(), fm.signer.begin(), fm.signer.end());
    return short_digest<std::array<std::byte, 32>>(derive_key(*root_key_, "k7 FMs of " + store_.esn()), bytes);
}

SmfsVault::Facts SmfsVault::facts() const {
    const std::scoped_lock lock(mutex_);
    return facts_;
}

void SmfsVault::publish() {
    const std::scoped_lock lock(mutex_);
    facts_.totals = root_.totals;
    facts_.generation = generation_;
    facts_.counter = root_.counter;
}

SmfsState SmfsVault::stored_state() const {
    const std::optional<SmfsState> state = store_.smfs_state();
    if (!state)
        throw StoreError("the store has lost the SMFS");
    return *state;
}

SecretKey SmfsVault::core_key() const {
    return derive_key(key_of(stored_state()), "core");
}

// ---- Opening --------------------------------------------------------------------------------------------------------

void SmfsVault::open() {
    close();
    const SmfsState state = stored_state();
    {
        const SecretKey key = key_of(state);
        seal_key_ = derive_key(key, "seal");
        place_key_ = derive_key(key, "place");
        tag_key_ = derive_key(key, "tag");
        object_key_ = derive_key(key, "object");
    }
    generation_ = state.generation;
    Root root;
    if (!unseal(seal_key_, {0, generation_, SealPlace::kRoot}, state.root, std::as_writable_bytes(std::span(&root, 1))))
        throw SmfsDamage("the root of the SMFS is damaged");
    root_ = root;
    check_counter();
    open_ = true;
    store_.smfs_visit([this](std::int64_t id, std::span<const std::byte> sealed) { tags_[id] = tag_of(id, sealed); });
    {
        const std::scoped_lock lock(mutex_);
        facts_.damage.clear();
    }
    publish();
}

void SmfsVault::close() {
    seal_key_.wipe();
    place_key_.wipe();
    tag_key_.wipe();
    object_key_.wipe();
    tags_.clear();
    open_ = false;
}

void SmfsVault::require_open() const {
    if (!open_)
        throw StoreError("the SMFS is closed: there is no key to seal with");
}

void SmfsVault::close_damaged(const SmfsDamage &damage) {
    close();
    const std::scoped_lock lock(mutex_);
    facts_.damage = damage.what();
}

// The store goes first, the counter file follows. So after a power cut the store may be one ahead, and never behind.
void SmfsVault::check_counter() {
    if (!counter_file_)
        return;
    const std::uint64_t counted = counter_file_->value().value_or(root_.counter);
    if (root_.counter < counted)
        throw SmfsDamage("an old copy of the store was put back: it has change " + std::to_string(root_.counter) +
                         " of the SMFS, the counter file " + counter_file_->path() + " has counted " +
                         std::to_string(counted));
    if (root_.counter > counted + 1)
        throw SmfsDamage("the counter file " + counter_file_->path() + " is of an older time: it has counted " +
                             std::to_string(counted) + " changes of the SMFS, the store has " +
                             std::to_string(root_.counter),
                         "put the right file back, or remove it to trust the store as it is");
    count(root_.counter);
}

void SmfsVault::count(std::uint64_t value) {
    if (counter_file_ && counter_file_->value() != value)
        counter_file_->set(value);
}

// ---- Blocks ---------------------------------------------------------------------------------------------------------

// Numbers that show neither whose block it is nor which one of it.
std::int64_t SmfsVault::id_of(const Place &place) const {
    const SealPlace full = seal_place(place);
    return short_digest<std::int64_t>(place_key_, std::as_bytes(std::span(&full, 1))) & INT64_MAX;
}

SmfsVault::Tag SmfsVault::tag_of(std::int64_t id, std::span<const std::byte> sealed) const {
    std::array<std::byte, sizeof(id) + kSealOverhead> bytes{};
    if (sealed.size() < kSealOverhead)
        return {};
    std::memcpy(bytes.data(), &id, sizeof(id));
    std::ranges::copy(sealed.first(kSealNonce), bytes.begin() + sizeof(id));
    std::ranges::copy(sealed.last(kSealTag), bytes.begin() + sizeof(id) + kSealNonce);
    return short_digest<Tag>(tag_key_, bytes);
}

SmfsVault::Tag SmfsVault::tag(const Place &place) const {
    const auto found = tags_.find(id_of(place));
    return found == tags_.end() ? Tag{} : found->second;
}

bool SmfsVault::read(const Place &place, std::span<std::byte, kBlock> plain) {
    const std::int64_t id = id_of(place);
    const auto known = tags_.find(id);
    const Bytes sealed = store_.smfs_block(id);
    return known != tags_.end() && tag_of(id, sealed) == known->second &&
           unseal(seal_key_, seal_place(place), sealed, plain);
}

SmfsVault::Sealed SmfsVault::seal_block(const Place &place, std::span<const std::byte, kBlock> plain) const {
    require_open();
    Sealed sealed{.block = {id_of(place), seal(seal_key_, seal_place(place), plain)}, .tag = {}};
    sealed.tag = tag_of(sealed.block.id, sealed.block.sealed);
    return sealed;
}

void SmfsVault::commit(std::vector<Sealed> put, const std::vector<Place> &removed, const Tag &table,
                       const SmfsTotals &totals) {
    require_open();
    const Root root{.counter = root_.counter + 1, .next_node = root_.next_node, .table = table, .totals = totals};
    SmfsChange change;
    for (const Place &place : removed)
        change.removed.push_back(id_of(place));
    for (Sealed &sealed : put)
        change.put.push_back(std::move(sealed.block));
    change.root = seal(seal_key_, {0, generation_, SealPlace::kRoot}, std::as_bytes(std::span(&root, 1)));
    store_.smfs_commit(change);
    root_ = root;
    for (const std::int64_t id : change.removed)
        tags_.erase(id);
    for (std::size_t i = 0; i < put.size(); ++i)
        tags_[change.put[i].id] = put[i].tag;
    count(root.counter);
    publish();
}

// ---- Erasing --------------------------------------------------------------------------------------------------------

void SmfsVault::erase(const std::function<void(const SmfsState &fresh)> &wipe) {
    const std::optional<SmfsState> state = store_.smfs_state();
    const std::uint64_t counted = counter_file_ ? counter_file_->value().value_or(0) : 0;
    const Root root{.counter = std::max(root_.counter, counted) + 1, .next_node = 1, .table = {}, .totals = {}};
    const std::uint32_t generation = (state ? state->generation : generation_) + 1;
    wipe(fresh_state(generation, root)); // when it throws, nothing has changed
    close();
    generation_ = generation;
    root_ = root;
    count(root.counter);
    {
        const std::scoped_lock lock(mutex_);
        facts_.damage.clear();
    }
    publish();
}

} // namespace k7::card
