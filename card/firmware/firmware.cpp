// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/firmware/firmware.hpp"

#include <algorithm>
#include <openssl/crypto.h>

namespace k7::card {
namespace {

/// Payloads are secrets of the host and its FMs: bounce buffers are wiped on every way out.
struct Wipe {
    std::span<std::byte> bytes;
    ~Wipe() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

bool all_zero(std::span<const std::uint32_t> words) {
    return std::all_of(words.begin(), words.end(), [](std::uint32_t word) { return word == 0; });
}

// Everything of a submission but its payloads; the copy that was fetched, so nobody changes it meanwhile.
void check_submission(const k7_sqe &sqe, const CommandEntry &entry, bool operational) {
    if (sqe.flags != 0 || !all_zero(sqe.reserved))
        throw Error(K7_ST_BAD_FIELD, "reserved fields of the submission are not 0");
    if (sqe.channel > K7_CHANNEL_MAX)
        throw Error(K7_ST_BAD_FIELD, "channel " + std::to_string(sqe.channel) + " does not exist");
    if (sqe.in_len < entry.in_min || sqe.in_len > entry.in_max)
        throw Error(K7_ST_BAD_LENGTH, std::string(entry.name) + " takes " + std::to_string(entry.in_min) + " to " +
                                          std::to_string(entry.in_max) + " bytes, not " + std::to_string(sqe.in_len));
    if (entry.needs_operational && !operational)
        throw Error(K7_ST_BAD_STATE, std::string(entry.name) + " needs an operational card");
}

} // namespace

Firmware::Firmware(Context &card, k7_boot_mode mode, Gate::Ticket ticket)
    : card_(card), mode_(mode), event_ticket_(ticket), firmware_ticket_(card.bus.firmware_gate().ticket()),
      rings_(card, firmware_ticket_), smfs_(card.store), fms_(card, smfs_, kill_), request_buffer_(K7_PAYLOAD_MAX),
      reply_buffer_(K7_PAYLOAD_MAX) {
    thread_ = std::thread([this] { run(); });
}

Firmware::~Firmware() {
    kill_ = true;
    card_.registers.ring_doorbell();
    thread_.join();
}

void Firmware::run() {
    card_.bus.thread_start();
    try {
        start_up();
        serve();
    } catch (const FmKilled &) {
        // The boot loader wants the firmware to end.
    } catch (const FmFault &fault) {
        halt(K7_REASON_FM_FAULT, fault.report);
    } catch (const StoreError &error) {
        store_failed(error.what());
    } catch (const std::exception &error) {
        card_.bus.log(K7CARD_LOG_ERROR, std::string("the firmware failed: ") + error.what());
        k7_fault_report report{};
        report.cause = K7_FAULT_FIRMWARE;
        halt(K7_REASON_FIRMWARE, report);
    }
    card_.smfs_active = false;
    ended_ = true;
    card_.bus.thread_stop();
}

void Firmware::start_up() {
    const LongWork work(*this);
    smfs_.activate();
    card_.smfs_active = true;
    if (mode_ == K7_BOOT_MODE_OPERATIONAL)
        fms_.start_all();
    const k7_state state = mode_ == K7_BOOT_MODE_MAINTENANCE ? K7_STATE_MAINTENANCE : K7_STATE_OPERATIONAL;
    card_.registers.change_state(event_ticket_, firmware_ticket_, state, K7_REASON_NONE, 0);
}

void Firmware::serve() {
    const auto tick = card_.options.watchdog_tick();
    std::uint64_t doorbell = 0;
    while (!kill_) {
        if (card_.faults.active(FaultKind::Hang)) {
            card_.registers.wait_doorbell(card_.registers.doorbells(), Registers::Clock::now() + tick);
            continue;
        }
        card_.registers.beat();
        if (const std::uint64_t rang = card_.registers.doorbells(); rang != doorbell) {
            doorbell = rang;
            rings_.fetch();
        }
        if (const auto request = rings_.next()) {
            execute(*request);
            continue;
        }
        rings_.flush();
        card_.registers.wait_doorbell(doorbell, Registers::Clock::now() + tick);
    }
}

void Firmware::execute(const Request &request) {
    const std::size_t room = std::min<std::size_t>(request.sqe.out_len, K7_PAYLOAD_MAX);
    const Wipe wipe{std::span(reply_buffer_).first(room)};
    Reply reply{std::span(reply_buffer_).first(room)};
    Completion completion;
    std::optional<StoreError> store_error;
    try {
        run_command(request, reply);
    } catch (const StoreError &error) {
        completion.status = error.status();
        reply.set_text(error.what());
        store_error = error;
    } catch (const Error &error) {
        completion.status = error.status();
        reply.set_text(error.what());
    }
    completion.result = reply.result;
    completion.out_len = static_cast<std::uint32_t>(reply.bytes().size());
    if (completion.out_len != 0 && rings_.write_payload(request, reply.bytes()) != Dma::Done)
        completion = {.status = K7_ST_DMA_ERROR, .result = 0, .out_len = 0};
    rings_.complete(request, completion);
    if (store_error) {
        rings_.flush();
        throw *store_error;
    }
}

// A fault. The firmware lives meanwhile, and can be stopped.
void Firmware::play_slow() {
    const std::chrono::milliseconds time(card_.faults.number(FaultKind::Slow));
    if (time.count() == 0)
        return;
    rings_.flush();
    const auto tick = card_.options.watchdog_tick();
    const auto end = Registers::Clock::now() + time;
    for (auto now = Registers::Clock::now(); now < end && !kill_ && card_.faults.active(FaultKind::Slow);
         now = Registers::Clock::now()) {
        card_.registers.beat();
        card_.registers.wait_doorbell(card_.registers.doorbells(), std::min(end, now + tick));
    }
}

void Firmware::run_command(const Request &request, Reply &reply) {
    if (request.aborted)
        throw Error(K7_ST_ABORTED, "aborted by the driver");
    play_slow();
    const k7_sqe &sqe = request.sqe;
    const CommandEntry &entry = find_command(sqe.opcode);
    if (sqe.out_len > K7_PAYLOAD_MAX)
        throw Error(K7_ST_BAD_LENGTH, "room for a reply of " + std::to_string(sqe.out_len) + " bytes is too much");
    check_submission(sqe, entry, mode_ == K7_BOOT_MODE_OPERATIONAL);
    const Wipe wipe{std::span(request_buffer_).first(sqe.in_len)};
    entry.handler(*this, {sqe.channel, request.aborting, std::span(sqe.arg), read_request(request), reply});
}

std::span<const std::byte> Firmware::read_request(const Request &request) {
    const auto payload = std::span(request_buffer_).first(request.sqe.in_len);
    if (!payload.empty() && rings_.read_payload(request, payload) != Dma::Done)
        throw Error(K7_ST_DMA_ERROR, "the request payload cannot be read");
    return payload;
}

// The report is committed before anyone can see the new state, so that whoever sees it finds the report.
void Firmware::halt(k7_reason reason, k7_fault_report report) {
    try {
        report.time = card_time();
        report.generation = card_.registers.status().generation;
        card_.registers.set_fault_sequence(card_.store.add_fault_report(report));
        ++card_.faults_since_power_on;
        card_.registers.change_state(event_ticket_, firmware_ticket_, K7_STATE_HALTED, reason, K7_EVENT_FAULT);
    } catch (const Error &error) {
        store_failed(error.what());
    }
}

void Firmware::store_failed(const std::string &why) {
    card_.bus.log(K7CARD_LOG_ERROR, why);
    card_.registers.change_state(event_ticket_, firmware_ticket_, K7_STATE_FAILED, K7_REASON_STORE, 0);
}

} // namespace k7::card
