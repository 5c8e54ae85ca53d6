// SPDX-License-Identifier: GPL-2.0-or-later
//
// How a fault gets on record, whoever found it.
#pragma once

#include "card/context.hpp"

namespace k7::card {

/// Number @p report, date it and keep it, with the core of @p seal if there is one: committed before anyone can see
/// what it explains. @return its sequence
/// @throws Error
std::uint32_t record_fault(Context &card, k7_fault_report report, const Store::SealCore &seal = {});

} // namespace k7::card
