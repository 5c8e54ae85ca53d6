// SPDX-License-Identifier: Apache-2.0
#include "libhsm/channel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include "k7/fault_report.h"
#include "k7/status.h"
#include "libhsm/decode.hpp"
#include "libhsm/node_access.hpp"
#include "libhsm/text.hpp"

namespace hsm {
namespace {

struct StatusText {
    std::uint32_t number;
    const char *text;
};
constexpr StatusText kStatusTexts[] = {
#define K7_STATUS_TEXT(name, number, text) {number, text},
    K7_STATUS_LIST(K7_STATUS_TEXT)
#undef K7_STATUS_TEXT
};

std::string status_text(std::uint32_t status) {
    const auto *const found = std::ranges::find(kStatusTexts, status, &StatusText::number);
    return found != std::end(kStatusTexts) ? found->text : format("card status 0x%02x", status);
}

/// What kind of failure a card status is, and what to do about it.
struct StatusAdvice {
    std::uint32_t number;
    ErrorKind kind;
    const char *hint; ///< "CARD" stands for the name of the card
};
constexpr StatusAdvice kAdvice[] = {
    {K7_ST_UNKNOWN_COMMAND, ErrorKind::failed, "update the card's firmware"},
    {K7_ST_BUSY, ErrorKind::refused, "another load or erase is running: wait for it"},
    {K7_ST_NOT_FOUND, ErrorKind::not_found, ""},
    {K7_ST_STORE_FULL, ErrorKind::failed,
     "delete an FM first (`ctfm delete`), or make room on the disk of the card's host if that is full"},
    {K7_ST_DENIED, ErrorKind::permission, ""},
    {K7_ST_IMAGE_FORMAT, ErrorKind::failed, "sign the FM's ELF file with `mkfm`"},
    {K7_ST_IMAGE_SIGNATURE, ErrorKind::failed, "sign it again with `mkfm`, with the key of this certificate"},
    {K7_ST_IMAGE_CERTIFICATE, ErrorKind::failed, "make one with `mkfm cert`, or name the right one"},
    {K7_ST_IMAGE_HEADER, ErrorKind::failed, "check DEFINE_FM_HEADER and build it again"},
    {K7_ST_IMAGE_ELF, ErrorKind::failed, "build it with the FM SDK"},
    {K7_ST_IMAGE_OLDER, ErrorKind::refused, "give --allow-downgrade if the older one is wanted"},
    {K7_ST_FM_NOT_FOUND, ErrorKind::not_found, "`ctfm list` shows the FMs on the card"},
    {K7_ST_FM_NOT_STARTED, ErrorKind::failed,
     "`ctfm list` says why; a restart starts what was loaded since the last one: `k7reset CARD`"},
    {K7_ST_FM_ISOLATED, ErrorKind::failed, "see `ctfm faults`; a restart starts it anew: `k7reset CARD`"},
    {K7_ST_SMFS_NOT_ACTIVE, ErrorKind::failed, "activate it: `ctfm activate`"},
    {K7_ST_NOT_INITIALISED, ErrorKind::not_operational, "initialise it: `hsm init`"},
    {K7_ST_LOGIN_REQUIRED, ErrorKind::permission, "give the HSM SO's password"},
    {K7_ST_BAD_PASSWORD, ErrorKind::permission, "give the HSM SO's password, or ask who has it"},
    {K7_ST_ZEROIZED, ErrorKind::permission, "FMs are still loaded; initialise it anew: `hsm init`"},
    {K7_ST_FMS_NOT_ALLOWED, ErrorKind::failed, "allow them, for good: `hsm policy set fm on`"},
};

/// In no state of the card does this wait for its firmware.
struct StateNow {
    CardState state = CardState::gone;
    Reason reason = Reason::none;
    std::uint32_t fault_sequence = 0;
};

StateNow state_now(Transport &transport) {
    k7_ioc_info info{};
    if (transport.info(info) != 0)
        return {};
    return {state_of(info.card_state), reason_of(info.card_state), info.fault_sequence};
}

/// An FM that faults in its start-up takes the card down at every restart, so a restart is no advice then.
bool halts_at_every_start(Transport &transport, const StateNow &now) {
    if (now.state != CardState::halted || now.reason != Reason::fm_fault)
        return false;
    try {
        const auto report = read_fault(transport, 0);
        return report && report->phase == K7_FAULT_PHASE_STARTUP;
    } catch (const Error &) {
        return false; // only the advice is less good
    }
}

std::string recovery_hint(Transport &transport, const StateNow &now) {
    const std::string erase = "erase all FMs with `fmrecover --fm " + transport.name() + "`";
    if (halts_at_every_start(transport, now))
        return "it would halt at every restart: see `ctfm faults`, then " + erase;
    switch (now.state) {
    case CardState::halted:
        if (now.reason == Reason::fm_fault)
            return "see `ctfm faults`; restart with `k7reset " + transport.name() + "`, or if it halts again " + erase;
        return "restart it with `k7reset " + transport.name() + "`";
    case CardState::boot:
        return "start its firmware with `k7reset " + transport.name() + "`";
    case CardState::pre_init:
        return "initialise it with `hsm init --card " + transport.name() + "`";
    case CardState::maintenance:
        return "restart it in operational mode with `k7reset " + transport.name() + "`";
    case CardState::gone:
        return "check the slot and `dmesg`; power cycle the host if it does not come back";
    default:
        return "the card needs service";
    }
}

std::string with_card(std::string hint, const Transport &transport) {
    constexpr std::string_view kCard = "CARD";
    const std::size_t at = hint.find(kCard);
    return at == std::string::npos ? hint : hint.replace(at, kCard.size(), transport.name());
}

Error down_error(Transport &transport, int value, const std::string &attempt, const std::string &why) {
    const StateNow now = state_now(transport);
    return Error(ErrorKind::not_operational, "cannot " + attempt + ": " + why, recovery_hint(transport, now))
        .with_errno(value)
        .with_object(transport.name());
}

std::string down_text(Transport &transport) {
    const std::string trouble = trouble_of(transport);
    return transport.name() + (trouble.empty() ? " does not run its firmware" : " is " + trouble);
}

Error permission_error(const Transport &transport, int value, const std::string &attempt) {
    if (value == EBADF)
        return Error(ErrorKind::permission, "cannot " + attempt + ": " + transport.name() + " may only be read",
                     node_access_hint(transport.name()));
    return Error(ErrorKind::permission, "cannot " + attempt + ": it needs CAP_SYS_ADMIN", "run it as root");
}

} // namespace

void check_errno(Transport &transport, int value, const std::string &attempt) {
    const auto plain = [&](ErrorKind kind, const std::string &why, const std::string &hint) {
        return Error(kind, "cannot " + attempt + ": " + transport.name() + " " + why, hint)
            .with_errno(value)
            .with_object(transport.name());
    };
    switch (value) {
    case 0:
        return;
    case EHOSTDOWN:
        throw down_error(transport, value, attempt, down_text(transport));
    case ECANCELED:
        if (!firmware_runs(state_now(transport).state))
            throw down_error(transport, value, attempt, down_text(transport) + " (the request was in flight)");
        throw plain(ErrorKind::failed, "was reset while the request was in flight", "it may have been carried out");
    case ENODEV:
    case ENXIO:
        throw down_error(transport, value, attempt, transport.name() + " is gone");
    case ETIMEDOUT:
        throw plain(ErrorKind::not_operational, "did not answer in time",
                    "see `enquiry`; restart it with `k7reset " + transport.name() + "`");
    case EAGAIN:
        throw plain(ErrorKind::not_operational, "is being reset", "try again in a second");
    case EPERM:
    case EACCES:
    case EBADF:
        throw permission_error(transport, value, attempt).with_errno(value).with_object(transport.name());
    case EBUSY:
        throw plain(ErrorKind::refused, "is busy with an erase or reset", "wait for it and try again");
    case EIO:
        throw plain(ErrorKind::failed, "broke its own protocol",
                    "see `dmesg`; restart it with `k7reset " + transport.name() + "`");
    case EMSGSIZE:
        throw plain(ErrorKind::usage, "does not take a payload of this size", "64 KiB is the most");
    case ENOTTY:
    case EOPNOTSUPP:
    case E2BIG:
        throw plain(ErrorKind::failed, "has a driver that does not know this", "install matching versions");
    default:
        throw plain(ErrorKind::failed, std::string("failed: ") + std::strerror(value), {});
    }
}

void check_card_status(Transport &transport, std::uint32_t status, ByteView text, const std::string &attempt) {
    if (status == K7_ST_OK)
        return;
    if (status == K7_ST_FM_FAULT || (status == K7_ST_BAD_STATE && !trouble_of(transport).empty()))
        throw down_error(transport, 0, attempt, down_text(transport)).with_card_status(status);
    std::string why = status_text(status);
    if (const std::string detail = printable(as_text(text)); !detail.empty() && detail != why)
        why += ": " + detail;
    const auto *const advice = std::ranges::find(kAdvice, status, &StatusAdvice::number);
    const bool known = advice != std::end(kAdvice);
    throw Error(known ? advice->kind : ErrorKind::failed, "cannot " + attempt + ": " + why,
                known ? with_card(advice->hint, transport) : "")
        .with_card_status(status)
        .with_object(transport.name());
}

Answer request(Transport &transport, const Request &request, const std::string &attempt) {
    Answer answer;
    answer.payload.resize(std::min<std::size_t>(request.room, K7_PAYLOAD_MAX));
    if (request.payload.size() > std::numeric_limits<std::uint32_t>::max())
        check_errno(transport, EMSGSIZE, attempt);
    k7_ioc_request wire{};
    wire.opcode = request.opcode;
    wire.timeout_ms = request.timeout_ms;
    wire.arg[0] = request.arg0;
    wire.arg[1] = request.arg1;
    wire.in_addr = reinterpret_cast<std::uintptr_t>(request.payload.data());
    wire.in_len = static_cast<std::uint32_t>(request.payload.size());
    wire.out_addr = reinterpret_cast<std::uintptr_t>(answer.payload.data());
    wire.out_len = static_cast<std::uint32_t>(answer.payload.size());
    check_errno(transport, transport.request(wire), attempt);
    if (wire.out_len > answer.payload.size())
        check_errno(transport, EIO, attempt);
    answer.payload.resize(wire.out_len);
    // The text of an error that fills all the room was cut to it.
    const bool cut = answer.payload.size() == request.room;
    check_card_status(transport, wire.card_status, cut ? ByteView() : ByteView(answer.payload), attempt);
    answer.result = wire.result;
    return answer;
}

Answer query(Transport &transport, std::uint32_t query, std::uint32_t argument, std::size_t room,
             const std::string &attempt) {
    Answer answer;
    answer.payload.resize(room);
    k7_ioc_query wire{};
    wire.query = query;
    wire.arg = argument;
    wire.data_addr = reinterpret_cast<std::uintptr_t>(answer.payload.data());
    wire.data_len = static_cast<std::uint32_t>(room);
    check_errno(transport, transport.query(wire), attempt);
    if (wire.data_len > room)
        check_errno(transport, EIO, attempt);
    answer.payload.resize(wire.data_len);
    check_card_status(transport, wire.card_status, {}, attempt);
    return answer;
}

std::optional<FaultReport> read_fault(Transport &transport, std::uint32_t sequence) {
    try {
        const Answer answer =
            query(transport, K7_QUERY_FAULT_REPORT, sequence, K7_MB_DATA_BYTES, "read its fault report");
        FaultReport report = decode_fault_report(answer.payload);
        return report.sequence == 0 ? std::nullopt : std::optional(std::move(report));
    } catch (const Error &error) {
        if (error.card_status() == K7_ST_NOT_FOUND)
            return std::nullopt;
        throw;
    }
}

void require_firmware(Transport &transport, const std::string &attempt) {
    if (!firmware_runs(state_now(transport).state))
        check_errno(transport, EHOSTDOWN, attempt);
}

std::string trouble_of(Transport &transport) {
    const StateNow now = state_now(transport);
    if (now.state == CardState::operational)
        return {};
    std::string text = to_string(now.state);
    if (now.state == CardState::halted && now.reason == Reason::fm_fault) {
        try {
            if (const auto report = read_fault(transport, 0))
                return text + ": " + to_string(*report);
        } catch (const Error &) {
            // The report only explains the state; that it cannot be read must not hide the state.
        }
    }
    if (now.reason != Reason::none)
        text += ": " + to_string(now.reason);
    return text;
}

} // namespace hsm
