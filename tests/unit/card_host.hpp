// SPDX-License-Identifier: GPL-2.0-or-later
//
// A host and a driver for a card under test: memory on a bus, interrupts that are counted, rings, the mailbox. All of
// it works through card/k7card.h and include/k7, as QEMU and the kernel driver do.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "card/k7card.h"
#include "k7/fault_report.h"
#include "k7/fm_abi.h"
#include "k7/hw.h"
#include "k7/payload.h"
#include "k7/status.h"

namespace k7::test {

using Bytes = std::vector<std::byte>;
using Properties = std::vector<std::pair<std::string, std::string>>;

/// Of the HSM SO of cards that are provisioned: the first line of kPasswordFile.
constexpr std::string_view kPassword = "k7hsm test password";
constexpr const char *kPasswordFile = "tests/so-password";
/// For a card that is as a factory delivers it.
const std::pair<std::string, std::string> kAsDelivered{"so-password-file", ""};

/// @p properties of a card that is ready for FMs, unless they say otherwise. Threads that a busy machine leaves aside
/// for a while are not taken for hung.
inline Properties provisioned(Properties properties) {
    const Properties defaults{{"so-password-file", kPasswordFile}, {"watchdog-ms", "20000"}};
    for (const auto &preset : defaults) {
        const auto says = [&](const auto &property) { return property.first == preset.first; };
        if (std::none_of(properties.begin(), properties.end(), says))
            properties.push_back(preset);
    }
    return properties;
}

/// Far beyond what anything takes, even with sanitizers on a loaded machine: reaching it is a failure.
constexpr auto kPatience = std::chrono::seconds(60);

inline Bytes bytes_of(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

inline std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

/// The first @p T of @p bytes; zeros where bytes are missing.
template <class T>
T struct_of(std::span<const std::byte> bytes) {
    T value{};
    if (!bytes.empty())
        std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof(value)));
    return value;
}

/// Poll until @p condition holds. @return false when patience ran out
template <class Condition>
bool eventually(Condition &&condition, std::chrono::milliseconds patience = kPatience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return true;
}

/// A card could not be made.
class CreateError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

struct MailboxReply {
    k7_status status = K7_ST_OK;
    Bytes data;
};

struct CommandReply {
    k7_status status = K7_ST_OK;
    std::uint32_t result = 0;
    Bytes data;
    [[nodiscard]] std::string text() const { return text_of(data); }
};

/// The machine that the card sits in.
class CardHost {
  public:
    static constexpr std::uint64_t kMemoryBase = 0x40000000;
    static constexpr std::size_t kMemorySize = 8 << 20;

    /// @param properties completed by provisioned()
    explicit CardHost(const Properties &properties = {}) {
        const Properties all = provisioned(properties);
        std::vector<k7card_property> list;
        for (const auto &[name, value] : all)
            list.push_back({name.c_str(), value.c_str()});
        const k7card_host host{.size = sizeof(k7card_host),
                               .abi = K7CARD_ABI,
                               .opaque = this,
                               .dma_read = dma_read,
                               .dma_write = dma_write,
                               .interrupt = interrupt,
                               .thread_start = thread_start,
                               .thread_stop = thread_stop,
                               .log = log};
        std::array<char, 512> error{};
        card_.reset(k7card_create(&host, list.data(), list.size(), error.data(), error.size()));
        if (!card_)
            throw CreateError(error.data());
    }

    // ---- Registers ----
    std::uint32_t read(std::uint64_t offset) { return k7card_mmio_read(card_.get(), offset, 4); }
    void write(std::uint64_t offset, std::uint32_t value) { k7card_mmio_write(card_.get(), offset, value, 4); }
    std::uint32_t state() { return K7_STATE_GET(read(K7_REG_STATE)); }
    std::uint32_t reason() { return K7_REASON_GET(read(K7_REG_STATE)); }
    bool wait_state(std::uint32_t wanted) {
        return eventually([&] { return state() == wanted; });
    }
    void reset(k7card_reset_kind kind) { k7card_reset(card_.get(), kind); }

    // ---- Properties ----
    /// @return the error, empty when it was set
    std::string set(const std::string &name, const std::string &value) {
        std::array<char, 512> error{};
        const int result = k7card_set_property(card_.get(), name.c_str(), value.c_str(), error.data(), error.size());
        return result == 0 ? "" : error.data();
    }
    std::optional<std::string> get(const std::string &name) {
        std::array<char, 512> value{};
        if (k7card_get_property(card_.get(), name.c_str(), value.data(), value.size()) != 0)
            return std::nullopt;
        return value.data();
    }

    // ---- Mailbox ----
    void mailbox_begin(std::uint32_t opcode, std::uint32_t arg0 = 0) {
        write(K7_REG_MB_ARG(0), arg0);
        tag_ = (tag_ + 1) & 0x7fff;
        write(K7_REG_MB_COMMAND, K7_MB_COMMAND(opcode, tag_));
    }
    std::optional<MailboxReply> mailbox_end(std::chrono::milliseconds patience = kPatience) {
        const auto done = [&] {
            const std::uint32_t status = read(K7_REG_MB_STATUS);
            return (status & K7_MB_BUSY) == 0 && K7_MB_TAG_GET(status) == tag_;
        };
        if (!eventually(done, patience))
            return std::nullopt;
        MailboxReply reply;
        reply.status = static_cast<k7_status>(K7_MB_STATUS_GET(read(K7_REG_MB_STATUS)));
        reply.data.resize(read(K7_REG_MB_LENGTH));
        for (std::size_t at = 0; at < reply.data.size(); at += 4) {
            const std::uint32_t word = read(K7_REG_MB_DATA + at);
            std::memcpy(reply.data.data() + at, &word, std::min<std::size_t>(4, reply.data.size() - at));
        }
        return reply;
    }
    MailboxReply mailbox(std::uint32_t opcode, std::uint32_t arg0 = 0) {
        mailbox_begin(opcode, arg0);
        auto reply = mailbox_end();
        if (!reply)
            throw std::runtime_error("the boot loader did not answer");
        return *reply;
    }
    k7_card_state card_state() { return struct_of<k7_card_state>(mailbox(K7_BOOT_STATE).data); }
    k7_identity identity() { return struct_of<k7_identity>(mailbox(K7_BOOT_IDENTIFY).data); }

    // ---- Bus memory ----
    /// Take @p size bytes of bus memory, zeroed and aligned to 4096. Never given back.
    std::uint64_t allocate(std::size_t size) {
        const std::size_t at = allocated_;
        allocated_ += (size + 4095) / 4096 * 4096;
        if (allocated_ > kMemorySize)
            throw std::runtime_error("the test's bus memory is used up");
        return kMemoryBase + at;
    }
    void poke(std::uint64_t address, std::span<const std::byte> bytes) {
        const std::scoped_lock lock(mutex_);
        std::copy(bytes.begin(), bytes.end(), memory(address));
    }
    /// The memory itself, for benchmarks and for tests that are alone with the card.
    std::byte *memory(std::uint64_t address) { return memory_.get() + (address - kMemoryBase); }
    Bytes peek(std::uint64_t address, std::size_t size) {
        const std::scoped_lock lock(mutex_);
        const auto *from = memory_.get() + (address - kMemoryBase);
        return {from, from + size};
    }
    template <class T>
    T peek(std::uint64_t address) {
        return struct_of<T>(peek(address, sizeof(T)));
    }

    // ---- What happened ----
    unsigned interrupts(unsigned vector) { return interrupts_.at(vector); }
    /// A write that raises one may return before it is sent, by a thread of the card that holds a gate (card/bus.hpp).
    bool wait_interrupts(unsigned vector, unsigned wanted) {
        return eventually([&] { return interrupts(vector) == wanted; });
    }
    unsigned dma_accesses() { return dma_accesses_; }
    int threads() { return threads_; }
    unsigned guest_errors() { return logged(K7CARD_LOG_GUEST_ERROR); }
    /// Lines of this level that the card has logged.
    unsigned logged(k7card_log_level level) { return logged_.at(level); }
    /// Called in each DMA, before it is done.
    std::function<void()> on_dma;
    /// Called in each interrupt.
    std::function<void(unsigned)> on_interrupt;

    void switch_off() { card_.reset(); }

  private:
    struct Destroy {
        void operator()(k7card *card) const { k7card_destroy(card); }
    };

    static CardHost &self(void *opaque) { return *static_cast<CardHost *>(opaque); }

    bool on_bus(std::uint64_t address, std::size_t size) {
        return address >= kMemoryBase && size <= kMemorySize && address - kMemoryBase <= kMemorySize - size;
    }
    static int dma_read(void *opaque, std::uint64_t address, void *buffer, std::size_t size) {
        CardHost &host = self(opaque);
        ++host.dma_accesses_;
        if (host.on_dma)
            host.on_dma();
        const std::scoped_lock lock(host.mutex_);
        if (!host.on_bus(address, size))
            return -1;
        std::memcpy(buffer, host.memory_.get() + (address - kMemoryBase), size);
        return 0;
    }
    static int dma_write(void *opaque, std::uint64_t address, const void *buffer, std::size_t size) {
        CardHost &host = self(opaque);
        ++host.dma_accesses_;
        if (host.on_dma)
            host.on_dma();
        const std::scoped_lock lock(host.mutex_);
        if (!host.on_bus(address, size))
            return -1;
        std::memcpy(host.memory_.get() + (address - kMemoryBase), buffer, size);
        return 0;
    }
    static void interrupt(void *opaque, unsigned vector) {
        ++self(opaque).interrupts_.at(vector);
        if (self(opaque).on_interrupt)
            self(opaque).on_interrupt(vector);
    }
    static void thread_start(void *opaque) { ++self(opaque).threads_; }
    static void thread_stop(void *opaque) { --self(opaque).threads_; }
    static void log(void *opaque, k7card_log_level level, const char *) { ++self(opaque).logged_.at(level); }

    std::mutex mutex_;
    struct Free {
        void operator()(std::byte *memory) const { std::free(memory); }
    };
    /// Zeroed by the kernel where it is touched, and nowhere else: hosts are made by the thousand.
    std::unique_ptr<std::byte[], Free> memory_{static_cast<std::byte *>(std::calloc(kMemorySize, 1))};
    std::size_t allocated_ = 0;
    std::array<std::atomic<unsigned>, K7CARD_VECTORS> interrupts_{};
    std::atomic<unsigned> dma_accesses_{0};
    std::array<std::atomic<unsigned>, K7CARD_LOG_ERROR + 1> logged_{};
    std::atomic<int> threads_{0};
    std::uint32_t tag_ = 0;
    std::unique_ptr<k7card, Destroy> card_;
};

/// Does the firmware serve the rings?
inline bool firmware_runs(CardHost &host) {
    const std::uint32_t state = host.state();
    return state == K7_STATE_OPERATIONAL || state == K7_STATE_PRE_INIT || state == K7_STATE_MAINTENANCE;
}

/// One ring pair, driven as the driver does.
class Ring {
  public:
    Ring(CardHost &host, unsigned index, std::uint32_t size = 16)
        : host_(host), index_(index), size_(size), sq_(host.allocate(size * sizeof(k7_sqe))),
          cq_(host.allocate(size * sizeof(k7_cqe))), request_(host.allocate(K7_PAYLOAD_MAX)),
          reply_(host.allocate(K7_PAYLOAD_MAX)) {}

    void set_up() {
        write(K7_RING_SQ_BASE_LO, static_cast<std::uint32_t>(sq_));
        write(K7_RING_SQ_BASE_HI, static_cast<std::uint32_t>(sq_ >> 32));
        write(K7_RING_CQ_BASE_LO, static_cast<std::uint32_t>(cq_));
        write(K7_RING_CQ_BASE_HI, static_cast<std::uint32_t>(cq_ >> 32));
        write(K7_RING_SIZE, size_);
        write(K7_RING_VECTOR, K7_VECTOR_RING(index_));
    }
    /// @return STATUS after enabling
    std::uint32_t enable(std::uint32_t control = K7_RING_ENABLE) {
        host_.poke(cq_, Bytes(size_ * sizeof(k7_cqe)));
        tail_ = head_ = 0;
        phase_ = 1;
        set_up();
        write(K7_RING_CONTROL, control);
        return read(K7_RING_STATUS);
    }
    bool disable() {
        write(K7_RING_CONTROL, 0);
        return eventually([&] { return (read(K7_RING_STATUS) & K7_RING_ENABLED) == 0; });
    }

    std::uint32_t read(std::uint32_t offset) { return host_.read(K7_REG_RING(index_) + offset); }
    void write(std::uint32_t offset, std::uint32_t value) { host_.write(K7_REG_RING(index_) + offset, value); }

    /// Put an entry at the tail, without the doorbell. @return its tag
    std::uint32_t push(k7_sqe entry) {
        if (entry.tag == 0)
            entry.tag = ++tag_;
        host_.poke(sq_ + tail_ * sizeof(k7_sqe), std::as_bytes(std::span(&entry, 1)));
        tail_ = (tail_ + 1) & (size_ - 1);
        return entry.tag;
    }
    void doorbell() { write(K7_RING_SQ_TAIL, tail_); }
    /// Both indices in one write, with K7_DOORBELL_ARM or without.
    void doorbell_and(std::uint32_t arm) { write(K7_RING_DOORBELL, K7_DOORBELL(tail_, head_) | arm); }

    /// The next completion, consumed; nothing when patience runs out.
    std::optional<k7_cqe> take(std::chrono::milliseconds patience = kPatience, bool tell_card = true) {
        k7_cqe entry{};
        const auto there = [&] {
            entry = host_.peek<k7_cqe>(cq_ + head_ * sizeof(k7_cqe));
            return (entry.phase & K7_CQE_PHASE) == phase_;
        };
        if (!eventually(there, patience))
            return std::nullopt;
        head_ = (head_ + 1) & (size_ - 1);
        phase_ ^= head_ == 0 ? 1 : 0;
        if (tell_card)
            write(K7_RING_CQ_HEAD, head_);
        return entry;
    }

    /// An entry with @p request in the ring's request buffer and room for the largest reply.
    k7_sqe entry(std::uint16_t opcode, std::span<const std::byte> request = {}, std::uint32_t arg0 = 0) {
        host_.poke(request_, request);
        k7_sqe sqe{};
        sqe.opcode = opcode;
        sqe.channel = 1;
        sqe.in_len = static_cast<std::uint32_t>(request.size());
        sqe.in_addr = request_;
        sqe.out_addr = reply_;
        sqe.out_len = K7_PAYLOAD_MAX;
        sqe.arg[0] = arg0;
        return sqe;
    }

    /// Send one entry and wait for its completion; nothing when none comes.
    std::optional<CommandReply> send(const k7_sqe &sqe, std::chrono::milliseconds patience = kPatience) {
        push(sqe);
        doorbell();
        const auto cqe = take(patience);
        if (!cqe)
            return std::nullopt;
        return CommandReply{static_cast<k7_status>(cqe->status), cqe->result, host_.peek(sqe.out_addr, cqe->out_len)};
    }
    CommandReply command(std::uint16_t opcode, std::span<const std::byte> request = {}, std::uint32_t arg0 = 0) {
        const auto reply = send(entry(opcode, request, arg0));
        if (!reply)
            throw std::runtime_error("command " + std::to_string(opcode) + " did not complete");
        return *reply;
    }

    [[nodiscard]] std::uint64_t sq() const { return sq_; }
    [[nodiscard]] std::uint64_t cq() const { return cq_; }
    [[nodiscard]] std::uint64_t request_address() const { return request_; }
    [[nodiscard]] std::uint64_t reply_address() const { return reply_; }
    [[nodiscard]] std::uint32_t size() const { return size_; }
    [[nodiscard]] std::uint32_t head() const { return head_; }
    [[nodiscard]] std::uint32_t tail() const { return tail_; }

  private:
    CardHost &host_;
    unsigned index_;
    std::uint32_t size_;
    std::uint64_t sq_;
    std::uint64_t cq_;
    std::uint64_t request_;
    std::uint64_t reply_;
    std::uint32_t tail_ = 0;
    std::uint32_t head_ = 0;
    std::uint16_t phase_ = 1;
    std::uint32_t tag_ = 0;
};

} // namespace k7::test
