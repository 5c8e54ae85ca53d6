// SPDX-License-Identifier: GPL-2.0-or-later
//
// Erasing, in two steps. The first is one small transaction: it puts a new SMFS key in the place of the old one, which
// it overwrites, and drops the rows; from then on what was erased is gone for the card, and noise for everybody else.
// The second rebuilds the file, so that not even that is left in it. The second may be late, the first may not fail for
// want of room, so the room for its journal is reserved.
#include "card/store/store.hpp"

namespace k7::card {
namespace {

/// While it lives, what is deleted is not overwritten.
class QuickDeletes {
  public:
    explicit QuickDeletes(Database &database) : database_(database) { database_.execute("PRAGMA secure_delete = OFF"); }
    ~QuickDeletes() {
        try {
            database_.execute("PRAGMA secure_delete = ON");
        } catch (const Error &) {
            // It touches no file. Without memory for it nothing else works either.
        }
    }
    QuickDeletes(const QuickDeletes &) = delete;
    QuickDeletes &operator=(const QuickDeletes &) = delete;

  private:
    Database &database_;
};

// Overwriting every page of what is dropped would need a journal as large as that.
void drop_rows(Database &database, const Wipe &wiped) {
    const QuickDeletes quick(database);
    if (wiped.fms)
        database.execute("DELETE FROM fm");
    if (wiped.smfs)
        database.execute("DELETE FROM smfs_block");
    if (wiped.fms || wiped.smfs) // cores hold memory of FMs, and what FMs read from the SMFS
        database.execute("DELETE FROM fault_core");
    if (wiped.certificates)
        database.execute("DELETE FROM certificate");
}

} // namespace

// The key, and what is small, is overwritten here; the second step sees to the rest.
void Store::wipe_rows(const StoredWipe &wiped) {
    const Wipe &what = wiped.what;
    if (what.anything())
        drop_rows(database_, what);
    if (wiped.fresh_smfs)
        put_smfs_state(*wiped.fresh_smfs);
    if (what.role)
        database_.execute("UPDATE hsm SET initialised = 0, label = '', salt = x'', cost = 0, verifier = x'', "
                          "failures = 0");
    if (what.policies)
        for (const PolicyRule &rule : kPolicies)
            put_policy(rule.number, rule.initial);
    if (what.decommissions)
        database_.execute("UPDATE hsm SET decommissioned = 1");
    if (what.anything())
        database_.execute("UPDATE smfs SET erasing = 1");
}

void Store::commit_wipe(const StoredWipe &wiped, const std::function<void()> &change) {
    Transaction transaction(database_);
    wipe_rows(wiped);
    change();
    transaction.commit();
}

void Store::change_and_wipe(const StoredWipe &wiped, const std::function<void()> &change) {
    const std::scoped_lock lock(mutex_);
    try {
        commit_wipe(wiped, change);
    } catch (const Error &error) {
        if (error.status() != K7_ST_STORE_FULL || !wiped.what.anything() || !reserve_.give())
            throw;
        commit_wipe(wiped, change);
    }
    if (wiped.what.anything())
        finish_erase();
}

bool Store::erase_unfinished() {
    const std::scoped_lock lock(mutex_);
    return erase_unfinished_;
}

// Also called when the store is opened, for an erase that a power cut or a full disk interrupted after its first step.
void Store::finish_erase() {
    auto row = database_.prepare("SELECT erasing FROM smfs");
    erase_unfinished_ = row.step() && row.integer(0) != 0;
    if (!erase_unfinished_)
        return;
    row.reset(); // it would keep VACUUM out
    try {
        database_.execute("VACUUM");
        Transaction done(database_);
        database_.execute("UPDATE smfs SET erasing = 0");
        done.commit();
        erase_unfinished_ = false;
    } catch (const Error &error) {
        if (error.status() != K7_ST_STORE_FULL)
            throw;
    }
    reserve_.take();
}

} // namespace k7::card
