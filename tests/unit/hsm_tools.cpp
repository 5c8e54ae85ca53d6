// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the tools print, byte for byte, and the small things they share.
#include <chrono>
#include <filesystem>
#include <iterator>
#include <thread>

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "hsm_support.hpp"
#include "k7/fault_report.h"
#include "utils/common/describe.hpp"
#include "utils/common/enquiry_text.hpp"
#include "utils/common/fault_text.hpp"
#include "utils/common/files.hpp"
#include "utils/common/image_cache.hpp"

namespace hsm::test {
namespace {

using k7::tool::Contact;
using k7::tool::Json;
using k7::tool::ModuleView;

ModuleView healthy_module() {
    ModuleView module;
    module.card.index = 0;
    module.card.node = "/dev/k7pf0";
    module.card.pci_address = "0000:01:00.0";
    module.card.link = "2.5 GT/s PCIe x1";
    module.contact = Contact::answered;
    module.identity.emplace();
    module.identity->model = "K7";
    module.identity->esn = "0123-4567-89AB";
    module.identity->firmware_version = {7, 4, 0};
    module.identity->firmware_build = "build 9";
    module.identity->boot_loader_version = {1, 2, 3};
    module.identity->has_fm = module.identity->has_smfs = true;
    module.identity->ring_entries = 1024;
    module.identity->payload_max = 65536;
    module.status.emplace();
    module.status->state = CardState::operational;
    return module;
}

constexpr const char *kHealthy = "Module #1:\n"
                                 " enquiry reply flags  none\n"
                                 " enquiry reply level  Six\n"
                                 " serial number        0123-4567-89AB\n"
                                 " mode                 operational\n"
                                 " version              7.4.0\n"
                                 " speed index          0\n"
                                 " rec. queue           0..1024\n"
                                 " level one flags      none\n"
                                 " version string       7.4.0 build 9, boot loader 1.2.3\n"
                                 " level two flags      none\n"
                                 " max. write size      65536\n"
                                 " level three flags    none\n"
                                 " level four flags     none\n"
                                 " module type code     0\n"
                                 " product name         K7\n"
                                 " device name          k7pf0\n"
                                 " feature ctrl flags   none\n"
                                 " features enabled     FM SMFS\n"
                                 " connection status    OK\n"
                                 " connection info      esn = 0123-4567-89AB; addr = PCI/0000:01:00.0; link = 2.5 GT/s "
                                 "PCIe x1\n"
                                 " image version        7.4.0\n"
                                 " hardware status      OK\n";

TEST(HsmEnquiry, AHealthyModuleByteForByte) {
    EXPECT_EQ(module_text(healthy_module(), false), kHealthy);
    EXPECT_TRUE(module_text(healthy_module(), true).starts_with(kHealthy)) << "--verbose only adds at the end";
    EXPECT_TRUE(healthy_module().healthy());
}

TEST(HsmEnquiry, TheColumnRuleHoldsForEachLine) {
    std::istringstream lines(module_text(healthy_module(), true));
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line)) {
        EXPECT_EQ(line[0], ' ');
        EXPECT_NE(line[1], ' ');
        EXPECT_EQ(line[21], ' ');
        EXPECT_NE(line[22], ' ') << line;
    }
    EXPECT_EQ(k7::tool::field("max exported modules", "3"), " max exported modules 3\n");
    EXPECT_EQ(k7::tool::absent_text(2), "Module #2: Not Present\n");
}

TEST(HsmEnquiry, AHaltedModuleIsNowhereOperational) {
    ModuleView module = healthy_module();
    module.status->state = CardState::halted;
    module.trouble = "HALTED: FM crashy (a002) store access fault at 0x00000000, pc 0x00012070";
    const std::string text = module_text(module, false);
    EXPECT_TRUE(text.starts_with("Module #1:\n enquiry reply flags  Failed\n")) << text;
    EXPECT_TRUE(contains(text, " mode                 halted\n")) << text;
    EXPECT_TRUE(contains(text, " hardware status      HALTED: FM crashy (a002) store access fault")) << text;
    EXPECT_FALSE(contains(text, "operational")) << text;
    EXPECT_FALSE(module.healthy());
}

TEST(HsmEnquiry, ASilentModuleIsOfflineWithWhatTheDriverKnows) {
    ModuleView module;
    module.card = healthy_module().card;
    module.card.esn = "0123-4567-89AB";
    module.card.firmware_version = "7.4.0";
    module.card.state = CardState::operational;
    module.contact = Contact::no_answer;
    const std::string text = module_text(module, false);
    EXPECT_TRUE(contains(text, " enquiry reply flags  Offline\n")) << text;
    EXPECT_TRUE(contains(text, " serial number        0123-4567-89AB\n")) << text;
    EXPECT_TRUE(contains(text, " mode                 unknown\n")) << text;
    EXPECT_TRUE(contains(text, " connection status    NoAnswer\n")) << text;
    EXPECT_TRUE(contains(text, " hardware status      unknown\n")) << text;
    EXPECT_FALSE(module.healthy());
    EXPECT_EQ(module_json(module)["healthy"], false);
}

TEST(HsmEnquiry, WithoutAccessTheDriversWordCounts) {
    ModuleView module;
    module.card = healthy_module().card;
    module.card.state = CardState::operational;
    module.contact = Contact::no_access;
    module.contact_text = "no permission";
    EXPECT_TRUE(module.healthy());
    EXPECT_TRUE(contains(module.reason(), "no permission"));
    EXPECT_TRUE(contains(module_text(module, false), " mode                 operational\n"));
    module.card.state = CardState::halted;
    module.trouble = "HALTED: FM fault";
    EXPECT_FALSE(module.healthy());
    EXPECT_TRUE(contains(module_text(module, false), " hardware status      HALTED: FM fault\n"));
}

TEST(HsmEnquiry, JsonHasEveryFieldOfTheTextAndAVerdict) {
    const Json json = module_json(healthy_module());
    EXPECT_EQ(json["healthy"], true);
    EXPECT_EQ(json["reason"], "operational");
    std::istringstream lines(module_text(healthy_module(), true));
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line)) {
        std::string label = line.substr(1, 20);
        label.erase(label.find_last_not_of(' ') + 1);
        EXPECT_EQ(json["fields"][label], line.substr(22)) << label;
    }
}

TEST(HsmEnquiry, ACardIsAskedAndAHungOneCostsTheTimeoutOnly) {
    BoundCard alive;
    alive.node = "sim:,esn=0123-4567-89AB";
    alive.accessible = true;
    BoundCard denied;
    denied.index = 1;
    denied.access_reason = "no permission";
    const auto views = k7::tool::ask_modules({alive, denied}, std::chrono::seconds(20));
    EXPECT_EQ(views.at(0).contact, Contact::answered) << views.at(0).contact_text;
    EXPECT_FALSE(views.at(0).healthy()) << "as delivered";
    EXPECT_EQ(views.at(0).reason(), "PRE-INIT");
    EXPECT_EQ(views.at(0).identity->esn, "0123-4567-89AB");
    EXPECT_EQ(views.at(1).contact, Contact::no_access);
    const auto threads = [] { return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}); };
    const auto before = threads();
    alive.node += ",fault=hang-mailbox"; // no answer, however late somebody looks
    const auto late = k7::tool::ask_modules({alive}, std::chrono::milliseconds(0));
    EXPECT_EQ(late.at(0).contact, Contact::no_answer);
    EXPECT_FALSE(late.at(0).healthy());
    while (threads() > before) // the thread left behind still has its card
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

TEST(HsmCtfm, TheFieldsWords) {
    FmInfo fm;
    EXPECT_EQ(to_string(fm.status), "Loaded, needs restart to activate");
    EXPECT_EQ(startup_text(fm), "N/A (FM not started)");
    fm.status = FmStatus::enabled;
    fm.startup = FmStartup::ok;
    EXPECT_EQ(to_string(fm.status), "Enabled");
    EXPECT_EQ(startup_text(fm), "OK");
    fm.startup = FmStartup::failed;
    fm.startup_value = 7;
    EXPECT_EQ(startup_text(fm), "Failed (7)");
    fm.status = FmStatus::failed;
    EXPECT_EQ(to_string(fm.status), "Failed, did not start");
    fm.startup = FmStartup::refused;
    EXPECT_EQ(startup_text(fm), "Refused: UNKNOWN (7)");
    fm.startup_value = 17;
    EXPECT_EQ(startup_text(fm), "Refused: it is not what was loaded");
    fm.startup = static_cast<FmStartup>(9);
    EXPECT_EQ(startup_text(fm), "Unknown (9)");
    EXPECT_EQ(fm_version_text(0x0102), "1.02");
    EXPECT_EQ(k7::tool::time_text(0), "unknown");
    EXPECT_EQ(k7::tool::time_text(1700000000), "2023-11-14 22:13:20 UTC");
}

FaultReport sample_report() {
    FaultReport report;
    report.sequence = 3;
    report.time = 1700000000;
    report.cause = K7_FAULT_STORE_ACCESS;
    report.phase = K7_FAULT_PHASE_CALL;
    report.fm_id = {0xa002};
    report.fm_name = "crashy";
    report.fm_version = 0x0100;
    report.fm_serial = 1;
    report.pc = 0x12070;
    report.instruction = 0x00b52023;
    report.instructions = 330;
    report.backtrace = {0x12070, 0x12124};
    report.symbol = "write_slot";
    report.symbol_offset = 20;
    for (std::uint32_t index = 0; index < 32; ++index)
        report.regs.at(index) = index;
    return report;
}

TEST(HsmCtfm, AFaultReportWithoutSymbolsByteForByte) {
    const std::string expected = "Fault:           3\n"
                                 "Time:            2023-11-14 22:13:20 UTC\n"
                                 "FM:              a002 (crashy), version 1.00, serial 1\n"
                                 "Cause:           store access fault at address 0x00000000\n"
                                 "During:          a call from the host\n"
                                 "pc:              0x00012070  write_slot + 20\n"
                                 "Instruction:     0x00b52023, after 330 instructions\n"
                                 "Fingerprint:     " +
                                 std::string(64, '0') +
                                 "\n"
                                 "Registers:\n"
                                 "  zero 0x00000000    ra 0x00000001    sp 0x00000002    gp 0x00000003\n"
                                 "    tp 0x00000004    t0 0x00000005    t1 0x00000006    t2 0x00000007\n"
                                 "    s0 0x00000008    s1 0x00000009    a0 0x0000000a    a1 0x0000000b\n"
                                 "    a2 0x0000000c    a3 0x0000000d    a4 0x0000000e    a5 0x0000000f\n"
                                 "    a6 0x00000010    a7 0x00000011    s2 0x00000012    s3 0x00000013\n"
                                 "    s4 0x00000014    s5 0x00000015    s6 0x00000016    s7 0x00000017\n"
                                 "    s8 0x00000018    s9 0x00000019   s10 0x0000001a   s11 0x0000001b\n"
                                 "    t3 0x0000001c    t4 0x0000001d    t5 0x0000001e    t6 0x0000001f\n"
                                 "Backtrace:\n"
                                 "  #0  0x00012070  write_slot + 20\n"
                                 "  #1  0x00012124\n";
    const k7::tool::FaultSymbols none;
    EXPECT_EQ(fault_text(sample_report(), none), expected);
    EXPECT_EQ(fault_json(sample_report(), none)["backtrace"].size(), 2u);
}

TEST(HsmCtfm, SymbolsOnlyFromTheBuildThatFaulted) {
    const TemporaryDirectory directory;
    const Bytes image = signed_fm("crashy");
    k7::tool::write_file(directory.file("crashy.fm"), image, 0644);
    FaultReport report = sample_report();
    const Error foreign =
        error_of([&] { (void)k7::tool::FaultSymbols::from_file(report, directory.file("crashy.fm")); });
    EXPECT_TRUE(contains(foreign.message(), "is not the FM of this report")) << foreign.what();
    report.fingerprint = parse_fm_image(image).fingerprint;
    const auto symbols = k7::tool::FaultSymbols::from_file(report, directory.file("crashy.fm"));
    EXPECT_TRUE(symbols.note().empty());
    EXPECT_TRUE(symbols.frames(0).empty());
    EXPECT_FALSE(k7::tool::FaultSymbols::from_file(report, "build/fm/crashy.elf").note().empty());
}

TEST(HsmFiles, AreWrittenWholeWithTheirMode) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("key.pem");
    k7::tool::write_file(path, as_bytes("secret"), 0600);
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777u, 0600u);
    EXPECT_EQ(as_text(k7::tool::read_file(path, "it")), "secret");
    EXPECT_EQ(error_of([&] { k7::tool::write_file(directory.path(), {}, 0644); }).kind(), ErrorKind::failed);
    EXPECT_EQ(error_of([&] { k7::tool::write_file(directory.file("no/such"), {}, 0644); }).kind(),
              ErrorKind::not_found);
    EXPECT_EQ(error_of([&] { (void)k7::tool::read_file(directory.file("none"), "it"); }).kind(), ErrorKind::not_found);
    EXPECT_EQ(error_of([&] { (void)k7::tool::read_file(directory.path(), "it"); }).kind(), ErrorKind::failed);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1) << "nothing left behind";
    k7::tool::write_file(path, as_bytes("pass word\nmore\n"), 0600);
    EXPECT_EQ(as_text(k7::tool::read_password_file(path)), "pass word");
}

} // namespace
} // namespace hsm::test
