// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/firmware/firmware.hpp"

#include "card/fault_record.hpp"

namespace k7::card {
namespace {

/// While it lives doorbells may be served whenever the firmware's thread is parked.
class Attachment {
  public:
    Attachment(Registers &registers, DoorbellServer &server) : registers_(registers) { registers_.attach(server); }
    ~Attachment() { registers_.detach(); }
    Attachment(const Attachment &) = delete;
    Attachment &operator=(const Attachment &) = delete;

  private:
    Registers &registers_;
};

} // namespace

Firmware::Firmware(Context &card, k7_boot_mode mode, Gate::Ticket ticket)
    : card_(card), mode_(mode), event_ticket_(ticket), firmware_ticket_(card.bus.firmware_gate().ticket()),
      rings_(card, firmware_ticket_), roles_(card.store, card.smfs),
      smfs_(card.smfs, card.store.smfs_capacity(), card.smfs_quota()), fms_(card, roles_, smfs_, kill_),
      request_buffer_(K7_PAYLOAD_MAX), reply_buffer_(K7_PAYLOAD_MAX) {
    thread_ = std::thread([this] { run(); });
}

Firmware::~Firmware() {
    kill_ = true;
    card_.registers.call_firmware();
    thread_.join();
}

void Firmware::run() {
    card_.bus.thread_start();
    try {
        start_up();
        const Attachment attachment(card_.registers, *this);
        serve();
    } catch (const FmKilled &) {
        // The boot loader wants the firmware to end.
    } catch (const FmFault &fault) {
        halt(K7_REASON_FM_FAULT, fault.report, fault.core.get());
    } catch (const StoreError &error) {
        store_failed(error.what());
    } catch (const std::exception &error) {
        card_.bus.log(K7CARD_LOG_ERROR, std::string("the firmware failed: ") + error.what());
        k7_fault_report report{};
        report.cause = K7_FAULT_FIRMWARE;
        halt(K7_REASON_FIRMWARE, report);
    }
    execution_.reset();
    fms_.forget_keys();
    card_.smfs_active = false;
    ended_ = true;
    card_.bus.thread_stop();
}

void Firmware::start_up() {
    const LongWork work(*this);
    auto_activate_smfs();
    if (mode_ == K7_BOOT_MODE_OPERATIONAL && roles_.initialised() && roles_.policy(K7_POLICY_FM) != 0)
        fms_.start_all();
    enter_state();
}

void Firmware::activate_smfs() {
    try {
        smfs_.activate();
    } catch (const SmfsDamage &damage) {
        card_.bus.log(K7CARD_LOG_ERROR, damage.what());
        throw;
    }
    for (const SmfsFinding &found : smfs_.damaged_files())
        card_.bus.log(K7CARD_LOG_ERROR, SmfsFileDamage(found.fm_id, found.node).what());
    card_.smfs_active = true;
}

void Firmware::auto_activate_smfs() {
    if (!roles_.initialised() || roles_.policy(K7_POLICY_SMFS_AUTO_ACTIVATION) == 0)
        return;
    try {
        activate_smfs();
    } catch (const SmfsDamage &) {
        // Logged. The card goes on: FMs find the SMFS not activated, and an administrator can erase it.
    }
}

void Firmware::enter_state() {
    k7_state state = roles_.initialised() ? K7_STATE_OPERATIONAL : K7_STATE_PRE_INIT;
    if (mode_ == K7_BOOT_MODE_MAINTENANCE)
        state = K7_STATE_MAINTENANCE;
    card_.registers.change_state(event_ticket_, firmware_ticket_, state, K7_REASON_NONE, 0);
}

void Firmware::require_operational(std::string_view what) const {
    if (mode_ != K7_BOOT_MODE_OPERATIONAL)
        throw Error(K7_ST_BAD_STATE, std::string(what) + " needs an operational card");
    if (!roles_.initialised())
        throw Error(K7_ST_NOT_INITIALISED, std::string(what) + " needs an HSM with an SO");
}

void Firmware::forget(const Wipe &wiped) {
    if (wiped.anything()) {
        card_.report_unfinished_erase();
        fms_.stop_all();
        upload_.reset();
        smfs_.forget();
        card_.smfs_active = false;
        card_.registers.raise((wiped.fms ? K7_EVENT_FM_LIST : 0) | (wiped.smfs ? K7_EVENT_SMFS : 0));
    }
    auto_activate_smfs();
    enter_state();
}

void Firmware::serve() {
    const auto tick = card_.options.watchdog_tick();
    while (!kill_) {
        if (failure_)
            std::rethrow_exception(failure_);
        if (!card_.faults.active(FaultKind::Hang)) {
            card_.registers.beat();
            rings_.fetch();
            play_slow();
            if (run_timer())
                continue;
            if (execution_ || take_request()) {
                execute(fm::FmEngine::kToTheEnd);
                continue;
            }
            rings_.flush();
            save_memory();
        }
        rest(tick);
    }
}

// Requests and timers take turns, so that neither keeps the other waiting.
bool Firmware::run_timer() {
    const bool may = !execution_ && !(timer_ran_ && rings_.peek());
    timer_ran_ = false;
    const auto next = fms_.next_timer();
    if (!may || !next || *next > Registers::Clock::now())
        return false;
    const LongWork work(*this);
    timer_ran_ = fms_.run_timer();
    return timer_ran_;
}

void Firmware::rest(std::chrono::milliseconds tick) {
    const auto latest = Registers::Clock::now() + tick;
    park(std::min(latest, fms_.next_timer().value_or(latest)));
}

void Firmware::park(Registers::Clock::time_point until) {
    parked_until_ = until;
    card_.registers.park(until);
}

// Idle for a whole tick, as nobody was served between two calls.
void Firmware::save_memory() {
    if (served_) {
        served_ = false;
        return;
    }
    request_buffer_.give_back();
    reply_buffer_.give_back();
}

// A fault. The firmware lives meanwhile, takes aborts, and can be stopped.
void Firmware::play_slow() {
    const Request *const request = rings_.peek();
    if (card_.faults.none() || execution_ || request == nullptr || request->aborted)
        return;
    const auto end = Registers::Clock::now() + std::chrono::milliseconds(card_.faults.number(FaultKind::Slow));
    const auto tick = card_.options.watchdog_tick();
    for (auto now = Registers::Clock::now(); now < end && !kill_ && card_.faults.active(FaultKind::Slow);
         now = Registers::Clock::now()) {
        rings_.flush();
        card_.registers.beat();
        park(std::min(end, now + tick));
        rings_.fetch();
    }
}

bool Firmware::take_request() {
    if (!rings_.peek())
        return false;
    execution_.emplace(*this, rings_, rings_.take(), request_buffer_.bytes(), reply_buffer_.bytes());
    served_ = true;
    return true;
}

bool Firmware::execute(std::uint64_t slice) {
    if (!execution_->run(slice))
        return false;
    execution_.reset();
    return true;
}

// On the thread of a host that rings a doorbell, which may hold whatever lock the host has. What fails here fails in
// the firmware's thread.
bool Firmware::serve_doorbell() noexcept {
    if (kill_ || card_.faults.active(FaultKind::Hang) || card_.faults.active(FaultKind::Slow))
        return true;
    try {
        const bool all_served = serve_short_requests();
        rings_.flush();
        const auto timer = fms_.next_timer();
        return !all_served || (timer && *timer < parked_until_);
    } catch (...) {
        failure_ = std::current_exception();
        return true;
    }
}

bool Firmware::serve_short_requests() {
    rings_.fetch();
    std::optional<Registers::Clock::time_point> deadline;
    for (unsigned count = 0; const Request *request = rings_.peek(); ++count) {
        if (count == 1)
            deadline = Registers::Clock::now() + kDoorbellTime;
        if (count == kDoorbellRequests || (deadline && Registers::Clock::now() >= *deadline))
            return false;
        if (!request->aborted && !is_short(*this, request->sqe))
            return false;
        take_request();
        if (!execute(kDoorbellSlice))
            return false;
    }
    return true;
}

// The report is committed before anyone can see the new state, so that whoever sees it finds the report.
void Firmware::halt(k7_reason reason, const k7_fault_report &report, const Core *core) {
    try {
        record_fault(card_, report, core_seal(card_.smfs, core));
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
