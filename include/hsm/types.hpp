// SPDX-License-Identifier: Apache-2.0
/// @file hsm/types.hpp
/// What a card tells about itself, checked and in host byte order. Plain values: copy them, share them between threads.
/// All text from a card has been reduced to printable ASCII.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hsm/export.hpp"

namespace hsm {

/// States of a card; the numbers are the card's (enum k7_state). A value outside the list is printed as a number.
enum class CardState : std::uint32_t {
    boot = 1,
    operational = 2,
    pre_init = 3,
    maintenance = 4,
    halted = 5,
    failed = 6,
    tampered = 7,
    gone = 0xff, ///< the card does not answer: all ones
};

/// Why a card is in its state (enum k7_reason).
enum class Reason : std::uint32_t {
    none = 0,
    fm_fault = 1,
    watchdog = 2,
    firmware = 3,
    store = 4,
    hardware = 5,
    stopped = 6,
};

/// "OPERATIONAL", "HALTED", ...; "UNKNOWN (n)" for a number that this library does not know.
HSM_EXPORT std::string to_string(CardState state);
/// "FM fault", "watchdog", ...
HSM_EXPORT std::string to_string(Reason reason);
/// True when the firmware serves requests.
HSM_EXPORT bool firmware_runs(CardState state) noexcept;

/// A version as the card gives it.
struct Version {
    std::uint8_t major = 0;
    std::uint8_t minor = 0;
    std::uint8_t patch = 0;
    auto operator<=>(const Version &) const = default;
};
HSM_EXPORT std::string to_string(Version version);

/// Number of a Functionality Module, a000 .. afff in images that a card takes.
struct FmId {
    std::uint32_t value = 0;
    auto operator<=>(const FmId &) const = default;
};
/// Four hexadecimal digits: "a002".
HSM_EXPORT std::string to_string(FmId id);
/// @param text hexadecimal, with or without 0x
/// @throws Error (usage) when @p text is no number from a000 to afff
HSM_EXPORT FmId parse_fm_id(std::string_view text);

/// Who a card is; works in every state.
struct Identity {
    std::string model;
    std::string esn;   ///< electronic serial number, XXXX-XXXX-XXXX
    std::string label; ///< given by the HSM SO; empty when not initialised
    std::string part_number;
    std::uint32_t hardware_version = 0;
    Version boot_loader_version;
    Version firmware_version;
    std::string firmware_build;
    bool has_fm = false;
    bool has_smfs = false;
    bool debug = false; ///< its FMs are open to a debugger: no card for secrets
    std::uint32_t rings = 0;
    std::uint32_t ring_entries = 0;
    std::uint32_t payload_max = 0; ///< bytes
    std::uint32_t channels = 0;
    std::uint32_t fm_capacity = 0;   ///< FMs
    std::uint32_t fm_image_max = 0;  ///< bytes
    std::uint32_t fm_memory_max = 0; ///< bytes
};

/// How a card is, from its boot loader; works in every state in which the card answers.
struct CardStatus {
    CardState state = CardState::gone;
    Reason reason = Reason::none;
    std::uint32_t generation = 0; ///< raised by every reset and firmware start
    std::uint32_t boot_mode = 0;
    std::uint64_t uptime_ms = 0; ///< since power on
    std::uint64_t time = 0;      ///< card's clock, seconds since 1970, UTC
    std::uint32_t fault_sequence = 0;
    std::uint32_t fm_count = 0; ///< FMs in the store, running or not
    std::uint64_t fm_bytes = 0;
    bool smfs_active = false;
    std::uint32_t smfs_generation = 0; ///< raised by each erase of the SMFS
    std::uint32_t smfs_files = 0;
    std::uint32_t smfs_directories = 0; ///< without the root
    std::uint64_t smfs_used = 0;        ///< bytes
    std::uint64_t smfs_capacity = 0;    ///< bytes
    std::uint32_t resets = 0;           ///< since power on
    std::uint32_t faults = 0;           ///< since power on
    std::int32_t temperature_mc = 0;    ///< millidegrees Celsius; 0: the card has no such sensor
    std::uint32_t core_mv = 0;          ///< millivolts; 0: no such sensor
    std::uint32_t battery_mv = 0;       ///< millivolts; 0: no such sensor
    bool initialised = false;
    bool fms_allowed = false;      ///< by policy
    bool fms_were_allowed = false; ///< now or ever; nothing takes it back
    bool smfs_auto_activation = false;
    bool isolates_faults = false;     ///< a fault stops the FM alone; else it halts the card
    bool decommissioned = false;      ///< and not initialised since
    std::uint32_t login_attempts = 0; ///< wrong passwords that are left before the HSM is zeroized
};

/// The driver's own view of a card; needs no answer from the card.
struct DriverInfo {
    std::string driver_version;
    std::uint32_t index = 0;        ///< N of /dev/k7pfN
    std::uint32_t driver_state = 0; ///< enum k7_driver_state
    CardState state = CardState::gone;
    Reason reason = Reason::none;
    std::uint32_t generation = 0;
    std::uint32_t fault_sequence = 0;
    std::uint32_t payload_max = 0; ///< bytes
    std::uint32_t channels = 0;
    std::uint32_t channel = 0;
    std::string esn;
    std::string pci_address; ///< 0000:00:03.0; empty for a card that is on no bus
};

enum class FmStatus : std::uint32_t { loaded = 1, enabled = 2, faulted = 3, failed = 4 };
enum class FmStartup : std::uint32_t { not_started = 0, ok = 1, failed = 2, refused = 3 };

/// A SHA-256 digest that names an FM's signed content, or a certificate.
struct Fingerprint {
    std::array<std::uint8_t, 32> bytes{};
    auto operator<=>(const Fingerprint &) const = default;
};
/// 64 hexadecimal digits, lower case.
HSM_EXPORT std::string to_string(const Fingerprint &fingerprint);

/// One FM on a card.
struct FmInfo {
    FmId id;
    std::uint16_t version = 0; ///< major in the high byte
    std::uint32_t serial = 0;
    FmStatus status = FmStatus::loaded;
    FmStartup startup = FmStartup::not_started;
    std::uint32_t startup_value = 0; ///< failed: what the start-up function returned; refused: a number of the card's
    std::uint32_t image_size = 0;    ///< bytes
    std::uint32_t memory_size = 0;   ///< bytes
    std::uint64_t build_time = 0;    ///< seconds since 1970, UTC
    std::uint64_t load_time = 0;     ///< seconds since 1970, UTC, by the card's clock
    std::uint64_t calls = 0;         ///< since firmware start
    std::uint32_t smfs_used = 0;     ///< bytes of the files in its own SMFS tree
    std::uint32_t smfs_nodes = 0;    ///< files and directories there; both 0 while the SMFS is not active
    std::string manufacturer;
    std::string product;
    Fingerprint fingerprint; ///< SHA-256 of the signed content
    std::string certificate; ///< label of the certificate that it was signed with
};
/// The field's words: "Enabled" or "Loaded, needs restart to activate"; ours: "Faulted, stopped until the next
/// restart" and "Failed, did not start".
HSM_EXPORT std::string to_string(FmStatus status);
/// The field's words: "OK", "N/A (FM not started)" or "Failed (n)"; ours: "Refused: ..." with the card's reason.
HSM_EXPORT std::string startup_text(const FmInfo &fm);
/// "1.02": major, minor with two digits, as the field prints FM versions.
HSM_EXPORT std::string fm_version_text(std::uint32_t version);

/// One line that an FM has logged.
struct FmLogLine {
    FmId id;
    std::string text;
};

struct SmfsInfo {
    bool active = false;
    std::uint32_t generation = 0;
    std::uint32_t files = 0;
    std::uint32_t directories = 0;
    std::uint64_t used = 0;     ///< bytes
    std::uint64_t capacity = 0; ///< bytes
    // What older cards do not tell is 0 or false.
    bool damaged = false;        ///< not what was written, or of an older time: Card::check_smfs() says what
    std::uint64_t quota = 0;     ///< bytes of files that one FM may have
    std::uint64_t counter = 0;   ///< changes since the store was made
    std::uint32_t nodes_max = 0; ///< files and directories that fit
    bool has_root_key = false;   ///< sealed under a key outside of the store
    bool has_counter = false;    ///< an old copy of the store is noticed
};

/// Something that Card::check_smfs() found. Numbers: include/k7/payload.h.
struct SmfsFinding {
    std::uint32_t kind = 0;  ///< enum k7_smfs_finding_kind
    FmId fm;                 ///< of a file: whose it is; 0: of a tree that the FMs of one signer share
    std::uint64_t file = 0;  ///< of a file: its number. Names are the FM's secret
    std::uint32_t block = 0; ///< of a file: the first block that is damaged, as far as that is known
};
/// The finding in one line, what is wrong with what: "file 3 of FM a001: ..."
HSM_EXPORT std::string to_string(const SmfsFinding &finding);
/// What helps against it.
HSM_EXPORT std::string remedy(const SmfsFinding &finding);

/// Every block of the SMFS was read and its seal checked.
struct SmfsCheck {
    bool active = false;
    std::uint32_t generation = 0;
    std::uint32_t files = 0; ///< that were checked
    std::uint32_t directories = 0;
    std::uint64_t blocks = 0;          ///< of 4096 bytes
    std::uint32_t found = 0;           ///< findings in all; 0: the SMFS is well
    std::string reason;                ///< why nothing of it can be used; empty: it can
    std::vector<SmfsFinding> findings; ///< as many as fit one reply
};

/// A policy of the HSM; docs/roles.md says what each does.
struct Policy {
    std::uint32_t number = 0; ///< enum k7_policy_number of k7/payload.h
    std::uint32_t value = 0;
    std::uint32_t maximum = 0;
    bool destructive = false; ///< a change erases all FMs and the SMFS
};

struct CertificateInfo {
    std::string label;
    std::string subject;     ///< common name
    Fingerprint fingerprint; ///< SHA-256 of the DER
};

/// What halted a card. Numbers: include/k7/fault_report.h.
struct FaultReport {
    std::uint32_t sequence = 0; ///< counts from 1
    std::uint64_t time = 0;     ///< seconds since 1970, UTC, by the card's clock
    std::uint32_t generation = 0;
    std::uint32_t cause = 0; ///< enum k7_fault_cause
    std::uint32_t phase = 0; ///< enum k7_fault_phase
    FmId fm_id;              ///< 0: no FM is to blame
    std::uint32_t fm_version = 0;
    std::uint32_t fm_serial = 0;
    std::string fm_name;
    std::uint32_t pc = 0;
    std::uint32_t address = 0;
    std::uint32_t instruction = 0;
    std::uint64_t instructions = 0; ///< that the call had run
    std::array<std::uint32_t, 32> regs{};
    std::vector<std::uint32_t> backtrace; ///< innermost first, at most 32
    std::string symbol;                   ///< function that holds pc; empty when the card does not know
    std::uint32_t symbol_offset = 0;
    Fingerprint fingerprint;
};
/// "store access fault", "hung: instruction budget used up", ...
HSM_EXPORT std::string cause_text(const FaultReport &report);
/// True when the data or target address says something about this cause.
HSM_EXPORT bool has_address(const FaultReport &report) noexcept;
/// One line: "FM crashy (a002) store access fault at 0x00000000, pc 0x000101c4 in provoke+0x14".
HSM_EXPORT std::string to_string(const FaultReport &report);

} // namespace hsm
