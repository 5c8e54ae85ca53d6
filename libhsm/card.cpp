// SPDX-License-Identifier: Apache-2.0
#include "hsm/card.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

#include "k7/fault_report.h"
#include "k7/payload.h"
#include "k7/status.h"
#include "libhsm/channel.hpp"
#include "libhsm/decode.hpp"
#include "libhsm/text.hpp"

namespace hsm {
namespace {

constexpr std::size_t kQueryRoom = K7_MB_DATA_BYTES;
constexpr std::size_t kLoadChunkMax = std::size_t{1} << 20;
constexpr std::size_t kCoreMax = sizeof(k7_fault_core) + K7_FAULT_CORE_BYTES;
constexpr std::size_t kLabelMax = sizeof(k7_fm_load::label) - 1;
constexpr unsigned kLogPagesMax = 64; // far more than a card keeps; ends the talk with one that never ends
constexpr std::uint32_t kForever = std::numeric_limits<std::uint32_t>::max();

std::uint32_t to_ms(std::chrono::milliseconds time) {
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(time.count(), 0, kForever - 1));
}

/// FM_LOAD_BEGIN's payload.
Bytes load_header(const FmLoad &load) {
    if (load.label.size() > kLabelMax)
        throw Error(ErrorKind::usage,
                    "the certificate label is longer than " + std::to_string(kLabelMax) + " characters");
    if (load.image.empty() || load.image.size() > std::numeric_limits<std::uint32_t>::max())
        throw Error(ErrorKind::failed, "the FM image is empty or too large", "make it with `mkfm`");
    k7_fm_load header{};
    header.image_size = htole32(static_cast<std::uint32_t>(load.image.size()));
    header.certificate_size = htole32(static_cast<std::uint32_t>(load.certificate.size()));
    header.flags = htole32(load.allow_downgrade ? K7_FM_LOAD_ALLOW_DOWNGRADE : 0);
    std::ranges::copy(load.label, header.label);
    const ByteView bytes = std::as_bytes(std::span(&header, 1));
    Bytes payload(bytes.begin(), bytes.end());
    payload.insert(payload.end(), load.certificate.begin(), load.certificate.end());
    return payload;
}

/// Bytes of an image that one command carries: as many as the driver takes, but few enough for a progress to move.
std::size_t load_chunk(Transport &transport) {
    k7_ioc_info info{};
    check_errno(transport, transport.info(info), "ask the driver about it");
    if ((info.driver_features & K7_DRIVER_HAS_BULK) != 0)
        return std::clamp<std::size_t>(info.bulk_max, 1, kLoadChunkMax);
    return std::clamp<std::size_t>(info.payload_max, 1, K7_PAYLOAD_MAX);
}

} // namespace

Card Card::open(std::string_view selector) {
    return Card(open_transport(selector));
}

Card::Card(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {}
Card::~Card() = default;
Card::Card(Card &&) noexcept = default;
Card &Card::operator=(Card &&) noexcept = default;

const std::string &Card::name() const noexcept {
    return transport_->name();
}
int Card::descriptor() const noexcept {
    return transport_->descriptor();
}

DriverInfo Card::info() const {
    k7_ioc_info wire{};
    check_errno(*transport_, transport_->info(wire), "ask the driver about it");
    DriverInfo info;
    info.driver_version = printable({wire.driver_version, sizeof wire.driver_version});
    info.index = wire.index;
    info.driver_state = wire.driver_state;
    info.state = state_of(wire.card_state);
    info.reason = reason_of(wire.card_state);
    info.generation = wire.generation;
    info.fault_sequence = wire.fault_sequence;
    info.payload_max = wire.payload_max;
    info.channels = wire.channels;
    info.channel = wire.channel;
    info.esn = printable({wire.esn, sizeof wire.esn});
    if (transport_->descriptor() >= 0) // an in-process card is on no bus
        info.pci_address = format("%04x:%02x:%02x.%x", wire.pci_address >> 16, (wire.pci_address >> 8) & 0xff,
                                  (wire.pci_address >> 3) & 0x1f, wire.pci_address & 7);
    return info;
}

Identity Card::identity() const {
    return decode_identity(query(*transport_, K7_QUERY_IDENTITY, 0, kQueryRoom, "read its identity").payload);
}

CardStatus Card::status() const {
    return decode_status(query(*transport_, K7_QUERY_STATE, 0, kQueryRoom, "read its state").payload);
}

std::optional<FaultReport> Card::fault_report(std::uint32_t sequence) const {
    return read_fault(*transport_, sequence);
}

std::optional<FaultCore> Card::fault_core(std::uint32_t sequence) const {
    try {
        SecureBytes bytes;
        for (std::uint32_t piece = 0; bytes.size() <= kCoreMax; ++piece) {
            const std::uint32_t argument = K7_FAULT_CORE_PIECE(sequence, piece);
            const Answer answer =
                query(*transport_, K7_QUERY_FAULT_CORE, argument, kQueryRoom, "read the core of its fault");
            bytes.insert(bytes.end(), answer.payload.begin(), answer.payload.end());
            if (answer.payload.size() < K7_MB_DATA_BYTES)
                break;
        }
        return decode_fault_core(bytes);
    } catch (const Error &error) {
        if (error.card_status() == K7_ST_NOT_FOUND || error.card_status() == K7_ST_UNKNOWN_COMMAND)
            return std::nullopt;
        throw;
    }
}

std::vector<FmInfo> Card::fms() const {
    return decode_fm_list(request(*transport_, {K7_CMD_FM_LIST}, "list FMs").payload);
}

FmInfo Card::load_fm(const FmLoad &load, const Progress &progress) {
    const Bytes header = load_header(load);
    const std::size_t chunk = load_chunk(*transport_);
    request(*transport_, {K7_CMD_FM_LOAD_BEGIN, 0, header}, "load the FM");
    try {
        for (std::size_t offset = 0; offset < load.image.size(); offset += chunk) {
            const ByteView part = load.image.subspan(offset, std::min(chunk, load.image.size() - offset));
            request(*transport_, {K7_CMD_FM_LOAD_DATA, static_cast<std::uint32_t>(offset), part}, "load the FM");
            if (progress)
                progress(offset + part.size(), load.image.size());
        }
        return decode_fm(request(*transport_, {K7_CMD_FM_LOAD_COMMIT}, "load the FM").payload);
    } catch (...) {
        // Give the card's only load slot back now; it would end with this channel anyway, so failing is no matter.
        k7_ioc_request abort{};
        abort.opcode = K7_CMD_FM_LOAD_ABORT;
        transport_->request(abort);
        throw;
    }
}

void Card::delete_fm(FmId id) {
    request(*transport_, {K7_CMD_FM_DELETE, id.value}, "delete FM " + to_string(id));
}

FmLogPage Card::fm_log_page(std::uint32_t first) const {
    const Answer answer = request(*transport_, {K7_CMD_FM_LOG, first}, "read the log of its FMs");
    return {decode_fm_log(answer.payload), answer.result};
}

std::vector<FmLogLine> Card::fm_log() const {
    std::vector<FmLogLine> lines;
    std::uint32_t first = 0;
    for (unsigned count = 0; count < kLogPagesMax; ++count) {
        FmLogPage page = fm_log_page(first);
        if (page.lines.empty() || page.next_line <= first)
            break;
        std::ranges::move(page.lines, std::back_inserter(lines));
        first = page.next_line;
    }
    return lines;
}

FmReply Card::call_fm(FmId id, ByteView payload, std::chrono::milliseconds timeout) {
    Answer answer =
        request(*transport_, {K7_CMD_FM_CALL, id.value, payload, to_ms(timeout)}, "call FM " + to_string(id));
    return {answer.result, std::move(answer.payload)};
}

std::vector<CertificateInfo> Card::certificates() const {
    return decode_certificates(request(*transport_, {K7_CMD_CERT_LIST}, "list certificates").payload);
}

SmfsInfo Card::smfs_info() const {
    return decode_smfs_info(request(*transport_, {K7_CMD_SMFS_INFO}, "ask about the SMFS").payload);
}

SmfsCheck Card::check_smfs() const {
    return decode_smfs_check(request(*transport_, {K7_CMD_SMFS_CHECK}, "check the SMFS").payload);
}

void Card::activate_smfs() {
    request(*transport_, {K7_CMD_SMFS_ACTIVATE}, "activate the SMFS");
}

SecureBytes Card::random(std::size_t count) const {
    if (count == 0 || count > K7_PAYLOAD_MAX)
        throw Error(ErrorKind::usage, "random bytes: from 1 to " + std::to_string(K7_PAYLOAD_MAX));
    Answer answer = request(*transport_, {K7_CMD_GET_RANDOM, static_cast<std::uint32_t>(count)}, "get random bytes");
    if (answer.payload.size() != count)
        throw Error(ErrorKind::failed, "the card gave " + std::to_string(answer.payload.size()) +
                                           " random bytes instead of " + std::to_string(count));
    return std::move(answer.payload);
}

namespace {

void erase(Transport &transport, std::uint32_t target, const char *what) {
    k7_ioc_erase wire{};
    wire.target = target;
    check_errno(transport, transport.erase(wire), what);
    check_card_status(transport, wire.card_status, {}, what);
}

} // namespace

void Card::erase_fms() {
    erase(*transport_, K7_ERASE_FMS, "erase all FMs");
}
void Card::erase_smfs() {
    erase(*transport_, K7_ERASE_SMFS, "erase the SMFS");
}

CardStatus Card::reset(ResetKind kind, BootMode mode, std::chrono::milliseconds timeout) {
    k7_ioc_reset wire{};
    wire.kind = static_cast<std::uint32_t>(kind);
    wire.mode = static_cast<std::uint32_t>(mode);
    wire.timeout_ms = to_ms(timeout);
    check_errno(*transport_, transport_->reset(wire), "reset it");
    return status();
}

Event Card::wait_event(std::chrono::milliseconds timeout, std::uint32_t mask) {
    k7_ioc_event wire{};
    wire.mask = mask;
    wire.timeout_ms = timeout.count() < 0 ? kForever : to_ms(timeout);
    check_errno(*transport_, transport_->event(wire), "wait for events");
    return {wire.events, state_of(wire.card_state), reason_of(wire.card_state), wire.generation, wire.fault_sequence};
}

void Card::require_firmware(const std::string &attempt) const {
    hsm::require_firmware(*transport_, attempt);
}

std::string Card::trouble() const {
    return trouble_of(*transport_);
}

} // namespace hsm
