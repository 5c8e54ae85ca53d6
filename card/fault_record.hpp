// SPDX-License-Identifier: GPL-2.0-or-later
//
// How a fault gets on record, whoever found it.
#pragma once

#include "card/context.hpp"

namespace k7::card {

/// Number @p report, date it and keep it: committed before anyone can see what it explains. @return its sequence
/// @throws Error
std::uint32_t record_fault(Context &card, k7_fault_report report);

} // namespace k7::card
