// SPDX-License-Identifier: GPL-2.0-or-later
//
// The boot loader's commands: one table row and one handler each.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

#include "card/boot_loader/boot_loader.hpp"
#include "card/fm_host/core.hpp"

namespace k7::card {

static_assert(sizeof(k7_identity) == 256);
static_assert(sizeof(k7_card_state) == 128);
static_assert(sizeof(k7_fault_report) <= K7_MB_DATA_BYTES);

namespace {

constexpr std::string_view kModel = "K7";
constexpr std::string_view kPartNumber = "K7-VIRTUAL-003"; // 003: takes FMs
constexpr std::uint32_t kHardwareVersion = 0x00010000;

template <std::size_t Size>
void put_text(char (&field)[Size], std::string_view text) {
    std::copy_n(text.begin(), std::min(text.size(), Size), field);
}

template <class T>
Bytes to_bytes(const T &value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    return {bytes.begin(), bytes.end()};
}

/// "1.2.3" as major in 31:16, minor in 15:8, patch in 7:0
std::uint32_t software_version() {
    std::string_view text = K7HSM_VERSION;
    std::array<std::uint32_t, 3> parts{};
    for (std::uint32_t &part : parts) {
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part);
        text.remove_prefix(std::min<std::size_t>(text.size(), static_cast<std::size_t>(end - text.data()) + 1));
    }
    return parts[0] << 16 | parts[1] << 8 | parts[2];
}

k7_boot_mode boot_mode(std::uint32_t value) {
    if (value > K7_BOOT_MODE_STAY)
        throw Error(K7_ST_BAD_FIELD, "boot mode " + std::to_string(value) + " is not known");
    return static_cast<k7_boot_mode>(value);
}

} // namespace

/// What the table points to.
struct BootCommands {
    using Handler = Bytes (*)(BootLoader &boot, const MailboxCommand &command, Gate::Ticket ticket);

    struct Entry {
        std::uint16_t opcode;
        bool in_failed; ///< also answered when the card has failed
        Handler handler;
    };

    static const Entry &find(std::uint16_t opcode);

    static Bytes identify(BootLoader &boot, const MailboxCommand &, Gate::Ticket) {
        k7_identity identity{};
        put_text(identity.model, kModel);
        put_text(identity.esn, boot.card_.store.esn());
        if (boot.card_.registers.status().state != K7_STATE_FAILED)
            put_text(identity.label, boot.card_.store.security().label);
        put_text(identity.part_number, kPartNumber);
        identity.hardware_version = kHardwareVersion;
        identity.boot_loader_version = identity.firmware_version = software_version();
        identity.interface_version = K7_VERSION;
        put_text(identity.firmware_build, "k7hsm " K7HSM_VERSION);
        identity.features = boot.card_.registers.features();
        identity.rings = K7_RING_MAX;
        identity.ring_entries = 1u << K7_RING_ENTRIES_MAX_LOG2;
        identity.payload_max = K7_PAYLOAD_MAX;
        identity.channels = K7_CHANNEL_MAX;
        identity.fm_capacity = K7_FM_COUNT_MAX;
        identity.fm_image_max = K7_FM_IMAGE_MAX;
        identity.fm_memory_max = K7_FM_MEMORY_MAX;
        return to_bytes(identity);
    }

    static Bytes state(BootLoader &boot, const MailboxCommand &, Gate::Ticket) {
        Context &card = boot.card_;
        const Status status = card.registers.status();
        k7_card_state reply{};
        reply.state = status.state;
        reply.reason = status.reason;
        reply.generation = status.generation;
        reply.boot_mode = boot.boot_mode_;
        const auto uptime = Registers::Clock::now() - boot.power_on_.load();
        reply.uptime_ms =
            static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(uptime).count());
        reply.time = card_time();
        reply.fault_sequence = status.fault_sequence;
        reply.resets = card.resets_since_power_on;
        reply.faults = card.faults_since_power_on;
        reply.smfs_state = card.smfs_state();
        reply.smfs_capacity = card.store.smfs_capacity();
        reply.temperature_mc = static_cast<std::uint32_t>(card.sensors.value(Sensors::Temperature));
        reply.core_mv = static_cast<std::uint32_t>(card.sensors.value(Sensors::CoreVoltage));
        reply.battery_mv = static_cast<std::uint32_t>(card.sensors.value(Sensors::BatteryVoltage));
        if (status.state != K7_STATE_FAILED) {
            put_totals(card, reply);
            put_security(card.store.security(), reply);
        }
        return to_bytes(reply);
    }

    static void put_totals(Context &card, k7_card_state &reply) {
        const FmTotals fms = card.store.fm_totals();
        reply.fm_count = fms.count;
        reply.fm_bytes = fms.bytes;
        const SmfsVault::Facts smfs = card.smfs.facts();
        reply.smfs_generation = smfs.generation;
        reply.smfs_files = smfs.totals.files;
        reply.smfs_directories = smfs.totals.directories;
        reply.smfs_used = smfs.totals.used;
    }

    static void put_security(const Security &security, k7_card_state &reply) {
        const auto flag = [](bool is, std::uint32_t bit) { return is ? bit : 0; };
        reply.security = flag(security.initialised, K7_SECURITY_INITIALISED) |
                         flag(security.policies.at(K7_POLICY_FM) != 0, K7_SECURITY_FMS_ALLOWED) |
                         flag(security.fms_were_allowed, K7_SECURITY_FMS_WERE_ALLOWED) |
                         flag(security.policies.at(K7_POLICY_SMFS_AUTO_ACTIVATION) != 0, K7_SECURITY_SMFS_AUTO) |
                         flag(security.policies.at(K7_POLICY_FAULT) != 0, K7_SECURITY_ISOLATE) |
                         flag(security.decommissioned, K7_SECURITY_DECOMMISSIONED);
        if (security.initialised)
            reply.login_attempts = K7_LOGIN_ATTEMPTS - std::min<std::uint32_t>(security.failures, K7_LOGIN_ATTEMPTS);
    }

    static Bytes fault_report(BootLoader &boot, const MailboxCommand &command, Gate::Ticket) {
        const auto report = boot.card_.store.fault_report(command.args[0]);
        if (!report)
            throw Error(K7_ST_NOT_FOUND, command.args[0] == 0
                                             ? "there is no fault report"
                                             : "fault report " + std::to_string(command.args[0]) + " is not kept");
        return to_bytes(*report);
    }

    static Bytes fault_core(BootLoader &boot, const MailboxCommand &command, Gate::Ticket) {
        const std::uint32_t sequence = K7_FAULT_CORE_SEQUENCE_GET(command.args[0]);
        const auto core = read_core(boot.card_.store, boot.card_.smfs, sequence);
        if (!core)
            throw Error(K7_ST_NOT_FOUND,
                        "there is no core" + (sequence == 0 ? std::string() : " of fault " + std::to_string(sequence)));
        const std::span<const std::byte> bytes = core->bytes();
        const std::size_t begin = std::min<std::size_t>(
            bytes.size(), std::size_t{K7_FAULT_CORE_PIECE_GET(command.args[0])} * K7_MB_DATA_BYTES);
        const auto piece = bytes.subspan(begin, std::min<std::size_t>(K7_MB_DATA_BYTES, bytes.size() - begin));
        return {piece.begin(), piece.end()};
    }

    static void stop(BootLoader &boot, Gate::Ticket ticket) {
        if (boot.card_.registers.status().state == K7_STATE_HALTED)
            boot.stop_firmware();
        else
            stop_firmware(boot, {}, ticket);
    }

    static Bytes erase_fms(BootLoader &boot, const MailboxCommand &, Gate::Ticket ticket) {
        stop(boot, ticket);
        boot.card_.store.wipe({{.fms = true}, std::nullopt});
        boot.card_.report_unfinished_erase();
        boot.card_.registers.raise(K7_EVENT_FM_LIST);
        return {};
    }

    static Bytes erase_smfs(BootLoader &boot, const MailboxCommand &, Gate::Ticket ticket) {
        stop(boot, ticket);
        wipe(boot.card_.smfs, {.smfs = true}, [&](const StoredWipe &wiped) { boot.card_.store.wipe(wiped); });
        boot.card_.report_unfinished_erase();
        boot.card_.registers.raise(K7_EVENT_SMFS);
        return {};
    }

    static Bytes start_firmware(BootLoader &boot, const MailboxCommand &command, Gate::Ticket ticket) {
        const k7_boot_mode mode = boot_mode(command.args[0]);
        if (mode == K7_BOOT_MODE_STAY)
            return stop_firmware(boot, command, ticket);
        boot.start_firmware(mode, ticket);
        return {};
    }

    // DMA ends and the state changes first, then the thread is waited for: the state never shows firmware that is gone.
    static Bytes stop_firmware(BootLoader &boot, const MailboxCommand &, Gate::Ticket ticket) {
        boot.card_.registers.change_state(ticket, K7_STATE_BOOT, K7_REASON_STOPPED);
        boot.stop_firmware();
        return {};
    }

    // The reset itself follows the answer (BootLoader::serve).
    static Bytes reset(BootLoader &, const MailboxCommand &command, Gate::Ticket) {
        boot_mode(command.args[0]);
        return {};
    }
};

// To add a boot loader command: enum k7_boot_opcode in hw.h, a handler above, a line here, docs/card-interface.md.
const BootCommands::Entry &BootCommands::find(std::uint16_t opcode) {
    static constexpr std::array kTable{
        Entry{K7_BOOT_IDENTIFY, true, identify},
        Entry{K7_BOOT_STATE, true, state},
        Entry{K7_BOOT_FAULT_REPORT, true, fault_report},
        Entry{K7_BOOT_ERASE_FMS, false, erase_fms},
        Entry{K7_BOOT_ERASE_SMFS, false, erase_smfs},
        Entry{K7_BOOT_START_FIRMWARE, false, start_firmware},
        Entry{K7_BOOT_STOP_FIRMWARE, false, stop_firmware},
        Entry{K7_BOOT_RESET, true, reset},
        Entry{K7_BOOT_FAULT_CORE, false, fault_core},
    };
    const auto found =
        std::find_if(kTable.begin(), kTable.end(), [opcode](const Entry &entry) { return entry.opcode == opcode; });
    if (found == kTable.end())
        throw Error(K7_ST_UNKNOWN_COMMAND, "boot loader command " + std::to_string(opcode) + " is not known");
    return *found;
}

Bytes BootLoader::execute(const MailboxCommand &command, Gate::Ticket ticket) {
    const BootCommands::Entry &entry = BootCommands::find(command.opcode);
    if (!entry.in_failed && card_.registers.status().state == K7_STATE_FAILED)
        throw Error(K7_ST_BAD_STATE, "the card has failed: only queries and a reset are answered");
    return entry.handler(*this, command, ticket);
}

} // namespace k7::card
