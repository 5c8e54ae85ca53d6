// SPDX-License-Identifier: Apache-2.0
#include "hsm/types.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "hsm/error.hpp"
#include "k7/fault_report.h"
#include "k7/fm_abi.h"
#include "k7/payload.h"
#include "k7/status.h"
#include "libhsm/text.hpp"

namespace hsm {
namespace {

struct NumberName {
    std::uint32_t number;
    const char *name;
};

template <std::size_t size>
std::string name_of(const NumberName (&names)[size], std::uint32_t number) {
    const auto *const found = std::ranges::find(names, number, &NumberName::number);
    return found != std::end(names) ? found->name : "UNKNOWN (" + std::to_string(number) + ")";
}

constexpr NumberName kStates[] = {{1, "BOOT"},   {2, "OPERATIONAL"}, {3, "PRE-INIT"}, {4, "MAINTENANCE"},
                                  {5, "HALTED"}, {6, "FAILED"},      {7, "TAMPERED"}, {0xff, "GONE"}};
constexpr NumberName kReasons[] = {
    {0, "none"},          {1, "FM fault"},         {2, "watchdog"}, {3, "firmware failure"},
    {4, "store failure"}, {5, "hardware failure"}, {6, "stopped"}};
constexpr NumberName kRefusals[] = {{K7_ST_IMAGE_SIGNATURE, "it is not what was loaded"},
                                    {K7_ST_IMAGE_ELF, "its ELF file is damaged"}};
constexpr NumberName kCauses[] = {
    {K7_FAULT_LOAD_ACCESS, "load access fault"},
    {K7_FAULT_STORE_ACCESS, "store access fault"},
    {K7_FAULT_FETCH_ACCESS, "instruction fetch fault"},
    {K7_FAULT_LOAD_MISALIGNED, "misaligned load"},
    {K7_FAULT_STORE_MISALIGNED, "misaligned store"},
    {K7_FAULT_FETCH_MISALIGNED, "misaligned jump"},
    {K7_FAULT_ILLEGAL_INSTRUCTION, "illegal instruction"},
    {K7_FAULT_BREAKPOINT, "breakpoint"},
    {K7_FAULT_BUDGET, "hung (instruction budget used up)"},
    {K7_FAULT_STACK_OVERFLOW, "stack overflow"},
    {K7_FAULT_BAD_SERVICE, "unknown service called"},
    {K7_FAULT_ABORT, "aborted by itself"},
    {K7_FAULT_WATCHDOG, "firmware stopped answering (watchdog)"},
    {K7_FAULT_FIRMWARE, "firmware failed inside itself"},
};

} // namespace

std::string to_string(CardState state) {
    return name_of(kStates, static_cast<std::uint32_t>(state));
}
std::string to_string(Reason reason) {
    return name_of(kReasons, static_cast<std::uint32_t>(reason));
}

std::string to_string(const SmfsFinding &finding) {
    const std::string file = "file " + std::to_string(finding.file) + " of " +
                             (finding.fm.value == 0 ? "a shared tree" : "FM " + to_string(finding.fm));
    switch (finding.kind) {
    case K7_SMFS_FINDING_ALL:
        return "the SMFS as a whole cannot be used";
    case K7_SMFS_FINDING_FILE:
        return file + ": changed, missing or of an older time, first in block " + std::to_string(finding.block);
    case K7_SMFS_FINDING_STRAY:
        return "the store holds blocks that belong to no file";
    default:
        return "something of kind " + std::to_string(finding.kind) + " in " + file;
    }
}

std::string remedy(const SmfsFinding &finding) {
    switch (finding.kind) {
    case K7_SMFS_FINDING_FILE:
        return "put back the newest copy of the store, let the FM delete the file, or erase the SMFS with `fmrecover "
               "--smfs`";
    case K7_SMFS_FINDING_STRAY:
        return "they do no harm; somebody has changed the store: find out who";
    default:
        return "put back the newest copy of the store, or erase the SMFS with `fmrecover --smfs`";
    }
}

bool firmware_runs(CardState state) noexcept {
    return state == CardState::operational || state == CardState::pre_init || state == CardState::maintenance;
}

std::string to_string(Version version) {
    return std::to_string(version.major) + "." + std::to_string(version.minor) + "." + std::to_string(version.patch);
}

std::string to_string(FmId id) {
    return format("%04x", id.value);
}

FmId parse_fm_id(std::string_view text) {
    std::string_view digits = text;
    if (digits.starts_with("0x") || digits.starts_with("0X"))
        digits.remove_prefix(2);
    FmId id;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id.value, 16);
    if (error != std::errc() || end != digits.data() + digits.size() || id.value < K7_FM_ID_MIN ||
        id.value > K7_FM_ID_MAX)
        throw Error(ErrorKind::usage, "'" + std::string(text) + "' is no FM ID",
                    "FM IDs are hexadecimal, from " + format("%x to %x", K7_FM_ID_MIN, K7_FM_ID_MAX));
    return id;
}

std::string to_string(const Fingerprint &fingerprint) {
    std::string text;
    for (const std::uint8_t byte : fingerprint.bytes)
        text += format("%02x", static_cast<unsigned>(byte));
    return text;
}

std::string to_string(FmStatus status) {
    switch (status) {
    case FmStatus::enabled:
        return "Enabled";
    case FmStatus::loaded:
        return "Loaded, needs restart to activate";
    case FmStatus::faulted:
        return "Faulted, stopped until the next restart";
    case FmStatus::failed:
        return "Failed, did not start";
    }
    return "Unknown (" + std::to_string(static_cast<std::uint32_t>(status)) + ")";
}

std::string startup_text(const FmInfo &fm) {
    switch (fm.startup) {
    case FmStartup::ok:
        return "OK";
    case FmStartup::not_started:
        return "N/A (FM not started)";
    case FmStartup::failed:
        return "Failed (" + std::to_string(fm.startup_value) + ")";
    case FmStartup::refused:
        return "Refused: " + name_of(kRefusals, fm.startup_value);
    }
    return "Unknown (" + std::to_string(static_cast<std::uint32_t>(fm.startup)) + ")";
}

std::string fm_version_text(std::uint32_t version) {
    return format("%u.%02u", (version >> 8) & 0xff, version & 0xff);
}

std::string cause_text(const FaultReport &report) {
    return name_of(kCauses, report.cause);
}

bool has_address(const FaultReport &report) noexcept {
    return (report.cause >= K7_FAULT_LOAD_ACCESS && report.cause <= K7_FAULT_FETCH_MISALIGNED) ||
           report.cause == K7_FAULT_STACK_OVERFLOW;
}

std::string to_string(const FaultReport &report) {
    if (report.fm_id.value == 0)
        return cause_text(report);
    std::string text = "FM " + report.fm_name + " (" + to_string(report.fm_id) + ") " + cause_text(report);
    if (has_address(report))
        text += format(" at 0x%08x", report.address);
    text += format(", pc 0x%08x", report.pc);
    if (!report.symbol.empty())
        text += " in " + report.symbol + format("+0x%x", report.symbol_offset);
    if (report.phase == K7_FAULT_PHASE_STARTUP)
        text += ", in its start-up";
    if (report.phase == K7_FAULT_PHASE_TIMER)
        text += ", in a timer of its own";
    return text;
}

} // namespace hsm
