// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which cards there are, how they are named, and why one cannot be used. Over planted views of the bus.
#include "hsm_support.hpp"
#include "libhsm/inventory.hpp"
#include "libhsm/node_access.hpp"

namespace hsm::test {
namespace {

BoundCard bound(std::uint32_t index, const std::string &esn, const std::string &address) {
    BoundCard card;
    card.index = index;
    card.node = "/dev/k7pf" + std::to_string(index);
    card.esn = esn;
    card.pci_address = address;
    card.accessible = true;
    return card;
}

Inventory two_cards() {
    return join({bound(2, "AAAA-BBBB-CCCC", "0000:02:00.0"), bound(0, "0123-4567-89AB", "0000:01:00.0")},
                {{"0000:01:00.0", "k7hsm", true}, {"0000:02:00.0", "k7hsm", true}}, true);
}

TEST(HsmEnumerate, ModuleNumbersFollowTheNodesAndGapsStay) {
    const Inventory inventory = two_cards();
    EXPECT_EQ(inventory.last_module(), 3u);
    EXPECT_EQ(inventory.module(1)->node, "/dev/k7pf0");
    EXPECT_EQ(inventory.module(2), nullptr);
    EXPECT_EQ(inventory.module(3)->esn, "AAAA-BBBB-CCCC");
    EXPECT_TRUE(inventory.unbound.empty());
}

TEST(HsmEnumerate, ACardIsFoundByItsNames) {
    const Inventory inventory = two_cards();
    EXPECT_EQ(find_node("aaaa-bbbb-cccc", inventory), "/dev/k7pf2");
    EXPECT_EQ(find_node("0000:01:00.0", inventory), "/dev/k7pf0");
    EXPECT_EQ(find_node("02:00.0", inventory), "/dev/k7pf2");
    const Error unknown = error_of([&] { (void)find_node("FFFF-FFFF-FFFF", inventory); });
    EXPECT_EQ(unknown.kind(), ErrorKind::not_found);
    EXPECT_TRUE(contains(unknown.hint(), "/dev/k7pf0 (0123-4567-89AB)")) << unknown.what();
    EXPECT_EQ(error_of([&] { (void)find_node("03:00.0", inventory); }).kind(), ErrorKind::not_found);
    EXPECT_EQ(error_of([&] { (void)find_node("card", inventory); }).kind(), ErrorKind::usage);
    EXPECT_EQ(error_of([&] { (void)find_node("", inventory); }).kind(), ErrorKind::usage);
}

TEST(HsmEnumerate, TheOnlyCardIsTheDefaultAndSeveralMustBeNamed) {
    EXPECT_EQ(only_card(join({bound(4, "", "0000:01:00.0")}, {}, true)), "/dev/k7pf4");
    const Error several = error_of([] { (void)only_card(two_cards()); });
    EXPECT_EQ(several.kind(), ErrorKind::usage);
    EXPECT_TRUE(contains(several.what(), "/dev/k7pf2")) << several.what();
}

TEST(HsmEnumerate, EachUnusableCardSaysWhy) {
    struct Case {
        PciCard card;
        bool loaded;
        const char *part;
    };
    const Case cases[] = {
        {{"0000:05:00.0", "", true}, false, "modprobe k7hsm"},
        {{"0000:05:00.0", "", true}, true, "/sys/bus/pci/drivers/k7hsm/bind"},
        {{"0000:05:00.0", "vfio-pci", true}, true, "held by driver vfio-pci"},
        {{"0000:05:00.0", "k7hsm", false}, true, "link down"},
    };
    for (const Case &test : cases) {
        const Inventory inventory = join({}, {test.card}, test.loaded);
        ASSERT_EQ(inventory.unbound.size(), 1u);
        EXPECT_TRUE(contains(inventory.unbound.front().reason, test.part)) << inventory.unbound.front().reason;
        for (const Error &error : {error_of([&] { (void)only_card(inventory); }),
                                   error_of([&] { (void)find_node("05:00.0", inventory); })}) {
            EXPECT_EQ(error.kind(), ErrorKind::not_operational);
            EXPECT_TRUE(contains(error.what(), test.part)) << error.what();
        }
    }
    const Error none = error_of([] { (void)only_card(join({}, {}, false)); });
    EXPECT_EQ(none.kind(), ErrorKind::not_found);
    EXPECT_TRUE(contains(none.what(), "k7hsm is not loaded")) << none.what();
}

TEST(HsmEnumerate, TheDriversWordsForStates) {
    EXPECT_EQ(parse_state("operational"), CardState::operational);
    EXPECT_EQ(parse_state("pre-init"), CardState::pre_init);
    EXPECT_EQ(parse_state("HALTED"), CardState::halted);
    EXPECT_EQ(parse_state("5"), CardState::halted);
    EXPECT_EQ(parse_state("gone"), CardState::gone);
    EXPECT_EQ(parse_state(""), CardState::gone);
    EXPECT_EQ(parse_reason("fm-fault"), Reason::fm_fault);
    EXPECT_EQ(parse_reason("store"), Reason::store);
    EXPECT_EQ(parse_reason("firmware"), Reason::firmware);
    EXPECT_EQ(parse_reason("hardware"), Reason::hardware);
    EXPECT_EQ(parse_reason("stopped"), Reason::stopped);
    EXPECT_EQ(parse_reason("?"), Reason::none);
}

TEST(HsmEnumerate, TheNodesOwnerAndGroupAreNamed) {
    EXPECT_EQ(node_owner_text("/dev/null"), "root:root 0666");
    EXPECT_EQ(node_owner_text("/no/such/node"), "its owner cannot be read");
    EXPECT_TRUE(contains(node_access_hint("/dev/null"), "hsmusers"));
}

/// On any machine, with or without PCI, cards or udevd.
TEST(HsmEnumerate, RealBusesCanBeRead) {
    EXPECT_NO_THROW((void)enumerate());
    EXPECT_NO_THROW((void)scan_pci());
    EXPECT_NO_THROW((void)scan_class_devices());
}

} // namespace
} // namespace hsm::test
