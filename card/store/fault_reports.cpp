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

std::uint32_t Store::add_fault_report(k7_fault_report report) {
    const std::scoped_lock lock(mutex_);
    Transaction transaction(database_);
    report.version = K7_FAULT_REPORT_VERSION;
    report.sequence = last_sequence(database_) + 1;
    database_.prepare("UPDATE fault_report SET sequence = ?, report = ? WHERE slot = ?")
        .bind(0, report.sequence)
        .bind(1, std::as_bytes(std::span(&report, 1)))
        .bind(2, report.sequence % kFaultReports)
        .run();
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

} // namespace k7::card
