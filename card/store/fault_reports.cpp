// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cstring>

#include "card/store/store.hpp"

namespace k7::card {

static_assert(sizeof(k7_fault_report) == 640);

namespace {

std::uint32_t last_sequence(Database &database) {
    auto last = database.prepare("SELECT max(sequence) FROM fault_report");
    last.step();
    return last.word(0);
}

} // namespace

std::uint32_t Store::last_fault_sequence() {
    const std::scoped_lock lock(mutex_);
    return last_sequence(database_);
}

// A full store still takes the report, whose row is there from the start.
std::uint32_t Store::add_fault_report(k7_fault_report report, const SealCore &seal) {
    const std::scoped_lock lock(mutex_);
    try {
        return write_fault_report(report, seal);
    } catch (const Error &error) {
        if (!seal || error.status() != K7_ST_STORE_FULL)
            throw;
        return write_fault_report(report, {});
    }
}

std::uint32_t Store::write_fault_report(k7_fault_report report, const SealCore &seal) {
    Transaction transaction(database_);
    report.version = K7_FAULT_REPORT_VERSION;
    report.sequence = last_sequence(database_) + 1;
    database_.prepare("UPDATE fault_report SET sequence = ?, report = ? WHERE slot = ?")
        .bind(0, report.sequence)
        .bind(1, std::as_bytes(std::span(&report, 1)))
        .bind(2, report.sequence % kFaultReports)
        .run();
    if (seal) {
        database_.prepare("DELETE FROM fault_core WHERE sequence <= ?")
            .bind(0, std::int64_t{report.sequence} - kFaultCores)
            .run();
        database_.prepare("INSERT INTO fault_core VALUES (?, ?, ?)")
            .bind(0, report.sequence)
            .bind(1, report.fm_id)
            .bind(2, seal(report.sequence))
            .run();
    }
    transaction.commit();
    return report.sequence;
}

std::optional<k7_fault_report> Store::fault_report(std::uint32_t sequence) {
    const std::scoped_lock lock(mutex_);
    auto query = database_.prepare("SELECT report FROM fault_report WHERE sequence > 0 AND (sequence = ?1 OR ?1 = 0) "
                                   "ORDER BY sequence DESC LIMIT 1");
    query.bind(0, sequence);
    if (!query.step())
        return std::nullopt;
    const Bytes bytes = query.blob(0);
    k7_fault_report report{};
    std::memcpy(&report, bytes.data(), std::min(bytes.size(), sizeof(report)));
    return report;
}

std::optional<StoredCore> Store::fault_core(std::uint32_t sequence) {
    const std::scoped_lock lock(mutex_);
    auto query = database_.prepare("SELECT sequence, sealed FROM fault_core WHERE sequence = ?1 OR ?1 = 0 "
                                   "ORDER BY sequence DESC LIMIT 1");
    query.bind(0, sequence);
    if (!query.step())
        return std::nullopt;
    return StoredCore{query.word(0), query.blob(1)};
}

} // namespace k7::card
