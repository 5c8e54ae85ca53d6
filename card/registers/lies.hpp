// SPDX-License-Identifier: GPL-2.0-or-later
//
// A card that lies in its registers and its mailbox, so that drivers can be tested against one.
#pragma once

#include <cstdint>
#include <span>

#include "card/faults.hpp"
#include "card/registers/mailbox_registers.hpp"
#include "card/registers/ring_registers.hpp"

namespace k7::card {

/// What a read of the register at @p offset gives whose value is @p value.
[[nodiscard]] std::uint32_t falsify_register(Faults &faults, std::uint32_t offset, std::uint32_t value);

/// Spoil the answer that was just put into @p mailbox.
void falsify_answer(Faults &faults, MailboxRegisters &mailbox);

/// Called before @p value is written to the register at @p offset: a ring that this disables may get stuck.
void stick_ring(Faults &faults, std::span<RingRegisters> rings, std::uint32_t offset, std::uint32_t value);

} // namespace k7::card
