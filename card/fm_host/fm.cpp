// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fm_host/fm.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "card/image/cms.hpp"

namespace k7::card {
Fm::Fm(Context &card, Smfs &smfs, StoredFm stored, const std::atomic<bool> &kill)
    : card_(card), stored_(std::move(stored)), kill_(kill),
      services_(card, smfs, {stored_.fm_id, stored_.signer}, kill) {}

// The store is trusted no more than it must be: what has rotted there since the signature was checked does not run.
void Fm::load() {
    Bytes content(sizeof(k7_fm_envelope));
    std::memcpy(content.data(), &stored_.envelope, content.size());
    content.insert(content.end(), stored_.elf.begin(), stored_.elf.end());
    if (sha256(content) != stored_.fingerprint)
        throw Error(K7_ST_IMAGE_SIGNATURE, "an FM in the store differs from what was signed");
    if (card_.smfs.bind_fm(stored_) != stored_.binding)
        throw Error(K7_ST_IMAGE_SIGNATURE,
                    "an FM in the store was not loaded by this card, or as another's: load it again");
    try {
        engine_ = card_.debug.make_engine(stored_.fm_id, stored_.elf, services_, kill_);
    } catch (const fm::ElfError &error) {
        throw Error(K7_ST_IMAGE_ELF, error.what());
    }
}

void Fm::start() {
    startup_ = K7_FM_STARTUP_REFUSED;
    try {
        load();
    } catch (const Error &error) {
        card_.bus.log(K7CARD_LOG_ERROR, error.what());
        startup_value_ = static_cast<std::uint32_t>(error.status());
        stop(K7_FM_STATUS_FAILED, Error(K7_ST_FM_NOT_STARTED, std::string("not started: ") + error.what()));
        return;
    }
    startup_ = K7_FM_STARTUP_FAILED;
    startup_value_ = result_of(K7_FAULT_PHASE_STARTUP, engine_->call(engine_->entry(), {}, card_.options.fm_budget));
    if (startup_value_ != 0) {
        stop(K7_FM_STATUS_FAILED,
             Error(K7_ST_FM_NOT_STARTED, "the FM's start-up function failed with " + std::to_string(startup_value_)));
        return;
    }
    startup_ = K7_FM_STARTUP_OK;
    status_ = K7_FM_STATUS_ENABLED;
}

std::uint32_t Fm::result_of(k7_fault_phase phase, const fm::Outcome &outcome) {
    services_.rethrow_failure();
    switch (outcome.end) {
    case fm::Outcome::End::Returned:
        return outcome.value;
    case fm::Outcome::End::Killed:
        throw FmKilled{};
    case fm::Outcome::End::Faulted:
        throw FmFault{report(phase, outcome),
                      take_core(*engine_, stored_.elf, outcome.fault.address, services_.key_handles())};
    case fm::Outcome::End::Paused:
        break;
    }
    throw std::logic_error("a call into an FM was paused that runs to its end");
}

std::optional<FmReply> Fm::call(std::span<const std::byte> request, std::span<std::byte> reply, std::uint64_t slice) {
    if (refusal_)
        refuse();
    const Dispatch dispatch = services_.dispatch();
    if (dispatch.kind == Dispatch::Kind::None)
        throw Error(K7_ST_FM_NO_HANDLER, "the FM registered no handler in its start-up");
    ++calls_;
    message_.emplace(*engine_, request);
    const std::uint32_t token = services_.begin(request, static_cast<std::uint32_t>(reply.size()));
    const std::array<std::uint32_t, 3> arguments{token, K7_FM_REQUEST_BASE, static_cast<std::uint32_t>(request.size())};
    engine_->begin(dispatch.address, std::span(arguments).first(dispatch.kind == Dispatch::Kind::Random ? 3 : 1),
                   card_.options.fm_budget);
    return resume(reply, slice);
}

// What halts the card takes long and needs the store, so a slice leaves it for later.
std::optional<FmReply> Fm::resume(std::span<std::byte> reply, std::uint64_t slice) {
    const auto bad_end = std::exchange(bad_end_, std::nullopt);
    const fm::Outcome outcome = bad_end ? *bad_end : engine_->resume(slice);
    if (outcome.end == fm::Outcome::End::Paused)
        return std::nullopt;
    if (slice != fm::FmEngine::kToTheEnd && outcome.end != fm::Outcome::End::Returned) {
        bad_end_ = outcome;
        return std::nullopt;
    }
    result_of(K7_FAULT_PHASE_CALL, outcome);
    return take_reply(reply);
}

FmReply Fm::take_reply(std::span<std::byte> reply) {
    const Message message = services_.end();
    const auto bytes = engine_->readable(K7_FM_REPLY_BASE, message.reply_length);
    if (!bytes)
        throw std::logic_error("the reply buffer is not mapped");
    if (message.replied)
        std::copy(bytes->begin(), bytes->end(), reply.begin());
    message_.reset();
    if (!message.replied)
        throw Error(K7_ST_FM_NO_REPLY, "the FM returned without a reply");
    return {message.status, message.reply_length};
}

std::optional<FmTimers::Clock::time_point> Fm::next_timer() {
    return started() ? services_.timers().next() : std::nullopt;
}

void Fm::run_timer(FmTimers::Clock::time_point now) {
    const auto due = services_.timers().take(now);
    if (!due)
        return;
    services_.begin_without_message();
    const std::array<std::uint32_t, 1> arguments{due->timer};
    result_of(K7_FAULT_PHASE_TIMER, engine_->call(due->handler, arguments, card_.options.fm_budget));
}

void Fm::stop(k7_fm_status status, const Error &refusal) {
    status_ = status;
    refusal_ = refusal;
    message_.reset();
    bad_end_.reset();
    engine_.reset();
    services_.give_back();
}

void Fm::isolate(const std::string &fault) {
    stop(K7_FM_STATUS_FAULTED, Error(K7_ST_FM_ISOLATED, fault));
}

void Fm::describe(k7_fm_info &info) const {
    info.status = status_;
    info.startup = startup_;
    info.startup_value = startup_value_;
    info.calls = calls_;
}

k7_fault_report Fm::report(k7_fault_phase phase, const fm::Outcome &outcome) const {
    k7_fault_report report{};
    report.cause = outcome.fault.cause;
    report.phase = phase;
    report.fm_id = stored_.fm_id;
    report.fm_version = stored_.envelope.header.fm_version;
    report.fm_serial = stored_.envelope.header.serial;
    report.pc = outcome.fault.pc;
    report.address = outcome.fault.address;
    report.instruction = outcome.fault.instruction;
    report.instructions = outcome.instructions;
    std::memcpy(report.fm_name, stored_.envelope.header.product, sizeof(report.fm_name));
    std::memcpy(report.fingerprint, stored_.fingerprint.data(), sizeof(report.fingerprint));
    describe_registers(report);
    return report;
}

void Fm::describe_registers(k7_fault_report &report) const {
    const auto registers = engine_->registers();
    std::copy(registers.begin(), registers.end(), report.regs);
    hide_handles(std::as_writable_bytes(std::span(report.regs)), services_.key_handles());
    hide_handles(std::as_writable_bytes(std::span(&report.address, 1)), services_.key_handles());
    const auto backtrace = engine_->backtrace(report.pc, K7_FAULT_BACKTRACE_MAX);
    report.backtrace_count =
        static_cast<std::uint32_t>(std::min<std::size_t>(backtrace.size(), K7_FAULT_BACKTRACE_MAX));
    std::copy_n(backtrace.begin(), report.backtrace_count, report.backtrace);
    const auto symbol = fm::find_symbol(stored_.elf, report.pc);
    if (!symbol)
        return;
    report.symbol_offset = symbol->offset;
    std::string name = symbol->name.substr(0, sizeof(report.symbol) - 1);
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c < ' ' || c > '~'; }, '?'); // tools print it on terminals
    std::copy(name.begin(), name.end(), report.symbol);
}

} // namespace k7::card
