// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/registers/registers.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>

#include "card/k7card.h"
#include "card/registers/lies.hpp"

namespace k7::card {

static_assert(K7CARD_REG_INTX == K7_REG_INTX);
static_assert(std::endian::native == std::endian::little, "registers and rings are little endian");

namespace {

constexpr std::uint32_t kRingBytes = K7_REG_RING(1) - K7_REG_RING(0);

std::string at_offset(const char *what, std::uint64_t offset) {
    char text[96];
    std::snprintf(text, sizeof(text), "%s at offset 0x%llx", what, static_cast<unsigned long long>(offset));
    return text;
}

bool is_ring(std::uint32_t offset) {
    return offset >= K7_REG_RING(0) && offset < K7_REG_RING(K7_RING_MAX);
}
bool is_mailbox_arg(std::uint32_t offset) {
    return offset >= K7_REG_MB_ARG(0) && offset < K7_REG_MB_ARG(4);
}

} // namespace

std::string_view state_name(std::uint32_t state) {
    constexpr std::array<std::string_view, 8> kNames{"unknown",     "boot",   "operational", "pre-init",
                                                     "maintenance", "halted", "failed",      "tampered"};
    return kNames[state < kNames.size() ? state : 0];
}

// ---- The bus --------------------------------------------------------------------------------------------------------

std::uint32_t Registers::read(std::uint64_t offset, unsigned size) {
    if (faults_.link_down())
        return 0xffffffff;
    if (size != 4 || offset % 4 != 0 || offset >= K7_BAR0_BYTES) {
        bus_.guest_error(at_offset("read that is not an aligned 32-bit word of BAR0", offset));
        return 0;
    }
    std::string guest_error;
    std::uint32_t value = 0;
    {
        const std::scoped_lock lock(mutex_);
        value = read_locked(static_cast<std::uint32_t>(offset), guest_error);
    }
    if (!guest_error.empty())
        bus_.guest_error(guest_error);
    return falsify_register(faults_, static_cast<std::uint32_t>(offset), value);
}

std::uint32_t Registers::read_locked(std::uint32_t offset, std::string &guest_error) const {
    if (is_ring(offset))
        return rings_[(offset - K7_REG_RING(0)) / kRingBytes].read(offset % kRingBytes);
    if (const auto value = read_identity(offset))
        return *value;
    if (const auto value = read_mailbox(offset))
        return *value;
    guest_error = at_offset("read of an unknown register", offset);
    return 0;
}

std::optional<std::uint32_t> Registers::read_identity(std::uint32_t offset) const {
    switch (offset) {
    case K7_REG_MAGIC:
        return K7_MAGIC;
    case K7_REG_VERSION:
        return K7_VERSION;
    case K7_REG_FEATURES:
        return features_;
    case K7_REG_STATE:
        return status_.reason << 8 | status_.state;
    case K7_REG_GENERATION:
        return status_.generation;
    case K7_REG_FAULT_SEQUENCE:
        return status_.fault_sequence;
    case K7_REG_LIMITS:
        return K7_RING_ENTRIES_MAX_LOG2 << 8 | K7_RING_MAX;
    case K7_REG_PAYLOAD_MAX:
        return K7_PAYLOAD_MAX;
    case K7_REG_CHANNEL_MAX:
        return K7_CHANNEL_MAX;
    case K7_REG_HEARTBEAT:
        return heartbeat_.load();
    case K7_REG_BULK_MAX:
        return K7_BULK_MAX;
    case K7_REG_EVENT_STATUS:
        return event_status_;
    case K7_REG_EVENT_MASK:
        return event_mask_;
    case K7_REG_INTX: // the host of the card has the line, and the answer
        return 0;
    default:
        break;
    }
    if (offset < K7_REG_ESN || offset >= K7_REG_ESN + K7_ESN_SIZE)
        return std::nullopt;
    std::uint32_t word = 0;
    std::memcpy(&word, esn_.data() + (offset - K7_REG_ESN), sizeof(word));
    return word;
}

std::optional<std::uint32_t> Registers::read_mailbox(std::uint32_t offset) const {
    if (offset >= K7_REG_MB_DATA && offset < K7_REG_MB_DATA + K7_MB_DATA_BYTES)
        return mailbox_.data(offset - K7_REG_MB_DATA);
    if (is_mailbox_arg(offset))
        return mailbox_.arg((offset - K7_REG_MB_ARG(0)) / 4);
    switch (offset) {
    case K7_REG_MB_COMMAND:
        return 0;
    case K7_REG_MB_STATUS:
        return mailbox_.status();
    case K7_REG_MB_LENGTH:
        return mailbox_.length();
    default:
        return std::nullopt;
    }
}

void Registers::write(std::uint64_t offset, std::uint32_t value, unsigned size) {
    if (faults_.link_down())
        return;
    if (size != 4 || offset % 4 != 0 || offset >= K7_BAR0_BYTES)
        return bus_.guest_error(at_offset("write that is not an aligned 32-bit word of BAR0", offset));
    Effects effects;
    Gate::Ticket event_ticket = 0;
    Gate::Ticket firmware_ticket = 0;
    {
        const std::scoped_lock lock(mutex_);
        write_locked(static_cast<std::uint32_t>(offset), value, effects);
        event_ticket = ticket();
        firmware_ticket = bus_.firmware_gate().ticket();
    }
    if (!effects.guest_error.empty())
        bus_.guest_error(effects.guest_error);
    if (effects.boot_loader)
        boot_wake_.notify_one();
    if (effects.call_firmware)
        firmware_wake_.notify_one();
    if (effects.interrupt)
        bus_.event_interrupt(event_ticket);
    if (effects.ring_vector)
        bus_.completion_interrupt(firmware_ticket, *effects.ring_vector);
    if (effects.server)
        end_doorbell(effects.server->serve_doorbell());
}

void Registers::write_locked(std::uint32_t offset, std::uint32_t value, Effects &effects) {
    stick_ring(faults_, rings_, offset, value);
    if (is_ring(offset)) {
        write_ring(offset, value, effects);
    } else if (offset == K7_REG_EVENT_STATUS) {
        if ((event_status_ & value) == 0 || !faults_.take(FaultKind::StormEvents))
            event_status_ &= ~value;
        effects.interrupt = (event_status_ & event_mask_) != 0;
    } else if (offset == K7_REG_EVENT_MASK) {
        event_mask_ = value & K7_EVENT_ALL;
        effects.interrupt = (event_status_ & event_mask_) != 0;
    } else {
        write_mailbox(offset, value, effects);
    }
}

void Registers::write_ring(std::uint32_t offset, std::uint32_t value, Effects &effects) {
    const unsigned index = (offset - K7_REG_RING(0)) / kRingBytes;
    const std::uint32_t reg = offset % kRingBytes;
    RingRegisters &ring = rings_[index];
    effects.guest_error = ring.write(reg, value, firmware_state(status_.state));
    if (!effects.guest_error.empty())
        return;
    if (reg == K7_RING_DOORBELL && ring.armed && ring.take_interrupt())
        effects.ring_vector = ring.vector;
    const bool is_doorbell = reg == K7_RING_DOORBELL || reg == K7_RING_SQ_TAIL || reg == K7_RING_CQ_HEAD;
    if (is_doorbell || reg == K7_RING_CONTROL)
        rang_locked(index, is_doorbell && ring.submissions() != 0 && ring.completion_room() != 0, effects);
}

// Either the thread is parked, then it has nothing to do and the ringing thread serves; or it is called, and finds the
// ring's bit before it parks.
void Registers::rang_locked(unsigned index, bool anything_to_do, Effects &effects) {
    rung_ |= 1u << index;
    if (!anything_to_do)
        return;
    if (server_ != nullptr && serving_ == Serving::Nobody && !firmware_called_) {
        serving_ = Serving::Doorbell;
        effects.server = server_;
    } else {
        firmware_called_ = effects.call_firmware = true;
    }
}

void Registers::end_doorbell(bool work_is_left) {
    bool wake = false;
    {
        const std::scoped_lock lock(mutex_);
        serving_ = Serving::Nobody;
        firmware_called_ |= work_is_left;
        wake = firmware_called_ || thread_waits_;
    }
    if (wake)
        firmware_wake_.notify_one();
}

void Registers::write_mailbox(std::uint32_t offset, std::uint32_t value, Effects &effects) {
    if (offset != K7_REG_MB_COMMAND && !is_mailbox_arg(offset)) {
        effects.guest_error = at_offset("write to a register that is read only or unknown", offset);
    } else if (mailbox_.busy()) {
        effects.guest_error = at_offset("write to the mailbox while it is busy", offset);
    } else if (is_mailbox_arg(offset)) {
        mailbox_.set_arg((offset - K7_REG_MB_ARG(0)) / 4, value);
    } else {
        mailbox_.begin(value);
        attention_ |= kMailbox;
        effects.boot_loader = true;
    }
}

// ---- State and events -----------------------------------------------------------------------------------------------

void Registers::set_identity(std::string_view esn, std::uint32_t fault_sequence, std::uint32_t features) {
    const std::scoped_lock lock(mutex_);
    features_ = features;
    std::copy_n(esn.begin(), std::min(esn.size(), esn_.size()), esn_.begin());
    status_.fault_sequence = fault_sequence;
}

Status Registers::status() const {
    const std::scoped_lock lock(mutex_);
    return status_;
}

bool Registers::raise_locked(std::uint32_t events) {
    event_status_ |= events;
    return (events & event_mask_) != 0;
}

void Registers::raise(std::uint32_t events) {
    bool interrupt = false;
    Gate::Ticket event_ticket = 0;
    {
        const std::scoped_lock lock(mutex_);
        interrupt = raise_locked(events);
        event_ticket = ticket();
    }
    if (interrupt)
        bus_.event_interrupt(event_ticket);
}

bool Registers::change_state(Gate::Ticket event_ticket, k7_state state, k7_reason reason, std::uint32_t events) {
    bool changed = false;
    bool interrupt = false;
    const auto change = [&] {
        const std::scoped_lock lock(mutex_);
        const bool stops = !firmware_state(state);
        if (event_ticket != ticket())
            return;
        changed = true;
        if (stops)
            bus_.firmware_gate().revoke();
        const bool differs = status_.state != state || status_.reason != reason;
        status_.state = state;
        status_.reason = reason;
        if (stops)
            std::for_each(rings_.begin(), rings_.end(), [](RingRegisters &ring) { ring.disable(); });
        interrupt = raise_locked(events | (differs ? K7_EVENT_STATE : 0));
    };
    // Firmware that starts has drawn its ticket already; firmware that ends must lose it before anyone can see it.
    if (firmware_state(state))
        change();
    else
        bus_.firmware_gate().turn(change);
    if (interrupt)
        bus_.event_interrupt(event_ticket);
    return changed;
}

bool Registers::change_state(Gate::Ticket event_ticket, Gate::Ticket firmware, k7_state state, k7_reason reason,
                             std::uint32_t events) {
    bool changed = false;
    bus_.firmware_gate().pass(firmware, [&] { changed = change_state(event_ticket, state, reason, events); });
    return changed;
}

void Registers::set_fault_sequence(std::uint32_t sequence) {
    const std::scoped_lock lock(mutex_);
    status_.fault_sequence = sequence;
}

void Registers::next_generation() {
    const std::scoped_lock lock(mutex_);
    ++status_.generation;
}

// ---- Boot loader ----------------------------------------------------------------------------------------------------

void Registers::reset(k7_boot_mode mode, bool keep_mailbox) {
    bus_.event_gate().turn([&] {
        bus_.firmware_gate().turn([&] {
            // Whoever draws a ticket under this mutex either sees the registers of before and finds it worthless, or
            // sees them reset.
            const std::scoped_lock lock(mutex_);
            bus_.event_gate().revoke();
            bus_.firmware_gate().revoke();
            reset_mode_ = mode;
            reset_locked(keep_mailbox);
        });
    });
    bus_.forgive_guest();
    boot_wake_.notify_one();
}

void Registers::reset_locked(bool keep_mailbox) {
    status_.state = K7_STATE_BOOT;
    status_.reason = K7_REASON_NONE;
    ++status_.generation;
    event_status_ = event_mask_ = 0;
    attention_ |= kReset;
    if (!keep_mailbox) {
        mailbox_ = {};
        attention_ &= ~static_cast<unsigned>(kMailbox);
    }
    for (RingRegisters &ring : rings_) {
        const std::uint64_t epoch = ring.epoch + 1;
        const unsigned dma_running = ring.dma_running; // its owner still counts it down
        const bool stuck = ring.stuck && (keep_mailbox || faults_.active(FaultKind::StuckRingForever));
        ring = {};
        ring.stuck = stuck;
        ring.epoch = epoch;
        ring.dma_running = dma_running;
    }
}

k7_boot_mode Registers::reset_mode() const {
    const std::scoped_lock lock(mutex_);
    return reset_mode_;
}

void Registers::call_boot_loader(unsigned attention) {
    {
        const std::scoped_lock lock(mutex_);
        attention_ |= attention;
    }
    boot_wake_.notify_one();
}

unsigned Registers::attention_locked() const {
    // A boot loader that hangs leaves the command where it is; power off and reset reach it all the same.
    return faults_.active(FaultKind::HangMailbox) ? attention_ & ~static_cast<unsigned>(kMailbox) : attention_;
}

Registers::BootCall Registers::wait_boot(std::optional<Clock::time_point> deadline) {
    std::unique_lock lock(mutex_);
    const auto called = [&] { return attention_locked() != 0; };
    if (deadline)
        boot_wake_.wait_until(lock, *deadline, called);
    else
        boot_wake_.wait(lock, called);
    const unsigned attention = attention_locked();
    attention_ &= ~attention;
    return {attention, ticket()};
}

std::optional<MailboxCommand> Registers::mailbox_command(Gate::Ticket event_ticket) const {
    const std::scoped_lock lock(mutex_);
    return event_ticket == ticket() ? std::optional(mailbox_.command()) : std::nullopt;
}

void Registers::answer_mailbox(Gate::Ticket event_ticket, k7_status status, std::span<const std::byte> reply) {
    bool interrupt = false;
    {
        const std::scoped_lock lock(mutex_);
        if (event_ticket != ticket())
            return;
        mailbox_.end(status, reply);
        falsify_answer(faults_, mailbox_);
        interrupt = raise_locked(K7_EVENT_MAILBOX);
    }
    if (interrupt)
        bus_.event_interrupt(event_ticket);
}

// ---- Firmware -------------------------------------------------------------------------------------------------------

void Registers::attach(DoorbellServer &server) {
    const std::scoped_lock lock(mutex_);
    server_ = &server;
    serving_ = Serving::Thread;
}

void Registers::park(Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    const auto nobody_serves = [&] { return serving_ == Serving::Nobody; };
    serving_ = Serving::Nobody;
    firmware_wake_.wait_until(lock, deadline, [&] { return firmware_called_ && nobody_serves(); });
    thread_waits_ = true;
    firmware_wake_.wait(lock, nobody_serves);
    thread_waits_ = firmware_called_ = false;
    serving_ = Serving::Thread;
}

void Registers::detach() {
    const std::scoped_lock lock(mutex_);
    server_ = nullptr;
    serving_ = Serving::Nobody;
}

void Registers::call_firmware() {
    {
        const std::scoped_lock lock(mutex_);
        firmware_called_ = true;
    }
    firmware_wake_.notify_one();
}

RingRegisters Registers::ring(unsigned index) const {
    const std::scoped_lock lock(mutex_);
    return rings_.at(index);
}

} // namespace k7::card
