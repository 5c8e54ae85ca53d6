// SPDX-License-Identifier: GPL-2.0-or-later
//
// Making cards, identity registers, accesses that no driver should do.
#include <set>

#include "tests/unit/card_fixture.hpp"

namespace k7::test {
namespace {

std::string create_error(const Properties &properties) {
    try {
        const CardHost host(properties);
    } catch (const CreateError &error) {
        return error.what();
    }
    return "created";
}

std::string esn_of(CardHost &host) {
    std::string esn;
    for (unsigned at = 0; at < K7_ESN_SIZE; at += 4) {
        const std::uint32_t word = host.read(K7_REG_ESN + at);
        esn.append(reinterpret_cast<const char *>(&word), 4);
    }
    return esn.c_str();
}

TEST(CardCreate, PropertiesThatAreWrongAreNamed) {
    const std::vector<std::pair<Properties, std::string>> cases{
        {{{"colour", "red"}}, "property 'colour' is not known"},
        {{{"esn", "0123-4567-89ab"}}, "property esn='0123-4567-89ab'"},
        {{{"esn", "0123456789AB"}}, "property esn='0123456789AB'"},
        {{{"fault", "sneeze"}}, "fault 'sneeze' is not known; one of: none, link-down"},
        {{{"fault", "hang:3"}}, "fault 'hang:3' is not known"},
        {{{"fault", "lose-irq:0"}}, "fault 'lose-irq:0' is not known"},
        {{{"fault", "lose-irq:x"}}, "fault 'lose-irq:x' is not known"},
        {{{"watchdog-ms", "0"}}, "property watchdog-ms='0': must be a number in 100"},
        {{{"watchdog-ms", "12 seconds"}}, "property watchdog-ms='12 seconds'"},
        {{{"fm-budget", "-1"}}, "property fm-budget='-1'"},
        {{{"fm-work", "999"}}, "property fm-work='999'"},
        {{{"store-size", "99999999999999999999"}}, "property store-size='99999999999999999999'"},
        {{{"store", "/nonexistent/store"}}, "store /nonexistent/store cannot be opened: No such file or directory"},
    };
    for (const auto &[properties, wanted] : cases)
        EXPECT_NE(create_error(properties).find(wanted), std::string::npos) << create_error(properties);
}

TEST(CardCreate, HostsThatDoNotFitAreRefused) {
    std::array<char, 8> tiny{};
    EXPECT_EQ(k7card_create(nullptr, nullptr, 0, tiny.data(), tiny.size()), nullptr);
    EXPECT_STREQ(tiny.data(), "no host"); // cut, but terminated
    k7card_host host{};
    EXPECT_EQ(k7card_create(&host, nullptr, 0, nullptr, 0), nullptr);
    host.size = sizeof(host);
    host.abi = K7CARD_ABI + 1;
    EXPECT_EQ(k7card_create(&host, nullptr, 0, nullptr, 0), nullptr);
    host.abi = K7CARD_ABI;
    EXPECT_EQ(k7card_create(&host, nullptr, 0, nullptr, 0), nullptr) << "without callbacks";
    k7card_destroy(nullptr);
}

TEST(CardCreate, EveryThreadThatStartsAlsoStops) {
    CardHost host;
    ASSERT_TRUE(host.wait_state(K7_STATE_OPERATIONAL));
    EXPECT_EQ(host.threads(), 2);
    host.switch_off();
    EXPECT_EQ(host.threads(), 0);
}

TEST(CardCreate, SwitchedOffAtOnce) {
    for (int i = 0; i < 20; ++i) {
        CardHost host;
        host.switch_off();
        EXPECT_EQ(host.threads(), 0);
    }
}

TEST(CardRegisters, IdentityIsThereFromTheFirstMoment) {
    CardHost host(Properties{{"esn", "0123-4567-89AB"}});
    EXPECT_EQ(host.read(K7_REG_MAGIC), K7_MAGIC);
    EXPECT_EQ(K7_VERSION_GET_MAJOR(host.read(K7_REG_VERSION)), static_cast<std::uint32_t>(K7_VERSION_MAJOR));
    EXPECT_EQ(host.read(K7_REG_FEATURES), K7_FEATURE_FM | K7_FEATURE_SMFS | K7_FEATURE_ARM | K7_FEATURE_BULK);
    EXPECT_EQ(K7_LIMITS_RINGS(host.read(K7_REG_LIMITS)), static_cast<std::uint32_t>(K7_RING_MAX));
    EXPECT_EQ(K7_LIMITS_ENTRIES_LOG2(host.read(K7_REG_LIMITS)), static_cast<std::uint32_t>(K7_RING_ENTRIES_MAX_LOG2));
    EXPECT_EQ(host.read(K7_REG_PAYLOAD_MAX), static_cast<std::uint32_t>(K7_PAYLOAD_MAX));
    EXPECT_EQ(host.read(K7_REG_CHANNEL_MAX), static_cast<std::uint32_t>(K7_CHANNEL_MAX));
    EXPECT_EQ(host.read(K7_REG_EVENT_MASK), 0u);
    EXPECT_EQ(host.read(K7_REG_FAULT_SEQUENCE), 0u);
    EXPECT_EQ(esn_of(host), "0123-4567-89AB");
    EXPECT_EQ(host.get("esn"), "0123-4567-89AB");
}

TEST(CardRegisters, EsnsAreMadeUpDifferently) {
    std::set<std::string> esns;
    for (int i = 0; i < 4; ++i) {
        CardHost host;
        esns.insert(esn_of(host));
    }
    EXPECT_EQ(esns.size(), 4u);
}

TEST(CardRegisters, HeartbeatCountsWhileTheCardIsIdle) {
    CardHost host;
    ASSERT_TRUE(host.wait_state(K7_STATE_OPERATIONAL));
    const std::uint32_t before = host.read(K7_REG_HEARTBEAT);
    EXPECT_TRUE(eventually([&] { return host.read(K7_REG_HEARTBEAT) > before + 1; }));
    EXPECT_EQ(host.state(), static_cast<std::uint32_t>(K7_STATE_OPERATIONAL))
        << "the watchdog leaves idle firmware alone";
}

// Every offset in every width, also those that are no register: values of 0, errors in the log, no crash.
TEST(CardRegisters, WrongAccessesAreHarmless) {
    OperationalCard card;
    EXPECT_EQ(card.host.guest_errors(), 0u);
    const std::uint32_t magic = card.host.read(K7_REG_MAGIC);
    card.host.write(K7_REG_MAGIC, 1);
    EXPECT_EQ(card.host.read(K7_REG_MAGIC), magic);
    EXPECT_EQ(card.host.guest_errors(), 1u);
    EXPECT_EQ(card.host.read(0x3), 0u);
    EXPECT_EQ(card.host.read(K7CARD_BAR0_SIZE), 0u);
    EXPECT_EQ(card.host.read(UINT64_MAX - 3), 0u);
    EXPECT_EQ(card.host.read(0x0f00), 0u);
    card.host.write(UINT64_MAX - 3, 0);
    EXPECT_EQ(card.host.guest_errors(), 6u);
    for (std::uint64_t offset = 0; offset < K7CARD_BAR0_SIZE; offset += 4)
        EXPECT_NE(card.host.read(offset), 0xffffffff) << offset;
}

TEST(CardRegisters, GuestErrorsDoNotFloodTheLog) {
    CardHost host;
    for (int i = 0; i < 1000; ++i)
        host.write(K7_REG_MAGIC, 0);
    const unsigned logged = host.guest_errors();
    EXPECT_GT(logged, 0u);
    EXPECT_LT(logged, 100u);
    host.reset(K7CARD_RESET_FLR);
    host.write(K7_REG_MAGIC, 0);
    EXPECT_EQ(host.guest_errors(), logged + 1);
}

TEST(CardProperties, OnlyTheFaultCanBeSetLater) {
    CardHost host;
    EXPECT_NE(host.set("esn", "0000-0000-0000"), "");
    EXPECT_NE(host.set("fault", "unknown"), "");
    EXPECT_EQ(host.get("fault"), "none");
    EXPECT_EQ(host.set("fault", "drop-completion"), "");
    EXPECT_EQ(host.get("fault"), "drop-completion:1");
    EXPECT_EQ(host.set("fault", "dma-error:7"), "");
    EXPECT_EQ(host.get("fault"), "dma-error:7");
    EXPECT_EQ(host.get("store"), "");
    EXPECT_EQ(host.get("nonsense"), std::nullopt);
}

} // namespace
} // namespace k7::test
