// SPDX-License-Identifier: GPL-2.0-or-later
//
// The boot loader: the card's first life, alive while the card is powered. It answers the mailbox, starts and stops
// the firmware, and watches it.
#pragma once

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "card/boot_loader/storm.hpp"
#include "card/context.hpp"
#include "card/firmware/firmware.hpp"
#include "k7/payload.h"

namespace k7::card {

class BootLoader {
  public:
    /// Starts the thread, which starts the firmware.
    explicit BootLoader(Context &card);
    /// Switches off: stops firmware and thread.
    ~BootLoader();
    BootLoader(const BootLoader &) = delete;
    BootLoader &operator=(const BootLoader &) = delete;

    /// Begin a reset; any thread. See k7card_reset().
    void reset(k7card_reset_kind kind);

  private:
    friend struct BootCommands; ///< boot_loader/commands.cpp

    void run();
    void look(const Registers::BootCall &call);
    void restart(Gate::Ticket ticket);
    void serve_mailbox(Gate::Ticket ticket);
    void serve(const MailboxCommand &command, Gate::Ticket ticket);
    Bytes execute(const MailboxCommand &command, Gate::Ticket ticket);
    void start_firmware(k7_boot_mode mode, Gate::Ticket ticket);
    void stop_firmware();
    void check_hardware(Gate::Ticket ticket);
    void check_watchdog(Gate::Ticket ticket);
    void halt_hung_firmware(Gate::Ticket ticket);
    void store_failed(const std::string &why, Gate::Ticket ticket);

    [[nodiscard]] std::optional<Registers::Clock::time_point> next_look();

    Context &card_;
    Storm storm_;
    std::unique_ptr<Firmware> firmware_;
    std::uint32_t boot_mode_ = K7_BOOT_MODE_OPERATIONAL;
    std::atomic<Registers::Clock::time_point> power_on_;
    std::atomic<bool> cold_{false}; ///< the reset that is under way was a power cycle
    std::uint32_t last_heartbeat_ = 0;
    Registers::Clock::time_point last_tick_;
    unsigned missed_ticks_ = 0;
    std::thread thread_;
};

} // namespace k7::card
