// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the card keeps when it is switched off: one SQLite file per card (or memory, for a card that forgets).
//
// Every change is one transaction with a rollback journal and full synchronisation: a power cut at any moment leaves
// the state before it or after it. The file is locked for as long as the card lives. Deleted content is overwritten.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "card/security/password.hpp"
#include "card/security/policies.hpp"
#include "card/store/database.hpp"
#include "k7/fault_report.h"
#include "k7/fm_abi.h"

namespace k7::card {

/// An FM as it is stored.
struct StoredFm {
    std::uint32_t fm_id = 0;
    k7_fm_envelope envelope{};
    std::uint32_t image_size = 0; ///< bytes of the .fm file
    std::uint32_t memory_size = 0;
    std::uint64_t load_time = 0;
    std::array<std::byte, K7_FM_FINGERPRINT_SIZE> fingerprint{};
    std::string certificate; ///< label
    Bytes elf;               ///< empty in lists
};

/// A certificate that may sign FMs for this card.
struct StoredCertificate {
    std::string label;
    Bytes der;
};

/// Totals of the FMs in the store.
struct FmTotals {
    std::uint32_t count = 0;
    std::uint64_t bytes = 0;
};

/// Kinds of SMFS nodes, as numbers in the store.
enum class SmfsKind : std::uint32_t { File = 1, Directory = 2 };

/// A file or directory of the SMFS. What it is called and whose it is, only the sealed record says.
struct SmfsNode {
    std::int64_t id = 0;
    SmfsKind kind = SmfsKind::File;
    std::uint32_t size = 0;
    Bytes record;
};

struct SmfsTotals {
    std::uint32_t generation = 0;
    std::uint32_t files = 0;
    std::uint32_t directories = 0;
    std::uint64_t used = 0;
};

constexpr std::size_t kSmfsKeySize = 32;
using SmfsKey = std::array<std::byte, kSmfsKeySize>;

/// Who administers the card, and how.
struct Security {
    bool initialised = false;
    bool was_initialised = false; ///< now or ever
    bool decommissioned = false;
    bool fms_were_allowed = false; ///< now or ever
    std::string label;
    Credentials credentials;
    std::uint32_t failures = 0; ///< wrong passwords in a row
    std::map<std::uint32_t, std::uint32_t> policies;
};

/// Thread-safe; every function is one transaction. @throws Error K7_ST_STORE_FULL (nothing has changed), StoreError
class Store {
  public:
    static constexpr std::uint64_t kMinimumSize = 256 * 1024;
    static constexpr std::uint64_t kDefaultSize = 64 * 1024 * 1024;
    static constexpr std::uint32_t kFaultReports = 16; ///< how many are kept
    static constexpr std::uint32_t kCertificates = 64; ///< how many are kept at most

    /// Open or create. @param esn for a new store; empty: make one up. With an existing store it must be its own.
    Store(const std::string &path, std::uint64_t size_limit, const std::string &esn);

    // ---- Identity ----
    [[nodiscard]] const std::string &esn() const { return esn_; }

    // ---- FMs (store/fms.cpp) ----
    [[nodiscard]] std::vector<StoredFm> list_fms();
    [[nodiscard]] StoredFm read_fm(std::uint32_t fm_id);
    [[nodiscard]] FmTotals fm_totals();
    /// Store or replace, with the certificate if it is new. @throws Error STORE_FULL with K7_FM_COUNT_MAX FMs
    void put_fm(const StoredFm &fm, const StoredCertificate &certificate);
    /// @return false when there is none
    bool delete_fm(std::uint32_t fm_id);
    void erase_fms();
    [[nodiscard]] std::vector<StoredCertificate> list_certificates();

    // ---- Roles and policies (store/security.cpp) ----
    [[nodiscard]] Security security();
    /// Each changes and wipes in one transaction.
    void initialise(const std::string &label, const Credentials &credentials, bool allow_fms, const Wipe &wiped);
    void set_credentials(const Credentials &credentials);
    void set_policy(std::uint32_t number, std::uint32_t value, const Wipe &wiped);
    void wipe(const Wipe &wiped);
    /// @return failures in a row, with this one
    std::uint32_t count_login_failure();
    void forgive_login_failures();

    // ---- Fault reports (store/fault_reports.cpp) ----
    /// Number @p report and keep it. @return its sequence
    std::uint32_t add_fault_report(k7_fault_report report);
    /// @param sequence 0: the last one. @return nothing when it is not kept
    [[nodiscard]] std::optional<k7_fault_report> fault_report(std::uint32_t sequence);
    [[nodiscard]] std::uint32_t last_fault_sequence();

    // ---- SMFS (store/smfs_nodes.cpp) ----
    [[nodiscard]] SmfsTotals smfs_totals();
    [[nodiscard]] std::uint64_t smfs_capacity() const { return smfs_capacity_; }
    [[nodiscard]] SmfsKey smfs_key();
    [[nodiscard]] std::vector<SmfsNode> smfs_nodes();
    /// Sealing binds a node's id, so the id comes first: @p seal gets it and returns record and chunks.
    using Seal = std::function<std::pair<Bytes, std::vector<Bytes>>(std::int64_t id)>;
    std::int64_t smfs_create(SmfsKind kind, std::uint32_t size, const Seal &seal);
    void smfs_set_record(std::int64_t id, std::span<const std::byte> record);
    void smfs_delete(std::int64_t id);
    [[nodiscard]] Bytes smfs_chunk(std::int64_t id, std::uint32_t index);
    /// Replace chunks; all of them or none.
    void smfs_set_chunks(std::int64_t id, std::uint32_t first, std::span<const Bytes> chunks);
    /// Destroy the key, then the content, then every trace of it in the file.
    void smfs_erase();

  private:
    void open_file(const std::string &path);
    void check_schema();
    void create_schema(const std::string &esn);
    void set_size_limit(std::uint64_t size_limit);
    void destroy_smfs_key();
    void finish_smfs_erase();
    void create_security();
    void finish_zeroize();
    void change_and_wipe(const Wipe &wiped, const std::function<void()> &change);

    mutable std::mutex mutex_;
    Database database_;
    std::string esn_;
    std::uint64_t smfs_capacity_ = 0;
};

/// Is @p esn of the form XXXX-XXXX-XXXX, upper case hex?
[[nodiscard]] bool valid_esn(const std::string &esn);

} // namespace k7::card
