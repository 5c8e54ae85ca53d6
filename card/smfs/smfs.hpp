// SPDX-License-Identifier: GPL-2.0-or-later
//
// The Secure Memory File System: fixed-size files and directories, a tree of its own for each FM ID.
//
// The store holds sealed pieces only. Names and structure are unsealed into memory when the SMFS is activated; contents
// are unsealed chunk by chunk when they are read. Used by the firmware thread alone.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "card/store/store.hpp"

namespace k7::card {

/// What an SMFS call returns to the FM when it refuses: a K7_FM_SMFS_* number.
struct SmfsError {
    std::uint32_t code;
};

class Smfs {
  public:
    static constexpr std::uint32_t kChunk = 4096;  ///< bytes of a file that are sealed together
    static constexpr std::size_t kNodesMax = 1024; ///< files and directories of all FMs

    struct Attributes {
        std::uint32_t size; ///< bytes of a file, entries of a directory
        bool directory;
    };

    explicit Smfs(Store &store) : store_(store) {}
    ~Smfs();
    Smfs(const Smfs &) = delete;
    Smfs &operator=(const Smfs &) = delete;

    /// Take the key and the tree out of the store. @throws StoreError when they do not fit together
    void activate();
    /// Key and tree leave the memory; activate() brings them back, if the store still has them.
    void forget();

    // All of these throw SmfsError. Paths are absolute.
    void create(std::uint32_t fm_id, std::string_view path, SmfsKind kind, std::uint32_t size);
    /// @return the file's number, which stays the same when it is renamed
    [[nodiscard]] std::int64_t find_file(std::uint32_t fm_id, std::string_view path) const;
    void read(std::int64_t file, std::uint32_t offset, std::span<std::byte> bytes);
    /// Committed when it returns, all of it or nothing.
    void write(std::int64_t file, std::uint32_t offset, std::span<const std::byte> bytes);
    /// @return the number of what would be deleted, so that the caller can refuse if it is open
    [[nodiscard]] std::int64_t find_deletable(std::uint32_t fm_id, std::string_view path) const;
    void remove(std::int64_t node);
    void rename(std::uint32_t fm_id, std::string_view path, std::string_view new_name);
    [[nodiscard]] Attributes attributes(std::uint32_t fm_id, std::string_view path) const;
    [[nodiscard]] Attributes attributes(std::int64_t node) const;
    /// Names in a directory that fit @p pattern ('*' and '?'), sorted.
    [[nodiscard]] std::vector<std::string> names(std::uint32_t fm_id, std::string_view directory,
                                                 std::string_view pattern) const;
    [[nodiscard]] std::uint32_t free_bytes() const;

  private:
    static constexpr std::int64_t kRoot = 0; ///< number of each FM's root directory, which needs no record

    struct Node {
        std::uint32_t fm_id = 0;
        SmfsKind kind = SmfsKind::Directory;
        std::uint32_t size = 0;
        std::int64_t parent = kRoot;
        std::string name;
    };
    using Place = std::tuple<std::uint32_t, std::int64_t, std::string>; ///< FM ID, parent, name

    struct Resolved {
        std::int64_t parent;
        std::string name;
        std::int64_t node; ///< kMissing when there is none
    };
    static constexpr std::int64_t kMissing = -1;

    [[nodiscard]] std::int64_t lookup(std::uint32_t fm_id, std::int64_t parent, std::string_view name) const;
    /// Resolve all but the last name, which may be missing.
    [[nodiscard]] Resolved resolve(std::uint32_t fm_id, std::string_view path) const;
    [[nodiscard]] std::int64_t existing(std::uint32_t fm_id, std::string_view path) const;
    [[nodiscard]] bool is_directory(std::int64_t node) const;
    [[nodiscard]] std::uint32_t entries(std::uint32_t fm_id, std::int64_t directory) const;
    void check_range(std::int64_t file, std::uint32_t offset, std::size_t length) const;
    [[nodiscard]] Bytes seal_record(std::int64_t id, const Node &node) const;
    [[nodiscard]] Node unseal_record(const SmfsNode &stored) const;
    [[nodiscard]] std::vector<Bytes> zero_chunks(std::int64_t id, std::uint32_t size) const;
    void insert(std::int64_t id, Node node);

    Store &store_;
    bool active_ = false;
    std::uint32_t generation_ = 0;
    SmfsKey key_{};
    std::uint64_t used_ = 0;
    std::map<std::int64_t, Node> nodes_;
    std::map<Place, std::int64_t> places_;
};

} // namespace k7::card
