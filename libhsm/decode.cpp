// SPDX-License-Identifier: Apache-2.0
#include "libhsm/decode.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include <endian.h>

#include "hsm/error.hpp"
#include "k7/fault_report.h"
#include "k7/hw.h"
#include "k7/payload.h"

namespace hsm {
namespace {

static_assert(sizeof(k7_identity) == 256 && sizeof(k7_card_state) == 128 && sizeof(k7_fm_info) == 192);
static_assert(sizeof(k7_fault_report) == 640 && sizeof(k7_certificate_info) == 128 && sizeof(k7_smfs_info) == 64);
static_assert(sizeof(k7_smfs_check) == 192 && sizeof(k7_smfs_finding) == 24);
static_assert(sizeof(k7_fm_list) == 8 && sizeof(k7_certificate_list) == 8);

constexpr std::size_t kLogLineMax = 256;

/// The first sizeof(T) bytes of @p reply: a newer card may send more.
/// @param least what the oldest card sends; the rest of T is then 0
template <typename T>
T take(ByteView reply, const char *what, std::size_t least = sizeof(T)) {
    if (reply.size() < least)
        throw Error(ErrorKind::failed,
                    "the card's " + std::string(what) + " has " + std::to_string(reply.size()) + " bytes instead of " +
                        std::to_string(least),
                    "the card breaks its own protocol");
    T value{};
    std::memcpy(&value, reply.data(), std::min(sizeof value, reply.size()));
    return value;
}

template <std::size_t size>
std::string field(const char (&text)[size]) {
    return printable({text, size}, size);
}

Fingerprint fingerprint_of(const std::uint8_t (&bytes)[32]) {
    Fingerprint result;
    std::ranges::copy(bytes, result.bytes.begin());
    return result;
}

Version version_of(std::uint32_t value) {
    return {static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 8),
            static_cast<std::uint8_t>(value)};
}

/// Split a counted list: a header of 8 bytes that begins with the count, then entries of @p size bytes.
std::vector<ByteView> entries_of(ByteView reply, std::size_t size, const char *what) {
    const auto header = take<k7_fm_list>(reply, what);
    const std::size_t count = le32toh(header.count);
    const ByteView rest = reply.subspan(sizeof header);
    if (count > rest.size() / size)
        throw Error(ErrorKind::failed,
                    "the card's " + std::string(what) + " names " + std::to_string(count) + " entries but holds " +
                        std::to_string(rest.size() / size),
                    "the card breaks its own protocol");
    std::vector<ByteView> entries;
    for (std::size_t index = 0; index < count; ++index)
        entries.push_back(rest.subspan(index * size, size));
    return entries;
}

CertificateInfo decode_certificate(ByteView entry) {
    const auto wire = take<k7_certificate_info>(entry, "certificate");
    return {field(wire.label), field(wire.subject), fingerprint_of(wire.fingerprint)};
}

} // namespace

std::string printable(std::string_view text, std::size_t limit) {
    text = text.substr(0, std::min(text.find('\0'), limit));
    std::string result(text);
    std::ranges::replace_if(
        result, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
    return result;
}

CardState state_of(std::uint32_t state_register) noexcept {
    if (state_register == std::numeric_limits<std::uint32_t>::max())
        return CardState::gone;
    return static_cast<CardState>(K7_STATE_GET(state_register));
}

Reason reason_of(std::uint32_t state_register) noexcept {
    if (state_register == std::numeric_limits<std::uint32_t>::max())
        return Reason::none;
    return static_cast<Reason>(K7_REASON_GET(state_register));
}

Identity decode_identity(ByteView reply) {
    const auto wire = take<k7_identity>(reply, "identity");
    Identity identity;
    identity.model = field(wire.model);
    identity.esn = field(wire.esn);
    identity.label = field(wire.label);
    identity.part_number = field(wire.part_number);
    identity.hardware_version = le32toh(wire.hardware_version);
    identity.boot_loader_version = version_of(le32toh(wire.boot_loader_version));
    identity.firmware_version = version_of(le32toh(wire.firmware_version));
    identity.firmware_build = field(wire.firmware_build);
    identity.has_fm = (le32toh(wire.features) & K7_FEATURE_FM) != 0;
    identity.has_smfs = (le32toh(wire.features) & K7_FEATURE_SMFS) != 0;
    identity.debug = (le32toh(wire.features) & K7_FEATURE_DEBUG) != 0;
    identity.rings = le32toh(wire.rings);
    identity.ring_entries = le32toh(wire.ring_entries);
    identity.payload_max = le32toh(wire.payload_max);
    identity.channels = le32toh(wire.channels);
    identity.fm_capacity = le32toh(wire.fm_capacity);
    identity.fm_image_max = le32toh(wire.fm_image_max);
    identity.fm_memory_max = le32toh(wire.fm_memory_max);
    return identity;
}

CardStatus decode_status(ByteView reply) {
    const auto wire = take<k7_card_state>(reply, "state");
    CardStatus status;
    status.state = static_cast<CardState>(le32toh(wire.state));
    status.reason = static_cast<Reason>(le32toh(wire.reason));
    status.generation = le32toh(wire.generation);
    status.boot_mode = le32toh(wire.boot_mode);
    status.uptime_ms = le64toh(wire.uptime_ms);
    status.time = le64toh(wire.time);
    status.fault_sequence = le32toh(wire.fault_sequence);
    status.fm_count = le32toh(wire.fm_count);
    status.fm_bytes = le64toh(wire.fm_bytes);
    status.smfs_active = le32toh(wire.smfs_state) == K7_SMFS_ACTIVE;
    status.smfs_generation = le32toh(wire.smfs_generation);
    status.smfs_files = le32toh(wire.smfs_files);
    status.smfs_directories = le32toh(wire.smfs_directories);
    status.smfs_used = le64toh(wire.smfs_used);
    status.smfs_capacity = le64toh(wire.smfs_capacity);
    status.resets = le32toh(wire.resets);
    status.faults = le32toh(wire.faults);
    status.temperature_mc = static_cast<std::int32_t>(le32toh(wire.temperature_mc));
    status.core_mv = le32toh(wire.core_mv);
    status.battery_mv = le32toh(wire.battery_mv);
    const std::uint32_t security = le32toh(wire.security);
    status.initialised = (security & K7_SECURITY_INITIALISED) != 0;
    status.fms_allowed = (security & K7_SECURITY_FMS_ALLOWED) != 0;
    status.fms_were_allowed = (security & K7_SECURITY_FMS_WERE_ALLOWED) != 0;
    status.smfs_auto_activation = (security & K7_SECURITY_SMFS_AUTO) != 0;
    status.isolates_faults = (security & K7_SECURITY_ISOLATE) != 0;
    status.decommissioned = (security & K7_SECURITY_DECOMMISSIONED) != 0;
    status.login_attempts = le32toh(wire.login_attempts);
    return status;
}

FaultReport decode_fault_report(ByteView reply) {
    const auto wire = take<k7_fault_report>(reply, "fault report");
    FaultReport report;
    report.sequence = le32toh(wire.sequence);
    report.time = le64toh(wire.time);
    report.generation = le32toh(wire.generation);
    report.cause = le32toh(wire.cause);
    report.phase = le32toh(wire.phase);
    report.fm_id = {le32toh(wire.fm_id)};
    report.fm_version = le32toh(wire.fm_version);
    report.fm_serial = le32toh(wire.fm_serial);
    report.fm_name = field(wire.fm_name);
    report.pc = le32toh(wire.pc);
    report.address = le32toh(wire.address);
    report.instruction = le32toh(wire.instruction);
    report.instructions = le64toh(wire.instructions);
    std::ranges::transform(wire.regs, report.regs.begin(), [](std::uint32_t value) { return le32toh(value); });
    const std::size_t count = std::min<std::size_t>(le32toh(wire.backtrace_count), std::size(wire.backtrace));
    for (std::size_t index = 0; index < count; ++index)
        report.backtrace.push_back(le32toh(wire.backtrace[index]));
    report.symbol = field(wire.symbol);
    report.symbol_offset = le32toh(wire.symbol_offset);
    report.fingerprint = fingerprint_of(wire.fingerprint);
    return report;
}

FaultCore decode_fault_core(ByteView core) {
    const auto wire = take<k7_fault_core>(core, "core");
    FaultCore result;
    result.sequence = le32toh(wire.sequence);
    ByteView rest = core.subspan(sizeof wire);
    const std::size_t count = std::min<std::size_t>(le32toh(wire.range_count), std::size(wire.ranges));
    for (std::size_t index = 0; index < count; ++index) {
        const std::size_t length = le32toh(wire.ranges[index].length);
        if (length > rest.size())
            throw Error(ErrorKind::failed, "the card's core ends within its memory",
                        "the card breaks its own protocol");
        // NOLINTNEXTLINE(bugprone-narrowing-conversions,cppcoreguidelines-narrowing-conversions)
        result.memory.push_back({le32toh(wire.ranges[index].address), {rest.begin(), rest.begin() + length}});
        rest = rest.subspan(length);
    }
    return result;
}

FmInfo decode_fm(ByteView reply) {
    const auto wire = take<k7_fm_info>(reply, "FM entry");
    FmInfo fm;
    fm.id = {le32toh(wire.fm_id)};
    fm.version = static_cast<std::uint16_t>(le32toh(wire.fm_version));
    fm.serial = le32toh(wire.serial);
    fm.status = static_cast<FmStatus>(le32toh(wire.status));
    fm.startup = static_cast<FmStartup>(le32toh(wire.startup));
    fm.startup_value = le32toh(wire.startup_value);
    fm.image_size = le32toh(wire.image_size);
    fm.memory_size = le32toh(wire.memory_size);
    fm.build_time = le64toh(wire.build_time);
    fm.load_time = le64toh(wire.load_time);
    fm.calls = le64toh(wire.calls);
    fm.smfs_used = le32toh(wire.smfs_used);
    fm.smfs_nodes = le32toh(wire.smfs_nodes);
    fm.manufacturer = field(wire.manufacturer);
    fm.product = field(wire.product);
    fm.fingerprint = fingerprint_of(wire.fingerprint);
    fm.certificate = field(wire.certificate);
    return fm;
}

std::vector<FmInfo> decode_fm_list(ByteView reply) {
    std::vector<FmInfo> fms;
    for (const ByteView entry : entries_of(reply, sizeof(k7_fm_info), "FM list"))
        fms.push_back(decode_fm(entry));
    return fms;
}

std::vector<FmLogLine> decode_fm_log(ByteView reply) {
    std::vector<FmLogLine> lines;
    std::string_view rest = as_text(reply);
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        FmLogLine decoded;
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), decoded.id.value, 16);
        if (error != std::errc() || end == line.data() + line.size() || *end != ' ')
            continue;
        decoded.text = printable({end + 1, line.data() + line.size()}, kLogLineMax);
        lines.push_back(std::move(decoded));
    }
    return lines;
}

std::vector<CertificateInfo> decode_certificates(ByteView reply) {
    std::vector<CertificateInfo> certificates;
    for (const ByteView entry : entries_of(reply, sizeof(k7_certificate_info), "certificate list"))
        certificates.push_back(decode_certificate(entry));
    return certificates;
}

SmfsInfo decode_smfs_info(ByteView reply) {
    const auto wire = take<k7_smfs_info>(reply, "SMFS information", offsetof(k7_smfs_info, quota));
    SmfsInfo info;
    info.active = le32toh(wire.state) == K7_SMFS_ACTIVE;
    info.generation = le32toh(wire.generation);
    info.files = le32toh(wire.files);
    info.directories = le32toh(wire.directories);
    info.used = le64toh(wire.used);
    info.capacity = le64toh(wire.capacity);
    info.damaged = le32toh(wire.state) == K7_SMFS_DAMAGED;
    info.quota = le64toh(wire.quota);
    info.counter = le64toh(wire.counter);
    info.nodes_max = le32toh(wire.nodes_max);
    info.has_root_key = (le32toh(wire.flags) & K7_SMFS_HAS_ROOT_KEY) != 0;
    info.has_counter = (le32toh(wire.flags) & K7_SMFS_HAS_COUNTER) != 0;
    return info;
}

SmfsCheck decode_smfs_check(ByteView reply) {
    const auto wire = take<k7_smfs_check>(reply, "SMFS check");
    const ByteView rest = reply.subspan(sizeof wire);
    const std::size_t listed = le32toh(wire.listed);
    if (listed > rest.size() / sizeof(k7_smfs_finding) || listed > le32toh(wire.found))
        throw Error(ErrorKind::failed,
                    "the card's SMFS check lists " + std::to_string(listed) + " findings but holds " +
                        std::to_string(rest.size() / sizeof(k7_smfs_finding)),
                    "the card breaks its own protocol");
    SmfsCheck check;
    check.active = le32toh(wire.state) == K7_SMFS_ACTIVE;
    check.generation = le32toh(wire.generation);
    check.files = le32toh(wire.files);
    check.directories = le32toh(wire.directories);
    check.blocks = le64toh(wire.blocks);
    check.found = le32toh(wire.found);
    check.reason = field(wire.reason);
    for (std::size_t i = 0; i < listed; ++i) {
        const auto found = take<k7_smfs_finding>(rest.subspan(i * sizeof(k7_smfs_finding)), "SMFS finding");
        check.findings.push_back(
            {le32toh(found.kind), FmId{le32toh(found.fm_id)}, le64toh(found.file), le32toh(found.block)});
    }
    return check;
}

std::vector<Policy> decode_policies(ByteView reply) {
    std::vector<Policy> policies;
    for (const ByteView entry : entries_of(reply, sizeof(k7_policy), "policy list")) {
        const auto wire = take<k7_policy>(entry, "policy");
        policies.push_back({le32toh(wire.number), le32toh(wire.value), le32toh(wire.maximum),
                            (le32toh(wire.flags) & K7_POLICY_DESTRUCTIVE) != 0});
    }
    return policies;
}

} // namespace hsm
