// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/boot_loader/boot_loader.hpp"

#include <algorithm>
#include <openssl/crypto.h>

#include "card/fault_record.hpp"

namespace k7::card {

using Clock = Registers::Clock;

BootLoader::BootLoader(Context &card) : card_(card), storm_(card), power_on_(Clock::now()) {
    card_.registers.call_boot_loader(kReset);
    thread_ = std::thread([this] { run(); });
}

BootLoader::~BootLoader() {
    card_.registers.call_boot_loader(kQuit);
    thread_.join();
}

// Registers first: when this returns the bus must see a card that was reset. The rest is the thread's work.
void BootLoader::reset(k7card_reset_kind kind) {
    if (kind == K7CARD_RESET_POWER) {
        cold_ = true;
        card_.faults.clear();
        power_on_ = Clock::now();
        card_.resets_since_power_on = 0;
        card_.faults_since_power_on = 0;
    } else {
        ++card_.resets_since_power_on;
    }
    card_.registers.reset(K7_BOOT_MODE_OPERATIONAL, false);
}

void BootLoader::run() {
    card_.bus.thread_start();
    while (true) {
        const Registers::BootCall call = card_.registers.wait_boot(next_look());
        if (call.attention & kQuit)
            break;
        try {
            look(call);
        } catch (const StoreError &error) {
            store_failed(error.what(), call.ticket);
        } catch (const std::exception &error) { // no memory, no thread: the card cannot go on by itself
            card_.bus.log(K7CARD_LOG_ERROR, std::string("the boot loader failed: ") + error.what());
            card_.registers.change_state(call.ticket, K7_STATE_FAILED, K7_REASON_HARDWARE);
        }
    }
    firmware_.reset();
    card_.bus.thread_stop();
}

std::optional<Clock::time_point> BootLoader::next_look() {
    auto next = storm_.blow();
    if (firmware_ && !firmware_->ended()) {
        const Clock::time_point tick = Clock::now() + card_.options.watchdog_tick();
        next = next ? std::min(*next, tick) : tick;
    }
    return next;
}

// A reset that comes in meanwhile makes the ticket, and so what is done here, worthless; the next round does it anew.
void BootLoader::look(const Registers::BootCall &call) {
    if (call.attention & kReset)
        restart(call.ticket);
    if (call.attention & kFaults) {
        card_.registers.call_firmware(); // the firmware may have to hang, or to go on
        check_hardware(call.ticket);
        storm_.begin();
    }
    if (call.attention & kMailbox)
        serve_mailbox(call.ticket);
    check_watchdog(call.ticket);
}

void BootLoader::restart(Gate::Ticket ticket) {
    const k7_boot_mode mode = card_.registers.reset_mode();
    firmware_.reset();
    if (cold_.exchange(false))
        card_.fm_log = {};
    if (card_.faults.active(FaultKind::HardwareFailed))
        card_.registers.change_state(ticket, K7_STATE_FAILED, K7_REASON_HARDWARE);
    else if (mode == K7_BOOT_MODE_STAY)
        card_.registers.change_state(ticket, K7_STATE_BOOT, K7_REASON_STOPPED);
    else
        start_firmware(mode, ticket);
    boot_mode_ = mode;
}

void BootLoader::start_firmware(k7_boot_mode mode, Gate::Ticket ticket) {
    if (!card_.registers.change_state(ticket, K7_STATE_BOOT, K7_REASON_NONE))
        return;
    firmware_.reset();
    finish_zeroize(card_.store, card_.smfs);
    card_.registers.next_generation();
    last_heartbeat_ = card_.registers.heartbeat();
    last_tick_ = Clock::now();
    missed_ticks_ = 0;
    boot_mode_ = mode;
    firmware_ = std::make_unique<Firmware>(card_, mode, ticket);
}

void BootLoader::stop_firmware() {
    firmware_.reset();
}

void BootLoader::check_hardware(Gate::Ticket ticket) {
    if (!card_.faults.active(FaultKind::HardwareFailed) || card_.registers.status().state == K7_STATE_FAILED)
        return;
    card_.registers.change_state(ticket, K7_STATE_FAILED, K7_REASON_HARDWARE);
    stop_firmware();
}

// Counts ticks that this thread has seen pass without a beat and does not compare times: when the whole process was
// stopped for a while, the firmware did not stand still, the world did.
void BootLoader::check_watchdog(Gate::Ticket ticket) {
    if (!firmware_ || firmware_->ended())
        return;
    const Clock::time_point now = Clock::now();
    const std::uint32_t heartbeat = card_.registers.heartbeat();
    if (heartbeat != last_heartbeat_ || firmware_->in_long_work()) {
        last_heartbeat_ = heartbeat;
        last_tick_ = now;
        missed_ticks_ = 0;
    } else if (now - last_tick_ >= card_.options.watchdog_tick()) {
        last_tick_ = now;
        if (++missed_ticks_ * card_.options.watchdog_tick() >= card_.options.watchdog)
            halt_hung_firmware(ticket);
    }
}

void BootLoader::halt_hung_firmware(Gate::Ticket ticket) {
    if (ticket != card_.registers.ticket())
        return; // a reset has just ended it
    card_.bus.log(K7CARD_LOG_ERROR, "watchdog: the firmware does not answer, it is halted");
    try {
        k7_fault_report report{};
        report.cause = K7_FAULT_WATCHDOG;
        record_fault(card_, report);
        card_.registers.change_state(ticket, K7_STATE_HALTED, K7_REASON_WATCHDOG, K7_EVENT_FAULT);
        stop_firmware();
    } catch (const Error &error) {
        store_failed(error.what(), ticket);
    }
}

void BootLoader::store_failed(const std::string &why, Gate::Ticket ticket) {
    card_.bus.log(K7CARD_LOG_ERROR, why);
    card_.registers.change_state(ticket, K7_STATE_FAILED, K7_REASON_STORE);
    stop_firmware();
}

void BootLoader::serve_mailbox(Gate::Ticket ticket) {
    if (const auto command = card_.registers.mailbox_command(ticket))
        serve(*command, ticket);
}

void BootLoader::serve(const MailboxCommand &command, Gate::Ticket ticket) {
    const auto text_of = [](const std::exception &error) {
        const std::string_view text = error.what();
        return std::as_bytes(std::span(text));
    };
    try {
        Bytes reply = execute(command, ticket);
        card_.registers.answer_mailbox(ticket, K7_ST_OK, reply);
        OPENSSL_cleanse(reply.data(), reply.size()); // a piece of a core may be secret
        if (command.opcode == K7_BOOT_RESET) {
            ++card_.resets_since_power_on;
            card_.registers.reset(static_cast<k7_boot_mode>(command.args[0]), true);
        }
    } catch (const StoreError &error) {
        card_.registers.answer_mailbox(ticket, error.status(), text_of(error));
        store_failed(error.what(), ticket);
    } catch (const Error &error) {
        card_.registers.answer_mailbox(ticket, error.status(), text_of(error));
    } catch (const std::exception &error) {
        card_.registers.answer_mailbox(ticket, K7_ST_INTERNAL, text_of(error));
    }
}

} // namespace k7::card
