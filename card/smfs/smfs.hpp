// SPDX-License-Identifier: GPL-2.0-or-later
//
// The Secure Memory File System: fixed-size files and directories, a tree of its own for each FM, and one for all FMs
// of a signer.
//
// The store holds sealed blocks only (class SmfsVault). Names and structure are unsealed into memory when the SMFS is
// activated; contents are unsealed block by block when they are read. Used by the firmware thread alone.
//
// For other parts of the card: an FM's tree is named by its SmfsOwner. `create()` makes a file, `find_file()` gives its
// number, `read()` and `write()` take that. Whoever keeps a number across calls takes a `Hold`, which keeps the file
// from being deleted.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "card/smfs/name.hpp"
#include "card/smfs/vault.hpp"

namespace k7::card {

/// Whose tree. Another FM with the same ID, of another signer, is another owner.
struct SmfsOwner {
    std::uint32_t fm_id = 0;                             ///< 0: the tree that all FMs of the signer share
    std::array<std::byte, 32> signer{};                  ///< SHA-256 of the public key in the signer's certificate
    auto operator<=>(const SmfsOwner &) const = default; // NOLINT(modernize-use-nullptr)
};

/// What an SMFS call returns to the FM when it refuses: a K7_FM_SMFS_* number.
struct SmfsError {
    std::uint32_t code;
};

/// One file is not what was written; the others are well. Reading or writing it throws this.
class SmfsFileDamage : public Error {
  public:
    SmfsFileDamage(std::uint32_t fm_id, std::int64_t file);
};

enum class SmfsKind : std::uint32_t { File = 1, Directory = 2 };

/// Something that check() found.
struct SmfsFinding {
    enum class Kind : std::uint32_t { Smfs = 1, File = 2, Stray = 3 };
    Kind kind;
    std::uint32_t fm_id = 0;    ///< File: owner, 0 for a shared file
    std::int64_t node = 0;      ///< File: its number
    std::uint32_t position = 0; ///< File: the first block that is damaged
};

class Smfs {
  public:
    static constexpr std::uint32_t kBlock = SmfsVault::kBlock;
    static constexpr std::size_t kNodesMax = 1024;  ///< files and directories of all FMs
    static constexpr std::size_t kOwnerNodes = 512; ///< of one owner; see also room_of()
    /// Where an FM finds the tree that it shares with the other FMs of its signer.
    static constexpr std::string_view kShared = "/shared";

    struct Attributes {
        std::uint32_t size; ///< bytes of a file, entries of a directory
        bool directory;
    };

    /// @param capacity bytes of all files. @param quota bytes of the files of one owner
    Smfs(SmfsVault &vault, std::uint64_t capacity, std::uint64_t quota)
        : vault_(vault), capacity_(capacity), quota_(quota) {}
    ~Smfs();
    Smfs(const Smfs &) = delete;
    Smfs &operator=(const Smfs &) = delete;

    /// Take the key and the tree out of the store. @throws SmfsDamage when they do not fit together: it stays inactive
    void activate();
    [[nodiscard]] bool active() const { return active_; }
    /// Damage was found on the way: out of use until it is activated again.
    void deactivate(const SmfsDamage &damage);
    /// Key and tree leave the memory; activate() brings them back, if the store still has them.
    void forget();

    // All of these throw SmfsError; StoreError when the store cannot be read or written. Paths are absolute.
    void create(const SmfsOwner &owner, std::string_view path, SmfsKind kind, std::uint32_t size);
    /// @return the file's number, which stays the same when it is renamed, and is never used again
    [[nodiscard]] std::int64_t find_file(const SmfsOwner &owner, std::string_view path) const;
    /// @throws also SmfsFileDamage, as write() does
    void read(std::int64_t file, std::uint32_t offset, std::span<std::byte> bytes);
    /// Committed when it returns, all of it or nothing.
    void write(std::int64_t file, std::uint32_t offset, std::span<const std::byte> bytes);
    /// Delete a file that nobody holds, or an empty directory.
    void remove(const SmfsOwner &owner, std::string_view path);
    void rename(const SmfsOwner &owner, std::string_view path, std::string_view new_name);
    [[nodiscard]] Attributes attributes(const SmfsOwner &owner, std::string_view path) const;
    [[nodiscard]] Attributes attributes(std::int64_t node) const;
    /// Names in a directory that fit @p pattern ('*' and '?'), sorted.
    [[nodiscard]] std::vector<SmfsName> names(const SmfsOwner &owner, std::string_view directory,
                                              std::string_view pattern) const;
    struct Use {
        std::uint64_t bytes = 0;
        std::size_t nodes = 0;
    };
    /// What is in the tree of @p owner; nothing while inactive.
    [[nodiscard]] Use use_of(const SmfsOwner &owner) const;
    /// Bytes that new files of @p owner may take together.
    [[nodiscard]] std::uint32_t free_bytes(const SmfsOwner &owner) const;
    /// For the card's own objects in files of FMs, which FMs must not read: what to derive their sealing keys from. It
    /// dies with the erase generation. @throws SmfsError NOT_INITED
    [[nodiscard]] const SecretKey &object_key() const;
    [[nodiscard]] std::uint64_t quota() const { return quota_; }

    /// Files of which activate() saw that blocks are missing or of another time.
    [[nodiscard]] std::vector<SmfsFinding> damaged_files() const;
    /// Open every block of every file. @return what is damaged
    [[nodiscard]] std::vector<SmfsFinding> check();

    /// Keeps a file from being deleted. May outlive neither the Smfs nor its activation by much: it does not look.
    class Hold {
      public:
        Hold(Smfs &smfs, std::int64_t file) : smfs_(&smfs), file_(file) { ++smfs_->holds_[file_]; }
        ~Hold() {
            if (--smfs_->holds_[file_] == 0)
                smfs_->holds_.erase(file_);
        }
        Hold(const Hold &) = delete;
        Hold &operator=(const Hold &) = delete;
        [[nodiscard]] std::int64_t file() const { return file_; }

      private:
        Smfs *smfs_;
        std::int64_t file_;
    };

  private:
    static constexpr std::int64_t kRoot = 0; ///< number of each owner's root directory, which needs no record
    static constexpr std::int64_t kMissing = -1;

    struct Node {
        SmfsOwner owner;
        SmfsKind kind = SmfsKind::Directory;
        std::uint32_t size = 0;
        std::int64_t parent = kRoot;
        SmfsName name{};
        SmfsVault::Tag sum{};   ///< what its blocks add up to
        std::uint32_t slot = 0; ///< in the table
        bool damaged = false;
    };
    using Place = std::tuple<SmfsOwner, std::int64_t, SmfsName>; ///< owner, parent, name
    struct Record;

    /// Where a path leads: whose tree, and there all but the last name, which may be missing.
    struct Resolved {
        SmfsOwner owner;
        std::int64_t parent = kRoot;
        SmfsName name{};
        std::int64_t node = kMissing;
    };

    [[nodiscard]] std::int64_t lookup(const SmfsOwner &owner, std::int64_t parent, std::string_view name) const;
    [[nodiscard]] Resolved resolve(const SmfsOwner &owner, std::string_view path) const;
    /// As resolve(), of what is there; the root is kRoot.
    [[nodiscard]] Resolved existing(const SmfsOwner &owner, std::string_view path) const;
    [[nodiscard]] bool is_directory(std::int64_t node) const;
    [[nodiscard]] std::uint32_t entries(const SmfsOwner &owner, std::int64_t directory) const;
    [[nodiscard]] const Node &file_at(std::int64_t file, std::uint32_t offset, std::size_t length) const;
    [[nodiscard]] Use room_of(const SmfsOwner &owner) const;
    void check_room(const SmfsOwner &owner, std::uint32_t size) const;

    // The table of nodes (smfs/table.cpp).
    void load_table();
    void take_record(const Record &record, std::uint32_t slot);
    [[nodiscard]] std::uint32_t free_slot() const;
    /// The table's block with @p slot in it, sealed, as it is with @p node there (nothing: free).
    [[nodiscard]] SmfsVault::Sealed sealed_table(std::uint32_t slot, std::int64_t id, const Node *node) const;
    /// Commit @p blocks and @p removed together with the record of one node.
    void commit(std::vector<SmfsVault::Sealed> blocks, const std::vector<SmfsVault::Place> &removed, std::uint32_t slot,
                std::int64_t id, const Node *node);
    [[nodiscard]] SmfsTotals totals_with(std::int64_t id, const Node *node) const;
    [[nodiscard]] SmfsVault::Tag sum_of(std::int64_t id, std::uint32_t size) const;

    void read_block(std::int64_t file, std::uint32_t position, std::span<std::byte, kBlock> plain);
    void insert(std::int64_t id, const Node &node);

    SmfsVault &vault_;
    const std::uint64_t capacity_;
    const std::uint64_t quota_;
    bool active_ = false;
    std::map<std::int64_t, Node> nodes_;
    std::map<Place, std::int64_t> places_;
    std::vector<std::int64_t> slots_; ///< of the table: the node in each, 0 for none
    std::map<std::int64_t, unsigned> holds_;
};

/// Blocks of a file of @p size bytes.
[[nodiscard]] constexpr std::uint32_t smfs_blocks(std::uint32_t size) {
    return size / SmfsVault::kBlock + (size % SmfsVault::kBlock != 0);
}

} // namespace k7::card
