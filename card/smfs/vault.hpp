// SPDX-License-Identifier: GPL-2.0-or-later
//
// The sealed blocks of the SMFS in the store: keys, root, freshness. What the blocks hold, class Smfs knows.
//
// The root is sealed anew with each change. It holds what the tree's table of nodes adds up to, and the table holds
// what each file adds up to, so a block of another time does not fit, though it was sealed for this place. A counter in
// the root goes up with each change; a counter file outside of the store shows when the whole store is of another time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "card/smfs/counter.hpp"
#include "card/smfs/keys.hpp"
#include "card/smfs/seal.hpp"
#include "card/store/store.hpp"

namespace k7::card {

/// A part of the SMFS, or all of it, is not what was written. The card goes on without it.
class SmfsDamage : public Error {
  public:
    static constexpr const char *kRemedy = "put back the newest copy of the store, or erase the SMFS with `fmrecover "
                                           "--smfs`";

    explicit SmfsDamage(const std::string &text, const std::string &remedy = kRemedy)
        : Error(K7_ST_STORE_ERROR, text + ": " + remedy) {}
};

/// Totals of the tree; the root keeps them.
struct SmfsTotals {
    std::uint64_t used = 0; ///< bytes, as the files' sizes have them
    std::uint32_t files = 0;
    std::uint32_t directories = 0;
};

/// Where the vault's secrets and counter come from (docs/card-interface.md).
struct VaultOptions {
    std::string root_key;                    ///< file; empty: none
    std::optional<SecretKey> root_key_given; ///< by the card's host, instead of a file
    std::string counter;                     ///< file; empty: none
};

/// Thread-safe.
class SmfsVault {
  public:
    static constexpr std::uint32_t kBlock = 4096; ///< bytes of plain content in each block

    /// What a sealed block is told from its older versions by. Their sum (exclusive or) stands for a set of blocks:
    /// each is a keyed digest, so nobody without the key finds another set with the same sum.
    using Tag = std::array<std::uint64_t, 2>;
    static Tag sum(const Tag &a, const Tag &b) { return {a[0] ^ b[0], a[1] ^ b[1]}; }

    /// A block of a file, or of the table of nodes (node 0).
    struct Place {
        std::int64_t node;
        std::uint32_t position;
    };
    struct Sealed {
        SmfsBlock block;
        Tag tag;
    };
    struct Facts {
        SmfsTotals totals;
        std::uint32_t generation = 0;
        std::uint64_t counter = 0;
        std::string damage; ///< empty: none that is known
        bool has_root_key = false;
        bool has_counter = false;
    };

    /// Find the key, format a new store. @throws Error when the root key is missing or another
    SmfsVault(Store &store, const VaultOptions &options);

    /// What is known without opening it.
    [[nodiscard]] Facts facts() const;

    /// What seals the memory that is kept of faulted FMs. It dies with the erase generation.
    [[nodiscard]] SecretKey core_key() const;

    /// What ties an FM to its tree: a keyed digest of ID, content and signer, which only a card with the root key can
    /// make. Zero without a root key.
    [[nodiscard]] std::array<std::byte, 32> bind_fm(const StoredFm &fm) const;

    // ---- Of the firmware's thread ----
    /// Take the key, check root and counter, learn the tags. @throws SmfsDamage
    void open();
    /// Wipe the keys.
    void close();
    /// Close because of @p damage, which facts() shows from now on.
    void close_damaged(const SmfsDamage &damage);
    /// @return zero when there is no such block
    [[nodiscard]] Tag tag(const Place &place) const;
    /// What sealing keys for objects inside of files are derived from.
    [[nodiscard]] const SecretKey &object_key() const { return object_key_; }
    /// What the blocks of the table have to add up to.
    [[nodiscard]] Tag table_sum() const { return root_.table; }
    [[nodiscard]] std::int64_t take_node_number() { return root_.next_node++; }
    /// Is @p place in the store with the tag that was learned? Fills @p plain.
    [[nodiscard]] bool read(const Place &place, std::span<std::byte, kBlock> plain);
    [[nodiscard]] Sealed seal_block(const Place &place, std::span<const std::byte, kBlock> plain) const;
    /// One transaction. @param table the sum of the table's blocks afterwards
    void commit(std::vector<Sealed> put, const std::vector<Place> &removed, const Tag &table, const SmfsTotals &totals);
    /// Blocks in the store.
    [[nodiscard]] std::size_t blocks() const { return tags_.size(); }
    [[nodiscard]] std::uint64_t counter() const { return root_.counter; }

    // ---- Of the boot loader while the firmware is stopped, or of the firmware while no FM runs ----
    /// Erase it, in one transaction with what @p wipe does in the store: a new key, then no content. Also mends what is
    /// damaged. @param wipe commits the state that it is given
    void erase(const std::function<void(const SmfsState &fresh)> &wipe);

  private:
    /// What a sealed root holds.
    struct Root {
        std::uint64_t counter = 1; ///< of transactions; never goes back, not even when the SMFS is erased
        std::int64_t next_node = 1;
        Tag table{};
        SmfsTotals totals;
    };
    static_assert(sizeof(Root) == 48, "no padding: the bytes are stored");

    void take_root_key(const VaultOptions &options, bool is_new);
    /// @throws Error when the root key does not fit
    [[nodiscard]] SecretKey key_of(const SmfsState &state) const;
    /// @throws StoreError when there is none
    [[nodiscard]] SmfsState stored_state() const;
    [[nodiscard]] SmfsState fresh_state(std::uint32_t generation, const Root &root) const;
    [[nodiscard]] std::int64_t id_of(const Place &place) const;
    [[nodiscard]] Tag tag_of(std::int64_t id, std::span<const std::byte> sealed) const;
    [[nodiscard]] SealPlace seal_place(const Place &place) const { return {place.node, generation_, place.position}; }
    /// @throws StoreError when it is closed: nothing may be sealed under a key that was wiped
    void require_open() const;
    void check_counter();
    void count(std::uint64_t value);
    void publish();

    Store &store_;
    std::optional<SecretKey> root_key_;
    std::string root_key_name_; ///< what messages call it
    std::optional<CounterFile> counter_file_;

    std::uint32_t generation_ = 0;
    Root root_;
    SecretKey seal_key_;
    SecretKey place_key_;
    SecretKey tag_key_;
    SecretKey object_key_;
    bool open_ = false;
    std::map<std::int64_t, Tag> tags_; ///< by block number

    mutable std::mutex mutex_; ///< of facts_ alone: all else is used by one thread at a time
    Facts facts_;
};

} // namespace k7::card
