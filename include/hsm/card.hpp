// SPDX-License-Identifier: Apache-2.0
/// @file hsm/card.hpp
/// An open card: a channel of its own, over the driver or in this process.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hsm/bytes.hpp"
#include "hsm/error.hpp"
#include "hsm/export.hpp"
#include "hsm/fault_core.hpp"
#include "hsm/types.hpp"

namespace hsm {

class Transport;

enum class ResetKind : std::uint32_t {
    firmware = 1, ///< the boot loader stops and starts the firmware
    card = 2,     ///< the boot loader resets the whole card
    function = 3, ///< PCIe function level reset
    bus = 4,      ///< secondary bus reset of the slot
};

enum class BootMode : std::uint32_t {
    operational = 0,
    maintenance = 1, ///< firmware without FMs
    boot_loader = 2, ///< no firmware
};

/// What happened on a card; flags are K7_EVENT_* of include/uapi/linux/k7hsm.h.
struct Event {
    std::uint32_t flags = 0; ///< 0: nothing within the time given
    CardState state = CardState::gone;
    Reason reason = Reason::none;
    std::uint32_t generation = 0;
    std::uint32_t fault_sequence = 0;
};

/// An FM to load. The views must stay valid until load_fm() returns.
struct FmLoad {
    ByteView image;               ///< a whole .fm file
    ByteView certificate;         ///< X.509 in DER; empty: @p label names a certificate that the card has stored
    std::string label;            ///< at most 31 characters; empty: the certificate's common name
    bool allow_downgrade = false; ///< may replace an FM of a higher version; refused without it
};

struct FmReply {
    std::uint32_t status = 0; ///< the FM's own status, 0 by custom for success
    SecureBytes payload;
};

/// A part of the log that FMs write, printable ASCII.
struct FmLogPage {
    std::vector<FmLogLine> lines;
    std::uint32_t next_line = 0; ///< number of the line after the last one here
};

/// Called while an image is sent: bytes sent so far, and in all.
using Progress = std::function<void(std::size_t done, std::size_t total)>;

/// One channel to one card.
///
/// Every call that talks to the card throws Error: permission (may not), not_operational (halted, in the boot loader,
/// gone, silent), not_found (no such FM or certificate), failed (the card refused; card_status() says how). All calls
/// are bounded in time and may come from several threads. Open a card anew after fork(): a child must not use the
/// parent's in-process card, and node channels would share one channel.
class HSM_EXPORT Card {
  public:
    /// Open a card.
    /// @param selector  node (/dev/k7pf0 or k7pf0), ESN (XXXX-XXXX-XXXX), PCI address (0000:00:03.0 or 00:03.0), or
    ///                  sim:STOREFILE[,property=value...]: a virtual card inside this process that is switched on now
    ///                  and off when this object ends; an empty STOREFILE keeps its store in memory
    /// @throws Error usage (no such form), not_found, permission, not_operational (card without driver), failed
    static Card open(std::string_view selector);

    /// For tests: a card behind any transport.
    explicit Card(std::unique_ptr<Transport> transport);
    ~Card();
    Card(Card &&) noexcept;
    Card &operator=(Card &&) noexcept;

    /// What messages call this card: its node, or the sim: selector.
    [[nodiscard]] const std::string &name() const noexcept;
    /// File descriptor for poll() (POLLPRI: an event waits); -1 for an in-process card.
    [[nodiscard]] int descriptor() const noexcept;

    /// The driver's view; works in every state, also when the card is gone.
    [[nodiscard]] DriverInfo info() const;
    /// From the boot loader; works on a halted card.
    [[nodiscard]] Identity identity() const;
    [[nodiscard]] CardStatus status() const;
    /// @param sequence which report, 0: the last one
    /// @return nothing when the card has no such report
    [[nodiscard]] std::optional<FaultReport> fault_report(std::uint32_t sequence = 0) const;

    /// The FM memory that was kept with a report. It may hold secrets of the FM. Needs CAP_SYS_ADMIN.
    /// @param sequence of the report, 0: the last core
    /// @return nothing when the card keeps none: the last few reports of FMs have one, until FMs or SMFS are erased
    [[nodiscard]] std::optional<FaultCore> fault_core(std::uint32_t sequence = 0) const;

    /// FMs in the card's store, ordered by ID. Needs an operational card, as all calls from here to random().
    [[nodiscard]] std::vector<FmInfo> fms() const;
    /// Send and commit an image: afterwards it is stored whole, or nothing has changed. It runs after a restart.
    /// Needs CAP_SYS_ADMIN. @return the FM as stored
    FmInfo load_fm(const FmLoad &load, const Progress &progress = {});
    /// Needs CAP_SYS_ADMIN. @throws Error not_found when no FM has this ID
    void delete_fm(FmId id);
    /// What FMs have logged since power on; the card keeps the last lines. Oldest first.
    [[nodiscard]] std::vector<FmLogLine> fm_log() const;
    /// Lines from number @p first on, as many as one reply takes; what the card no longer keeps is left out. No lines:
    /// there are no more yet.
    [[nodiscard]] FmLogPage fm_log_page(std::uint32_t first) const;
    /// Send @p request (at most info().payload_max bytes) to an FM and wait for its reply.
    /// @param timeout longest wait; 0: the driver's default
    FmReply call_fm(FmId id, ByteView request, std::chrono::milliseconds timeout = {});
    [[nodiscard]] std::vector<CertificateInfo> certificates() const;
    [[nodiscard]] SmfsInfo smfs_info() const;
    /// Have the card read the whole SMFS and check every seal: some milliseconds for each MiB. Works in maintenance
    /// mode, too. Needs CAP_SYS_ADMIN.
    [[nodiscard]] SmfsCheck check_smfs() const;
    /// Make the SMFS usable for FMs. Needs CAP_SYS_ADMIN.
    void activate_smfs();
    /// @param count 1 .. info().payload_max bytes from the card's random generator
    [[nodiscard]] SecureBytes random(std::size_t count) const;

    /// Erase all FMs, or the SMFS, through the boot loader; the other one stays. Works on a halted card. Requests in
    /// flight end, and the card stays in the boot loader until reset(). Needs CAP_SYS_ADMIN. Safe to repeat.
    void erase_fms();
    void erase_smfs();

    // ---- Roles and policies (docs/roles.md). All but policies() need CAP_SYS_ADMIN; the firmware must run. ----

    /// @throws Error usage when @p label is not 1 to 31 printable ASCII characters
    static void check_label(std::string_view label);
    /// Give the HSM an SO, and a label. An HSM that has one needs login() first, and loses its SMFS.
    /// @param label    as check_label() takes it
    /// @param password 8 to 255 bytes; neither kept nor logged, here or on the card
    void initialise(const std::string &label, ByteView password);
    /// Log the HSM SO in on this channel, until logout(), the end of this object, or the next reset or halt.
    /// Takes the card some 50 ms. @throws Error permission when the password is wrong (card_status()
    /// K7_ST_BAD_PASSWORD) or was wrong for the third time in a row (K7_ST_ZEROIZED: the SMFS is gone), not_operational
    /// when there is no SO
    /// @param shared  while it lasts, all channels of administrators may load FMs: for the kernel's firmware upload
    void login(ByteView password, bool shared = false);
    void logout();
    /// Log out every channel whose login is shared, whoever has it. @return how many there were
    std::uint32_t end_shared_logins();
    /// Needs login(). Other channels are logged out.
    void change_password(ByteView password);
    /// Erase the SMFS and the role; FMs and policies stay. The HSM is not initialised afterwards.
    void zeroize();
    /// Erase FMs, SMFS, certificates and the role, and set all policies to their initial values.
    void factory_reset();
    /// As factory_reset(), and the card says so until it is initialised again.
    void decommission();
    [[nodiscard]] std::vector<Policy> policies() const;
    /// Needs login(). Erases all FMs and the SMFS if the policy is destructive and its value changes.
    void set_policy(std::uint32_t number, std::uint32_t value);

    /// Reset, and wait until the card is up. That it halted again is no error: look at the state that is returned.
    /// @param mode     only operational for ResetKind::function and ResetKind::bus
    /// @param timeout  longest wait; 0: the driver's default. Needs CAP_SYS_ADMIN.
    CardStatus reset(ResetKind kind, BootMode mode = BootMode::operational, std::chrono::milliseconds timeout = {});

    /// Wait for events since this channel took them last. @param timeout negative: for ever
    Event wait_event(std::chrono::milliseconds timeout, std::uint32_t mask = 0);

    /// Find out early whether requests can work. @param attempt what is wanted, as in "cannot <attempt>"
    /// @throws Error (not_operational) with the reason and the remedy when the firmware does not run
    void require_firmware(const std::string &attempt) const;
    /// Why this card serves no requests, in one line; empty when it does. Never throws for a sick card.
    [[nodiscard]] std::string trouble() const;

  private:
    std::unique_ptr<Transport> transport_;
};

} // namespace hsm
