// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fault_record.hpp"

namespace k7::card {

std::uint32_t record_fault(Context &card, k7_fault_report report, const Store::SealCore &seal) {
    report.time = card_time();
    report.generation = card.registers.status().generation;
    const std::uint32_t sequence = card.store.add_fault_report(report, seal);
    card.registers.set_fault_sequence(sequence);
    ++card.faults_since_power_on;
    return sequence;
}

} // namespace k7::card
