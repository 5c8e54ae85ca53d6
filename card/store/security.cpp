// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who may administer the card, and its policies. Each change with all that it wipes is one transaction: a power cut
// leaves nothing half wiped.
#include <algorithm>

#include "card/store/store.hpp"

namespace k7::card {
namespace {

// The rows are there from the start, so that a full store still counts failed logins.
constexpr const char *kSecuritySchema = R"sql(
CREATE TABLE hsm(id INTEGER PRIMARY KEY CHECK (id = 1), initialised INTEGER NOT NULL, label TEXT NOT NULL,
    salt BLOB NOT NULL, cost INTEGER NOT NULL, verifier BLOB NOT NULL, failures INTEGER NOT NULL,
    decommissioned INTEGER NOT NULL, fms_were_allowed INTEGER NOT NULL, was_initialised INTEGER NOT NULL);
INSERT INTO hsm VALUES (1, 0, '', x'', 0, x'', 0, 0, 0, 0);
CREATE TABLE policy(number INTEGER PRIMARY KEY, value INTEGER NOT NULL);
)sql";

template <std::size_t Size>
void copy_to(std::array<std::byte, Size> &to, const Bytes &from) {
    std::copy_n(from.begin(), std::min(from.size(), Size), to.begin());
}

void put_credentials(Database &database, const Credentials &credentials) {
    database.prepare("UPDATE hsm SET salt = ?, cost = ?, verifier = ?, failures = 0")
        .bind(0, std::span<const std::byte>(credentials.salt))
        .bind(1, credentials.cost_log2)
        .bind(2, std::span<const std::byte>(credentials.verifier))
        .run();
}

} // namespace

void Store::put_policy(std::uint32_t number, std::uint32_t value) {
    database_.prepare("UPDATE policy SET value = ? WHERE number = ?").bind(0, value).bind(1, number).run();
    if (number == K7_POLICY_FM && value != 0)
        database_.execute("UPDATE hsm SET fms_were_allowed = 1");
}

// Stores of versions without roles get them: such a card is not initialised.
void Store::create_security() {
    const std::scoped_lock lock(mutex_);
    auto there = database_.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'hsm'");
    const bool exists = there.step() && there.integer(0) != 0;
    there = database_.prepare("SELECT 1"); // ends the read
    Transaction transaction(database_);
    if (!exists)
        database_.execute(kSecuritySchema);
    for (const PolicyRule &rule : kPolicies)
        database_.prepare("INSERT OR IGNORE INTO policy VALUES (?, ?)")
            .bind(0, rule.number)
            .bind(1, rule.initial)
            .run();
    transaction.commit();
}

Security Store::security() {
    const std::scoped_lock lock(mutex_);
    auto row = database_.prepare("SELECT initialised, label, salt, cost, verifier, failures, decommissioned, "
                                 "fms_were_allowed, was_initialised FROM hsm");
    if (!row.step())
        throw StoreError("the card's store does not say who administers it");
    Security security;
    security.initialised = row.integer(0) != 0;
    security.label = row.text(1);
    copy_to(security.credentials.salt, row.blob(2));
    security.credentials.cost_log2 = row.word(3);
    copy_to(security.credentials.verifier, row.blob(4));
    security.failures = row.word(5);
    security.decommissioned = row.integer(6) != 0;
    security.fms_were_allowed = row.integer(7) != 0;
    security.was_initialised = row.integer(8) != 0;
    auto policies = database_.prepare("SELECT number, value FROM policy");
    while (policies.step())
        security.policies[policies.word(0)] = policies.word(1);
    return security;
}

void Store::initialise(const std::string &label, const Credentials &credentials, bool allow_fms,
                       const StoredWipe &wiped) {
    change_and_wipe(wiped, [&] {
        put_credentials(database_, credentials);
        database_.prepare("UPDATE hsm SET initialised = 1, was_initialised = 1, decommissioned = 0, label = ?")
            .bind(0, std::string_view(label))
            .run();
        if (allow_fms)
            put_policy(K7_POLICY_FM, 1);
    });
}

void Store::set_credentials(const Credentials &credentials) {
    change_and_wipe({}, [&] { put_credentials(database_, credentials); });
}

void Store::set_policy(std::uint32_t number, std::uint32_t value, const StoredWipe &wiped) {
    change_and_wipe(wiped, [&] { put_policy(number, value); });
}

std::uint32_t Store::count_login_failure() {
    change_and_wipe({}, [&] { database_.execute("UPDATE hsm SET failures = failures + 1"); });
    return security().failures;
}

void Store::forgive_login_failures() {
    change_and_wipe({}, [&] { database_.execute("UPDATE hsm SET failures = 0"); });
}

void Store::wipe(const StoredWipe &wiped) {
    change_and_wipe(wiped, [] {});
}

} // namespace k7::card
