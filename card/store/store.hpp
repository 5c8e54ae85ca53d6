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

#include <openssl/crypto.h>

#include "card/security/password.hpp"
#include "card/security/policies.hpp"
#include "card/store/database.hpp"
#include "card/store/reserve.hpp"
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
    std::string certificate;             ///< label
    std::array<std::byte, 32> signer{};  ///< SHA-256 of the certificate's public key
    std::array<std::byte, 32> binding{}; ///< SmfsVault::bind_fm(): this card has loaded it
    Bytes elf;                           ///< empty in lists
};

/// A certificate that may sign FMs for this card.
struct StoredCertificate {
    std::string label;
    Bytes der;
};

/// A core as it is stored.
struct StoredCore {
    std::uint32_t sequence = 0; ///< of its report
    Bytes sealed;
};

/// Totals of the FMs in the store.
struct FmTotals {
    std::uint32_t count = 0;
    std::uint64_t bytes = 0;
};

/// The SMFS but for its blocks; what is in here, card/smfs knows.
struct SmfsState {
    std::uint32_t generation = 0; ///< raised by each erase
    bool wrapped = false;         ///< key is sealed under the card's root key
    Bytes key;
    Bytes root; ///< sealed
    ~SmfsState() { OPENSSL_cleanse(key.data(), key.size()); }
};

/// A sealed piece of the SMFS. All are of one size, and the number is as good as random.
struct SmfsBlock {
    std::int64_t id = 0;
    Bytes sealed;
};

/// What one transaction does.
struct SmfsChange {
    std::vector<SmfsBlock> put;
    std::vector<std::int64_t> removed;
    Bytes root;
};

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

/// What a change of the roles takes away, in the same transaction.
struct StoredWipe {
    Wipe what;
    std::optional<SmfsState> fresh_smfs; ///< the SMFS afterwards; there if and only if the SMFS is wiped
};

/// Thread-safe; every function is one transaction. @throws Error K7_ST_STORE_FULL (nothing has changed), StoreError
class Store {
  public:
    static constexpr std::uint64_t kMinimumSize = 256 * 1024;
    static constexpr std::uint64_t kDefaultSize = 64 * 1024 * 1024;
    static constexpr std::uint32_t kFaultReports = 16; ///< how many are kept
    static constexpr std::uint32_t kFaultCores = 4;    ///< how many of them have their core
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
    [[nodiscard]] std::vector<StoredCertificate> list_certificates();

    // ---- Roles and policies (store/security.cpp) ----
    [[nodiscard]] Security security();
    /// Each changes and wipes in one transaction.
    void initialise(const std::string &label, const Credentials &credentials, bool allow_fms, const StoredWipe &wiped);
    void set_credentials(const Credentials &credentials);
    void set_policy(std::uint32_t number, std::uint32_t value, const StoredWipe &wiped);
    /// With the SMFS: a new key is put in the place of the old one, then the content and every trace of it is removed.
    void wipe(const StoredWipe &wiped);
    /// Is the disk too full to remove the traces of what was erased? Its key is gone; the next erase, or the next
    /// start, tries again.
    [[nodiscard]] bool erase_unfinished();
    /// @return failures in a row, with this one
    std::uint32_t count_login_failure();
    void forgive_login_failures();

    // ---- Fault reports (store/fault_reports.cpp) ----
    /// Makes what is kept of a core, for the report with the number @p sequence.
    using SealCore = std::function<Bytes(std::uint32_t sequence)>;
    /// Number @p report and keep it, with the core of @p seal if there is one, and room for it. @return its sequence
    std::uint32_t add_fault_report(k7_fault_report report, const SealCore &seal = {});
    /// @param sequence 0: the last one. @return nothing when it is not kept
    [[nodiscard]] std::optional<k7_fault_report> fault_report(std::uint32_t sequence);
    [[nodiscard]] std::uint32_t last_fault_sequence();
    /// What is kept of the core of report @p sequence; 0: of the last report that has one
    [[nodiscard]] std::optional<StoredCore> fault_core(std::uint32_t sequence);

    // ---- SMFS (store/smfs_blocks.cpp) ----
    [[nodiscard]] std::uint64_t smfs_capacity() const { return smfs_capacity_; }
    /// @return nothing in a new store
    [[nodiscard]] std::optional<SmfsState> smfs_state();
    void smfs_format(const SmfsState &state);
    using SmfsVisitor = std::function<void(std::int64_t id, std::span<const std::byte> sealed)>;
    void smfs_visit(const SmfsVisitor &visit);
    /// @return empty when there is no such block
    [[nodiscard]] Bytes smfs_block(std::int64_t id);
    void smfs_commit(const SmfsChange &change);

  private:
    void open_file(const std::string &path);
    void check_schema();
    void create_schema(const std::string &esn);
    void set_size_limit(std::uint64_t size_limit);
    void put_smfs_state(const SmfsState &state);
    void put_policy(std::uint32_t number, std::uint32_t value);
    std::uint32_t write_fault_report(k7_fault_report report, const SealCore &seal);
    void create_security();
    void wipe_rows(const StoredWipe &wiped);
    void commit_wipe(const StoredWipe &wiped, const std::function<void()> &change);
    void change_and_wipe(const StoredWipe &wiped, const std::function<void()> &change);
    void finish_erase();
    /// The statement @p sql, compiled once. Its uses end with run() or reset().
    Statement &statement(const char *sql);

    mutable std::mutex mutex_;
    Database database_;
    std::map<const char *, Statement> statements_;
    std::string esn_;
    std::uint64_t smfs_capacity_ = 0;
    Reserve reserve_;
    bool erase_unfinished_ = false;
};

/// Is @p esn of the form XXXX-XXXX-XXXX, upper case hex?
[[nodiscard]] bool valid_esn(const std::string &esn);

} // namespace k7::card
