// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is served inside a doorbell's register write, what is left to the firmware's thread, and that both are the same
// to the driver: exact faults, resets at any moment, faults that are played.
#include <condition_variable>
#include <random>

#include "tests/unit/card_fixture.hpp"

namespace k7::test {
namespace {

constexpr std::uint32_t kSlow = 0xa0fa;

/// Notes whether this thread has done DMA since the last look.
class OwnDma {
  public:
    explicit OwnDma(CardHost &host) {
        host.on_dma = [this, me = std::this_thread::get_id()] {
            own_ = own_ || std::this_thread::get_id() == me;
            other_ = other_ || std::this_thread::get_id() != me;
        };
    }
    [[nodiscard]] bool only_own() {
        const bool other = other_.exchange(false);
        return own_.exchange(false) && !other;
    }
    [[nodiscard]] bool any_other() {
        own_ = false;
        return other_.exchange(false);
    }

  private:
    std::atomic<bool> own_{false};
    std::atomic<bool> other_{false};
};

/// The same request as a list, which is not served inside a doorbell.
k7_sqe as_list(CardHost &host, k7_sqe entry) {
    const std::uint64_t list = host.allocate(sizeof(k7_segment));
    const k7_segment segment{.addr = entry.in_addr, .len = entry.in_len, .reserved = 0};
    host.poke(list, std::as_bytes(std::span(&segment, 1)));
    entry.flags = K7_SQE_LIST;
    entry.in_addr = list;
    entry.in_segments = 1;
    return entry;
}

// The firmware's thread wakes up now and then to show that it lives; a doorbell of that moment is its own to serve. So
// this counts how often commands are complete on return, over many.
unsigned complete_on_return(OperationalCard &card, OwnDma &dma, const k7_sqe &entry) {
    unsigned complete = 0;
    for (int i = 0; i < 200; ++i) {
        card.ring.push(entry);
        card.ring.doorbell();
        const bool here = card.ring.take(std::chrono::milliseconds(0)).has_value();
        complete += here && dma.only_own() ? 1 : 0;
        if (!here) {
            card.ring.take().value();
            EXPECT_TRUE(dma.any_other());
            wait_parked(card);
            static_cast<void>(dma.any_other());
        }
    }
    return complete;
}

TEST(CardDoorbell, ShortCommandsAreCompleteWhenItReturns) {
    OperationalCard card;
    card.load("echo");
    card.restart();
    OwnDma dma(card.host);
    EXPECT_GT(complete_on_return(card, dma, card.ring.entry(K7_CMD_NOP)), 150u);
    EXPECT_GT(complete_on_return(card, dma, card.ring.entry(K7_CMD_CHANNEL_CLOSE)), 150u);
    EXPECT_GT(complete_on_return(card, dma, card.ring.entry(K7_CMD_GET_RANDOM, {}, 4096)), 150u);
    EXPECT_GT(complete_on_return(card, dma, card.ring.entry(K7_CMD_FM_CALL, bytes_of("hello"), kEcho)), 150u);
    card.host.on_dma = nullptr;
    EXPECT_EQ(card.call(kEcho, "hello").text(), "hello");
}

TEST(CardDoorbell, OthersAreLeftToTheFirmwaresThread) {
    OperationalCard card;
    card.load("echo");
    card.restart();
    OwnDma dma(card.host);
    k7_sqe load = card.ring.entry(K7_CMD_FM_LOAD_BEGIN, Bytes(sizeof(k7_fm_load)));
    for (const k7_sqe &entry : {card.ring.entry(K7_CMD_GET_RANDOM, {}, 4097), card.ring.entry(K7_CMD_FM_LIST), load,
                                card.ring.entry(K7_CMD_FM_CALL, {}, 0xbeef),
                                as_list(card.host, card.ring.entry(K7_CMD_FM_CALL, bytes_of("hello"), kEcho))}) {
        ASSERT_TRUE(card.ring.send(entry)) << entry.opcode;
        EXPECT_TRUE(dma.any_other()) << entry.opcode;
    }
}

TEST(CardDoorbell, AnInterruptCallbackMayRingAgain) {
    OperationalCard card;
    std::atomic<int> left{100};
    card.host.on_interrupt = [&](unsigned vector) {
        if (vector != K7_VECTOR_RING(0) || left-- <= 0)
            return;
        card.ring.push(card.ring.entry(K7_CMD_NOP));
        card.ring.write(K7_RING_DOORBELL, K7_DOORBELL(card.ring.tail(), card.ring.read(K7_RING_CQ_TAIL)));
    };
    card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    EXPECT_TRUE(eventually([&] { return left <= 0 && card.ring.read(K7_RING_CQ_TAIL) == 101 % 16; }));
    EXPECT_EQ(card.host.guest_errors(), 0u);
    ASSERT_TRUE(eventually([&] { return card.host.interrupts(K7_VECTOR_RING(0)) >= 101; }));
    card.host.switch_off(); // until then its thread may be inside of on_interrupt
}

TEST(CardDoorbell, BatchesLargerThanItServesComplete) {
    OperationalCard card;
    Ring ring(card.host, 1, 1024);
    ASSERT_EQ(ring.enable(), K7_RING_ENABLED);
    for (const std::uint32_t batch : {31u, 32u, 33u, 100u, 1000u}) {
        for (std::uint32_t i = 0; i < batch; ++i)
            ring.push(ring.entry(i % 5 == 4 ? K7_CMD_FM_LIST : K7_CMD_NOP));
        ring.doorbell();
        for (std::uint32_t i = 0; i < batch; ++i)
            ASSERT_EQ(ring.take().value().status, K7_ST_OK);
    }
}

TEST(CardDoorbell, AHungFirmwareServesNothing) {
    OperationalCard card(Properties{{"watchdog-ms", "6000"}});
    hang(card);
    card.host.set("fault", "none");
    EXPECT_TRUE(card.ring.take());
    card.host.set("fault", "hang");
    card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    ASSERT_TRUE(card.host.wait_state(K7_STATE_HALTED));
    EXPECT_EQ(card.host.reason(), static_cast<std::uint32_t>(K7_REASON_WATCHDOG));
}

// ---- FMs ------------------------------------------------------------------------------------------------------------

TEST(CardDoorbell, ALongCallGoesOnInTheFirmwaresThread) {
    OperationalCard card;
    card.load("slow");
    card.load("vault");
    card.restart();
    const std::string whole =
        card.ring.send(as_list(card.host, card.ring.entry(K7_CMD_FM_CALL, bytes_of("3000000"), kSlow))).value().text();
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(card.call(kSlow, "3000000").text(), whole);
    EXPECT_EQ(card.call(kVault, "put pin 0815").text(), "stored pin");
    EXPECT_EQ(card.call(kVault, "get pin").text(), "0815");
}

TEST(CardDoorbell, RequestsBehindAPausedCallWaitForIt) {
    OperationalCard card;
    card.load("slow");
    card.restart();
    const std::uint32_t call = card.ring.push(card.ring.entry(K7_CMD_FM_CALL, bytes_of("3000000"), kSlow));
    const std::uint32_t nop = card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    const std::uint32_t late = card.ring.push(card.ring.entry(K7_CMD_NOP));
    card.ring.doorbell();
    for (const std::uint32_t tag : {call, nop, late})
        EXPECT_EQ(card.ring.take().value().tag, tag);
}

class CardDoorbellFault : public testing::TestWithParam<const char *> {
  protected:
    /// The report of a fault; the call is served inside the doorbell first, or by the firmware's thread from its start.
    k7_fault_report report(bool inside_doorbell) {
        for (int attempt = 0;; ++attempt) {
            OperationalCard card(Properties{{"fm-budget", "1000001"}});
            card.load("faults");
            card.restart();
            wait_parked(card);
            const k7_sqe call = card.ring.entry(K7_CMD_FM_CALL, bytes_of(GetParam()), kFaults);
            OwnDma dma(card.host);
            card.ring.push(inside_doorbell ? call : as_list(card.host, call));
            card.ring.doorbell();
            EXPECT_TRUE(card.host.wait_state(K7_STATE_HALTED));
            const bool as_wanted = dma.any_other() == !inside_doorbell;
            if (!as_wanted && attempt < 10)
                continue; // the thread was just looking around: the doorbell was its own to serve
            EXPECT_TRUE(as_wanted);
            EXPECT_FALSE(card.ring.take(std::chrono::milliseconds(1)));
            return card.fault_report();
        }
    }
};

TEST_P(CardDoorbellFault, IsTheSameWhoeverRunsTheCall) {
    const k7_fault_report a = report(true);
    const k7_fault_report b = report(false);
    EXPECT_EQ(a.cause, b.cause);
    EXPECT_EQ(a.phase, b.phase);
    EXPECT_EQ(a.pc, b.pc);
    EXPECT_EQ(a.address, b.address);
    EXPECT_EQ(a.instruction, b.instruction);
    EXPECT_EQ(a.instructions, b.instructions);
    EXPECT_EQ(a.backtrace_count, b.backtrace_count);
    EXPECT_TRUE(std::ranges::equal(a.backtrace, b.backtrace));
    EXPECT_EQ(field_text(a.symbol), field_text(b.symbol));
    EXPECT_EQ(a.symbol_offset, b.symbol_offset);
}

INSTANTIATE_TEST_SUITE_P(Faults, CardDoorbellFault,
                         testing::Values("null-read", "wild-write", "call-data", "illegal", "breakpoint", "bad-service",
                                         "stack-overflow", "endless-loop", "abort"));

// ---- Threads --------------------------------------------------------------------------------------------------------

// Behind an IOMMU DMA of a card thread waits for a lock that a vCPU holds while it writes registers. So no register
// write may wait for that DMA.
TEST(CardDoorbell, NoRegisterAccessWaitsForDmaOfACardThread) {
    OperationalCard card;
    card.load("echo");
    card.restart();
    Ring ring(card.host, 1);
    ASSERT_EQ(ring.enable(K7_RING_ENABLE | K7_RING_ON_DEMAND), K7_RING_ENABLED);
    ring.push(ring.entry(K7_CMD_NOP));
    ring.doorbell();
    ASSERT_TRUE(eventually([&] { return ring.read(K7_RING_CQ_TAIL) == 1; }));
    const k7_sqe entry = as_list(card.host, card.ring.entry(K7_CMD_FM_CALL, bytes_of("hello"), kEcho));
    std::mutex big_lock;
    std::atomic<bool> in_dma{false};
    std::atomic<bool> stuck{false};
    std::unique_lock held(big_lock);
    card.host.on_dma = [&, me = std::this_thread::get_id()] {
        if (std::this_thread::get_id() == me)
            return;
        in_dma = true;
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!big_lock.try_lock()) {
            if (std::chrono::steady_clock::now() > until) {
                stuck = true;
                return;
            }
            std::this_thread::sleep_for(std::chrono::microseconds(100));
        }
        big_lock.unlock();
    };
    card.ring.push(entry);
    card.ring.doorbell();
    ASSERT_TRUE(eventually([&] { return in_dma.load(); }));
    card.host.write(K7_REG_EVENT_MASK, K7_EVENT_ALL); // one is pending: vector 0
    ring.doorbell_and(K7_DOORBELL_ARM);               // a completion is there: vector 2
    ring.push(ring.entry(K7_CMD_NOP));
    ring.doorbell_and(0);
    card.host.read(K7_REG_STATE);
    EXPECT_FALSE(stuck);
    held.unlock();
    EXPECT_TRUE(eventually([&] { return card.host.interrupts(K7_VECTOR_RING(1)) == 1; }));
    EXPECT_TRUE(eventually([&] { return card.host.interrupts(K7_VECTOR_EVENTS) >= 1; }));
    EXPECT_TRUE(card.ring.take());
    EXPECT_FALSE(stuck);
    card.host.switch_off(); // until then its thread may be inside of on_dma, which uses what ends here
}

/// A thread that rings with whatever is in the ring: short commands, calls that pause, commands for the other thread.
class Ringer {
  public:
    Ringer(OperationalCard &card, Ring &ring) : ring_(ring) {
        for (std::uint32_t i = 0; i < ring.size(); ++i)
            ring.push(i % 4 == 0   ? ring.entry(K7_CMD_FM_CALL, bytes_of("30000"), kSlow)
                      : i % 4 == 1 ? ring.entry(K7_CMD_GET_RANDOM, {}, i == 5 ? 8192 : 64)
                                   : ring.entry(K7_CMD_NOP));
        card.host.poke(ring.entry(K7_CMD_NOP).in_addr, bytes_of("30000"));
        thread_ = std::thread([this] { run(); });
    }
    ~Ringer() {
        stop_ = true;
        thread_.join();
    }

  private:
    void run() {
        std::minstd_rand random(2);
        while (!stop_) {
            const std::uint32_t tail = (ring_.read(K7_RING_SQ_HEAD) + random() % 4) % ring_.size();
            const std::uint32_t arm = random() % 2 == 0 ? K7_DOORBELL_ARM : 0;
            ring_.write(K7_RING_DOORBELL, K7_DOORBELL(tail, ring_.read(K7_RING_CQ_TAIL)) | arm);
        }
    }

    Ring &ring_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

// The rule of k7card_reset() again, with work inside doorbells of another thread. How much is served between two resets
// depends on what else the machine does.
TEST(CardDoorbell, ResetsWhileDoorbellsAreServed) {
    constexpr unsigned kResets = 1000;
    OperationalCard card;
    card.load("slow");
    card.restart();
    Ring ring(card.host, 1);
    std::atomic<bool> forbidden{false};
    std::atomic<unsigned> violations{0};
    std::atomic<unsigned> dma{0};
    card.host.on_dma = [&] {
        violations += forbidden ? 1 : 0;
        ++dma;
    };
    card.host.on_interrupt = [&](unsigned vector) { violations += forbidden && vector != 0 ? 1 : 0; };
    {
        const Ringer ringer(card, ring);
        std::minstd_rand random(3);
        for (unsigned round = 0; round < kResets; ++round) {
            ring.set_up();
            ring.write(K7_RING_CONTROL, K7_RING_ENABLE | (round % 2 == 0 ? K7_RING_ON_DEMAND : 0));
            std::this_thread::sleep_for(std::chrono::microseconds(random() % 200));
            card.host.reset(round % 3 == 0 ? K7CARD_RESET_BUS : K7CARD_RESET_FLR);
            forbidden = true;
            ASSERT_TRUE(card.host.wait_state(K7_STATE_OPERATIONAL));
            forbidden = false;
        }
    }
    EXPECT_EQ(violations, 0u);
    EXPECT_GT(dma, kResets / 10) << "next to nothing was served";
    card.host.on_dma = nullptr;
    card.host.on_interrupt = nullptr;
    card.start();
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
}

// Rings that are disabled and enabled, and firmware that is stopped and started over the mailbox, under the same load.
TEST(CardDoorbell, StopsWhileDoorbellsAreServed) {
    OperationalCard card;
    card.load("slow");
    card.restart();
    Ring ring(card.host, 1);
    {
        const Ringer ringer(card, ring);
        for (int round = 0; round < 100; ++round) {
            for (int i = 0; i < 5; ++i) {
                ring.set_up();
                ring.write(K7_RING_CONTROL, K7_RING_ENABLE);
                std::this_thread::sleep_for(std::chrono::microseconds(100));
                ASSERT_TRUE(ring.disable());
            }
            ring.set_up();
            ring.write(K7_RING_CONTROL, K7_RING_ENABLE);
            ASSERT_EQ(card.host.mailbox(K7_BOOT_START_FIRMWARE).status, K7_ST_OK);
            ASSERT_TRUE(card.host.wait_state(K7_STATE_OPERATIONAL));
        }
    }
    card.start();
    EXPECT_EQ(card.ring.command(K7_CMD_NOP).status, K7_ST_OK);
}

TEST(CardDoorbell, ManyThreadsRing) {
    OperationalCard card;
    card.load("echo");
    card.restart();
    std::vector<std::thread> threads;
    std::atomic<unsigned> good{0};
    std::vector<std::unique_ptr<Ring>> rings;
    for (unsigned index = 1; index <= 4; ++index) {
        rings.push_back(std::make_unique<Ring>(card.host, index));
        ASSERT_EQ(rings.back()->enable(), K7_RING_ENABLED);
    }
    for (auto &ring : rings)
        threads.emplace_back([&good, &ring] {
            for (int i = 0; i < 500; ++i) {
                const Bytes request = bytes_of(std::to_string(i));
                good += ring->command(K7_CMD_FM_CALL, request, kEcho).data == request ? 1 : 0;
            }
        });
    for (std::thread &thread : threads)
        thread.join();
    EXPECT_EQ(good, 2000u);
    EXPECT_EQ(card.host.guest_errors(), 0u);
}

} // namespace
} // namespace k7::test
