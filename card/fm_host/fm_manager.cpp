// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fm_host/fm_manager.hpp"

#include <cstdio>
#include <cstring>
#include <utility>

#include "card/fault_record.hpp"

namespace k7::card {
namespace {

static_assert(sizeof(k7_fm_info) == 192);

std::string name_of(std::uint32_t fm_id) {
    char text[24];
    std::snprintf(text, sizeof(text), "FM %04x", fm_id);
    return text;
}

std::string version_text(const StoredFm &fm) {
    const unsigned version = fm.envelope.header.fm_version;
    char text[16];
    std::snprintf(text, sizeof(text), "%u.%02u", version >> 8, version & 0xff);
    return text;
}

std::string fault_text(const k7_fault_report &report) {
    char text[128];
    std::snprintf(text, sizeof(text), "FM %04x faulted at pc 0x%08x in %.63s", report.fm_id, report.pc,
                  report.symbol[0] != '\0' ? report.symbol : "?");
    return text;
}

} // namespace

void FmManager::start_all() {
    for (const StoredFm &stored : card_.store.list_fms()) {
        auto fm = std::make_unique<Fm>(card_, smfs_, card_.store.read_fm(stored.fm_id), kill_);
        try {
            fm->start();
        } catch (const FmFault &fault) {
            contain(*fm, fault);
        }
        running_[stored.fm_id] = std::move(fm);
    }
}

// First of all it is stopped, whatever becomes of the report.
void FmManager::contain(Fm &fm, const FmFault &fault) {
    if (roles_.policy(K7_POLICY_FAULT) != K7_POLICY_FAULT_ISOLATE)
        throw FmFault(fault);
    const std::string text = fault_text(fault.report);
    fm.isolate(text);
    card_.registers.raise(K7_EVENT_FM_LIST);
    try {
        const std::uint32_t sequence = record_fault(card_, fault.report, core_seal(card_.smfs, fault.core.get()));
        fm.isolate(text + ", fault report " + std::to_string(sequence));
        card_.registers.raise(K7_EVENT_FAULT);
    } catch (const StoreError &) {
        throw;
    } catch (const Error &error) {
        const std::string without = text + ", no fault report: " + error.what();
        fm.isolate(without);
        card_.bus.log(K7CARD_LOG_ERROR, without);
    }
}

k7_fm_info FmManager::describe(const StoredFm &stored) const {
    const k7_fm_header &header = stored.envelope.header;
    k7_fm_info info{};
    info.fm_id = stored.fm_id;
    info.fm_version = header.fm_version;
    info.serial = header.serial;
    info.image_size = stored.image_size;
    info.memory_size = stored.memory_size;
    info.build_time = stored.envelope.build_time;
    info.load_time = stored.load_time;
    std::memcpy(info.manufacturer, header.manufacturer, sizeof(info.manufacturer));
    std::memcpy(info.product, header.product, sizeof(info.product));
    std::memcpy(info.fingerprint, stored.fingerprint.data(), sizeof(info.fingerprint));
    stored.certificate.copy(info.certificate, sizeof(info.certificate));
    info.status = K7_FM_STATUS_LOADED;
    info.startup = K7_FM_STARTUP_NOT_STARTED;
    const Smfs::Use smfs = smfs_.use_of({stored.fm_id, stored.signer});
    info.smfs_used = static_cast<std::uint32_t>(smfs.bytes);
    info.smfs_nodes = static_cast<std::uint32_t>(smfs.nodes);
    // A replaced FM runs on in its old version; what the list shows is the new one, which does not run.
    if (const auto running = running_.find(stored.fm_id); running != running_.end() && running->second->is(stored))
        running->second->describe(info);
    return info;
}

std::vector<k7_fm_info> FmManager::list() {
    std::vector<k7_fm_info> infos;
    for (const StoredFm &stored : card_.store.list_fms())
        infos.push_back(describe(stored));
    return infos;
}

void FmManager::refuse_older(const StoredFm &fm) {
    for (const StoredFm &stored : card_.store.list_fms())
        if (stored.fm_id == fm.fm_id && stored.envelope.header.fm_version > fm.envelope.header.fm_version)
            throw Error(K7_ST_IMAGE_OLDER, name_of(fm.fm_id) + " is on the card in version " + version_text(stored) +
                                               ", the image has version " + version_text(fm));
}

template <class Call>
std::optional<FmReply> FmManager::run(Fm &fm, Call &&call) {
    try {
        const auto result = call();
        paused_ = result ? nullptr : &fm;
        return result;
    } catch (const FmFault &fault) {
        contain(fm, fault);
    }
    fm.refuse();
}

std::optional<FmReply> FmManager::call(std::uint32_t fm_id, std::span<const std::byte> request,
                                       std::span<std::byte> reply, std::uint64_t slice) {
    const auto running = running_.find(fm_id);
    if (running != running_.end()) {
        Fm &fm = *running->second;
        return run(fm, [&] { return fm.call(request, reply, slice); });
    }
    for (const StoredFm &stored : card_.store.list_fms())
        if (stored.fm_id == fm_id)
            throw Error(K7_ST_FM_NOT_STARTED, name_of(fm_id) + " is loaded but not started: restart the card");
    throw Error(K7_ST_FM_NOT_FOUND, name_of(fm_id) + " is not loaded");
}

std::optional<FmReply> FmManager::resume(std::span<std::byte> reply, std::uint64_t slice) {
    Fm &fm = *std::exchange(paused_, nullptr);
    return run(fm, [&] { return fm.resume(reply, slice); });
}

std::optional<FmTimers::Clock::time_point> FmManager::next_timer() const {
    std::optional<FmTimers::Clock::time_point> soonest;
    for (const auto &[fm_id, fm] : running_)
        if (const auto due = fm->next_timer(); due && (!soonest || *due < *soonest))
            soonest = due;
    return soonest;
}

bool FmManager::run_timer() {
    const auto soonest = next_timer();
    const auto now = FmTimers::Clock::now();
    if (!soonest || *soonest > now)
        return false;
    for (const auto &[fm_id, fm] : running_) {
        if (fm->next_timer() != soonest)
            continue;
        try {
            fm->run_timer(now);
        } catch (const FmFault &fault) {
            contain(*fm, fault);
        }
        return true;
    }
    return false;
}

void FmManager::remove(std::uint32_t fm_id) {
    const bool stored = card_.store.delete_fm(fm_id);
    const bool ran = running_.erase(fm_id) != 0;
    if (!stored && !ran)
        throw Error(K7_ST_FM_NOT_FOUND, name_of(fm_id) + " is not loaded");
}

void FmManager::forget_keys() {
    for (const auto &[fm_id, fm] : running_)
        fm->forget_keys();
}

} // namespace k7::card
