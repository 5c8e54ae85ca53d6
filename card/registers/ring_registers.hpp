// SPDX-License-Identifier: GPL-2.0-or-later
//
// The registers of one ring pair. No lock of its own: class Registers guards it.
#pragma once

#include <cstdint>
#include <string>

#include "k7/hw.h"

namespace k7::card {

class RingRegisters {
  public:
    [[nodiscard]] std::uint32_t read(std::uint32_t offset) const;

    /// @param firmware_runs whether rings may be enabled now
    /// @return the rule that the driver broke, empty when none
    std::string write(std::uint32_t offset, std::uint32_t value, bool firmware_runs);

    /// The firmware has stopped: the ring is disabled. What the driver wrote to the other registers stays.
    void disable();
    /// The card could not use the ring's memory: disabled, STATUS shows ERROR.
    void fail();

    // What the driver has set.
    std::uint64_t sq_base = 0;
    std::uint64_t cq_base = 0;
    std::uint32_t size = 0;
    std::uint32_t vector = 0;
    bool enabled = false;
    bool stuck = false; ///< a fault: reads as ENABLED for good

    // Indices. Those of the driver are checked when they are written.
    std::uint32_t sq_tail = 0;
    std::uint32_t cq_head = 0;
    std::uint32_t sq_head = 0;
    std::uint32_t cq_tail = 0;
    bool phase = true;

    // Interrupts on demand.
    bool on_demand = false;
    bool armed = false;
    std::uint64_t taken = 0;       ///< completions whose slot was taken since the ring was enabled
    std::uint64_t written = 0;     ///< of these the ones that the driver can see: all, or all but the one being written
    std::uint64_t armed_after = 0; ///< completions that the CQ head of the doorbell that armed counts as consumed

    /// Raised whenever the ring is enabled or disabled: work of before must not touch it any more.
    std::uint64_t epoch = 0;
    /// DMA for this ring that is running right now: ENABLED stays until it is over.
    unsigned dma_running = 0;

    /// Completions that can be written before the driver must consume some.
    [[nodiscard]] std::uint32_t completion_room() const { return size - 1 - ((cq_tail - cq_head) & (size - 1)); }
    /// Take the slot of the next completion. @return its index
    std::uint32_t take_completion();
    /// Is it time for the vector, when completions have been written or the ring was armed? If so, it is disarmed.
    [[nodiscard]] bool take_interrupt();
    /// Submissions that wait to be fetched.
    [[nodiscard]] std::uint32_t submissions() const { return (sq_tail - sq_head) & (size - 1); }

  private:
    [[nodiscard]] bool in_use() const { return enabled || dma_running != 0 || stuck; }
    [[nodiscard]] std::string setup_error(bool firmware_runs) const;
    std::string write_control(std::uint32_t value, bool firmware_runs);
    std::string write_setup(std::uint32_t offset, std::uint32_t value);
    std::string write_sq_tail(std::uint32_t value);
    std::string write_cq_head(std::uint32_t value);
    std::string write_doorbell(std::uint32_t value);
    [[nodiscard]] bool consumed_only_what_is_there(std::uint32_t head) const;
    void enable(bool interrupts_on_demand);

    bool error_ = false;
};

} // namespace k7::card
