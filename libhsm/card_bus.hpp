// SPDX-License-Identifier: Apache-2.0
//
// The bus of an in-process card: memory that the card reaches by DMA, registers, interrupts.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "card/k7card.h"
#include "hsm/bytes.hpp"

namespace hsm {

/// libk7card.so.0, loaded on first need: hosts that only have real cards need not install it.
struct CardLibrary {
    std::shared_ptr<void> handle;
    decltype(&k7card_create) create;
    decltype(&k7card_destroy) destroy;
    decltype(&k7card_mmio_read) read;
    decltype(&k7card_mmio_write) write;
    decltype(&k7card_reset) reset;

    /// @throws Error when the library is not there
    static CardLibrary load();
};

/// The card, switched on, and what plays the PCIe bus for it.
class CardBus {
  public:
    using Clock = std::chrono::steady_clock;
    using Property = std::pair<std::string, std::string>;

    /// First bus address of the memory that the card can reach. Not 0, so that a forgotten address is found.
    static constexpr std::uint64_t kMemoryBase = 0x100000;

    /// @param memory_size bytes that the card can reach by DMA
    /// @throws Error when the card cannot be made, with the card's reason
    CardBus(const std::vector<Property> &properties, std::size_t memory_size);
    CardBus(const CardBus &) = delete;
    CardBus &operator=(const CardBus &) = delete;
    ~CardBus();

    [[nodiscard]] std::uint32_t read(std::uint32_t offset) const { return library_.read(card_, offset, 4); }
    void write(std::uint32_t offset, std::uint32_t value) { library_.write(card_, offset, value, 4); }
    void reset(k7card_reset_kind kind) { library_.reset(card_, kind); }

    /// Copy between the host and bus memory; the range must lie inside it.
    void store(std::uint64_t address, ByteView bytes);
    void fetch(std::uint64_t address, std::span<std::byte> bytes) const;
    void clear(std::uint64_t address, std::size_t size);

    /// Interrupts of @p vector so far: take it before looking at the card, then wait for more.
    [[nodiscard]] std::uint64_t interrupts(unsigned vector) const;
    /// Wait until there are more than @p seen, or @p until. Also returns early, so look at the card in a loop.
    void wait_interrupt(unsigned vector, std::uint64_t seen, Clock::time_point until) const;

  private:
    static int on_dma_read(void *opaque, std::uint64_t address, void *buffer, std::size_t size);
    static int on_dma_write(void *opaque, std::uint64_t address, const void *buffer, std::size_t size);
    static void on_interrupt(void *opaque, unsigned vector);
    /// @return the bytes at [address, address + size), empty when any of them is outside
    std::span<std::byte> range(std::uint64_t address, std::size_t size);

    CardLibrary library_;
    k7card *card_ = nullptr;
    mutable std::mutex memory_mutex_; // guards memory_
    SecureBytes memory_;
    mutable std::mutex interrupt_mutex_; // guards interrupts_
    mutable std::condition_variable interrupted_;
    std::array<std::uint64_t, K7CARD_VECTORS> interrupts_{};
};

} // namespace hsm
