// SPDX-License-Identifier: GPL-2.0-or-later
//
// A debugger at an FM, over the card's socket: the remote protocol as gdb speaks it, and as somebody hostile does.
// tests/cli/cases_debug.py has gdb itself.
#include <fstream>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/unit/card_fixture.hpp"

namespace k7::test {
namespace {

/// A debugger, down to its packets.
class Debugger {
  public:
    explicit Debugger(const std::string &path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        if (connect(socket_, reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0)
            throw std::runtime_error("no debug socket at " + path);
    }
    ~Debugger() { close(socket_); }
    Debugger(const Debugger &) = delete;
    Debugger &operator=(const Debugger &) = delete;

    void raw(std::string_view text) { static_cast<void>(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL)); }
    void send(const std::string &content) {
        unsigned sum = 0;
        for (const char c : content)
            sum = (sum + static_cast<unsigned char>(c)) & 0xff;
        char end[8];
        std::snprintf(end, sizeof(end), "#%02x", sum);
        raw("$" + content + end);
    }
    /// The next packet's content; "closed" at the end, "silence" when patience runs out.
    std::string receive(std::chrono::milliseconds patience = kPatience) {
        while (true) {
            const auto begin = received_.find('$');
            const auto end = begin == std::string::npos ? begin : received_.find('#', begin);
            if (end != std::string::npos && end + 3 <= received_.size()) {
                std::string content = received_.substr(begin + 1, end - begin - 1);
                received_.erase(0, end + 3);
                return content;
            }
            pollfd wait{.fd = socket_, .events = POLLIN, .revents = 0};
            if (poll(&wait, 1, static_cast<int>(patience.count())) <= 0)
                return "silence";
            char bytes[4096];
            const ssize_t size = read(socket_, bytes, sizeof(bytes));
            if (size <= 0)
                return "closed";
            received_.append(bytes, static_cast<std::size_t>(size));
        }
    }
    std::string ask(const std::string &content) {
        send(content);
        return receive();
    }
    std::uint32_t register_value(unsigned index) {
        char name[8];
        std::snprintf(name, sizeof(name), "p%x", index);
        return swapped(ask(name));
    }
    std::uint32_t pc() { return register_value(32); }
    static std::uint32_t swapped(const std::string &hex) {
        return __builtin_bswap32(static_cast<std::uint32_t>(std::stoul(hex, nullptr, 16)));
    }
    /// A register's value as the protocol has it.
    static std::string word(std::uint32_t value) {
        char text[16];
        std::snprintf(text, sizeof(text), "%08x", __builtin_bswap32(value));
        return text;
    }
    static std::string hex(std::uint32_t value) {
        char text[16];
        std::snprintf(text, sizeof(text), "%x", value);
        return text;
    }

  private:
    int socket_;
    std::string received_;
};

constexpr unsigned kA0 = 10;
constexpr unsigned kA2 = 12;

class CardDebug : public testing::Test {
  protected:
    [[nodiscard]] std::string socket() const { return directory_.file("gdb"); }
    [[nodiscard]] Properties properties(const std::string &kind = "unix:") const {
        return {{"store", directory_.file("store")}, {"debug", kind + socket()}};
    }
    /// Put a call into the ring; a debugger will stop it.
    static void begin_call(OperationalCard &card, std::uint32_t id, const std::string &request) {
        card.ring.push(card.ring.entry(K7_CMD_FM_CALL, bytes_of(request), id));
        card.ring.doorbell();
    }
    static std::optional<std::string> reply(OperationalCard &card) {
        const auto cqe = card.ring.take();
        if (!cqe || cqe->status != K7_ST_OK)
            return std::nullopt;
        return text_of(card.host.peek(card.ring.reply_address(), cqe->out_len));
    }

    TemporaryDirectory directory_;
};

TEST_F(CardDebug, IsOffUnlessAskedForAndSaysSo) {
    CardHost without;
    EXPECT_EQ(without.read(K7_REG_FEATURES) & K7_FEATURE_DEBUG, 0u);
    CardHost with(properties());
    EXPECT_NE(with.read(K7_REG_FEATURES) & K7_FEATURE_DEBUG, 0u);
    EXPECT_NE(struct_of<k7_identity>(with.mailbox(K7_BOOT_IDENTIFY).data).features & K7_FEATURE_DEBUG, 0u);
    struct stat status {};
    ASSERT_EQ(stat(socket().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    with.switch_off();
    EXPECT_NE(stat(socket().c_str(), &status), 0) << "the socket is gone with the card";
}

TEST_F(CardDebug, WrongPlacesAreRefused) {
    const auto error_of = [](const Properties &given) -> std::string {
        try {
            const CardHost host(given);
        } catch (const CreateError &error) {
            return error.what();
        }
        return "";
    };
    EXPECT_NE(error_of({{"debug", "tcp:1234"}}).find("unix:PATH"), std::string::npos);
    EXPECT_NE(error_of({{"debug", "unix:"}}).find("unix:PATH"), std::string::npos);
    EXPECT_NE(error_of({{"debug", "unix:" + directory_.file("no/such/folder")}}).find("No such file"),
              std::string::npos);
    EXPECT_NE(error_of({{"debug", "unix:/" + std::string(200, 'x')}}).find("too long"), std::string::npos);
    EXPECT_NE(error_of({{"debug-fm", "9fff"}}).find("FM ID"), std::string::npos);
    EXPECT_NE(error_of({{"profile", directory_.file("no/such/folder")}}).find("No such file"), std::string::npos);
    std::ofstream(socket()) << "precious";
    EXPECT_NE(error_of(properties()).find("in use"), std::string::npos) << "only sockets are replaced";
    EXPECT_EQ(text_of(read_file(socket())), "precious");
}

TEST_F(CardDebug, StopsReadsAndGoesOn) {
    OperationalCard card(properties());
    card.load("echo");
    card.restart();
    Debugger debugger(socket());
    begin_call(card, kEcho, "hello");
    EXPECT_NE(debugger.ask("qSupported").find("PacketSize="), std::string::npos);
    EXPECT_EQ(debugger.ask("?"), "T05thread:1;") << "at the first instruction of the call";
    EXPECT_EQ(debugger.register_value(kA2), 5u) << "the length of the request";
    EXPECT_EQ(debugger.ask("m" + Debugger::hex(K7_FM_REQUEST_BASE) + ",5"), "68656c6c6f");
    const std::string all = debugger.ask("g");
    EXPECT_EQ(all.size(), 33u * 8);
    EXPECT_EQ(Debugger::swapped(all.substr(32 * 8)), debugger.pc());
    const std::uint32_t first = debugger.pc();
    EXPECT_EQ(debugger.ask("vCont;s:1;c"), "T05thread:1;");
    EXPECT_EQ(debugger.pc(), first + 4);
    debugger.send("D");
    EXPECT_EQ(debugger.receive(), "OK");
    EXPECT_EQ(reply(card), "hello");
    EXPECT_EQ(card.call(kEcho, "again").text(), "again") << "without a debugger as ever";
}

TEST_F(CardDebug, BreaksAndWritesRegistersAndMemory) {
    OperationalCard card(properties());
    card.load("echo");
    card.restart();
    Debugger debugger(socket());
    begin_call(card, kEcho, "hello");
    const std::uint32_t handler = debugger.pc();
    EXPECT_EQ(debugger.ask("Z0," + Debugger::hex(handler) + ",4"), "OK");
    debugger.send("c");
    EXPECT_EQ(reply(card), "hello");
    begin_call(card, kEcho, "second");
    EXPECT_EQ(debugger.receive(), "T05thread:1;") << "the same breakpoint, before its instruction";
    EXPECT_EQ(debugger.pc(), handler);
    // The FM believes that the request is shorter: it replies with less.
    EXPECT_EQ(debugger.ask("Pc=03000000"), "OK");
    EXPECT_EQ(debugger.ask("P0=ffffffff"), "OK");
    EXPECT_EQ(debugger.register_value(0), 0u) << "x0 stays 0";
    EXPECT_EQ(debugger.ask("z0," + Debugger::hex(handler) + ",4"), "OK");
    debugger.send("c");
    EXPECT_EQ(reply(card), "sec");
}

TEST_F(CardDebug, MemoryHasItsPermissions) {
    OperationalCard card(properties());
    card.load("echo");
    card.restart();
    Debugger debugger(socket());
    begin_call(card, kEcho, "hello");
    const std::string heap = Debugger::hex(K7_FM_HEAP_BASE);
    EXPECT_EQ(debugger.ask("M" + heap + ",4:01020304"), "OK");
    EXPECT_EQ(debugger.ask("m" + heap + ",4"), "01020304");
    EXPECT_EQ(debugger.ask("M" + Debugger::hex(debugger.pc()) + ",4:00000000"), "E0e") << "code";
    EXPECT_EQ(debugger.ask("M" + Debugger::hex(K7_FM_REQUEST_BASE) + ",1:00"), "E0e") << "the request";
    EXPECT_EQ(debugger.ask("m0,4"), "E0e");
    EXPECT_EQ(debugger.ask("mffffffff,10"), "E0e");
    const std::string end = Debugger::hex(K7_FM_STACK_TOP - 4);
    EXPECT_EQ(debugger.ask("m" + end + ",10").size(), 8u) << "as much as there is";
    EXPECT_EQ(debugger.ask("M" + end + ",8:0000000000000000"), "E0e") << "all or nothing";
    debugger.send("D");
}

TEST_F(CardDebug, WatchesWrites) {
    OperationalCard card(properties());
    card.load("faults");
    card.restart();
    Debugger debugger(socket());
    begin_call(card, kFaults, "none");
    // The first word of the stack is written by whatever saves a register first.
    const std::string stack = Debugger::hex(K7_FM_STACK_TOP - 64);
    EXPECT_EQ(debugger.ask("Z2," + stack + ",40"), "OK");
    EXPECT_EQ(debugger.ask("c"), "T05thread:1;watch:" + stack + ";");
    EXPECT_EQ(debugger.ask("z2," + stack + ",40"), "OK");
    // The reply buffer is written by a service when the FM replies, or by the FM: either way it is noticed.
    EXPECT_EQ(debugger.ask("Z2," + Debugger::hex(K7_FM_REPLY_BASE) + ",4"), "OK");
    EXPECT_EQ(debugger.ask("c"), "T05thread:1;watch:" + Debugger::hex(K7_FM_REPLY_BASE) + ";");
    debugger.send("D");
    EXPECT_EQ(reply(card), "alive");
}

TEST_F(CardDebug, FaultStopsAndTheDebuggerDecides) {
    OperationalCard card(properties());
    card.load("faults");
    card.restart();
    Debugger debugger(socket());
    begin_call(card, kFaults, "null-write");
    EXPECT_EQ(debugger.ask("c"), "T0bthread:1;") << "SIGSEGV";
    const std::uint32_t pc = debugger.pc();
    EXPECT_EQ(debugger.ask("c"), "T0bthread:1;") << "nothing has changed, so it faults again";
    EXPECT_EQ(debugger.pc(), pc);
    EXPECT_EQ(card.host.card_state().state, static_cast<std::uint32_t>(K7_STATE_OPERATIONAL));
    EXPECT_EQ(debugger.ask("P20=" + Debugger::word(pc + 4)), "OK");
    debugger.send("c");
    EXPECT_TRUE(card.ring.take()) << "skipped, the call ends";
    begin_call(card, kFaults, "null-write");
    EXPECT_EQ(debugger.receive(), "T0bthread:1;");
    EXPECT_EQ(debugger.ask("C0b"), "X0b");
    ASSERT_TRUE(card.host.wait_state(K7_STATE_HALTED));
    EXPECT_EQ(card.fault_report().pc, pc);
}

TEST_F(CardDebug, WaitingCardStopsInTheStartUp) {
    { OperationalCard(properties()).load("echo"); }
    CardHost host(properties("wait:"));
    Debugger debugger(socket());
    EXPECT_EQ(debugger.ask("?"), "T05thread:1;");
    EXPECT_EQ(host.card_state().state, static_cast<std::uint32_t>(K7_STATE_BOOT));
    EXPECT_EQ(debugger.register_value(kA0), 0u);
    debugger.send("c");
    EXPECT_TRUE(host.wait_state(K7_STATE_OPERATIONAL));
    host.switch_off();
    EXPECT_EQ(debugger.receive(), "W00");
}

TEST_F(CardDebug, AResetEndsAStoppedFm) {
    OperationalCard card(properties());
    card.load("echo");
    card.restart();
    Debugger debugger(socket());
    begin_call(card, kEcho, "hello");
    EXPECT_EQ(debugger.ask("?"), "T05thread:1;");
    card.host.reset(K7CARD_RESET_FLR);
    debugger.send("c"); // the next FM run is the start-up
    card.start();
    EXPECT_EQ(card.call(kEcho, "hello").text(), "hello");
}

TEST_F(CardDebug, InterruptStopsAHungFm) {
    Properties given = properties();
    given.emplace_back("fm-budget", "50000000");
    OperationalCard card(given);
    card.load("faults");
    card.restart();
    Debugger debugger(socket());
    begin_call(card, kFaults, "endless-loop");
    EXPECT_EQ(debugger.ask("?"), "T05thread:1;");
    debugger.raw("$c#63\x03"); // in one piece: its budget may be over before a second one is sent
    EXPECT_EQ(debugger.receive(), "T02thread:1;") << "SIGINT, long before its budget ends";
    EXPECT_EQ(debugger.ask("C02").substr(0, 3), "T18") << "and at last the budget: SIGXCPU";
}

TEST_F(CardDebug, HostilePacketsDoNoHarm) {
    OperationalCard card(properties());
    card.load("echo");
    card.restart();
    {
        Debugger debugger(socket());
        begin_call(card, kEcho, "hello");
        for (const char *packet : {"m",
                                   "m,",
                                   "mzz,4",
                                   "m0,ffffffff",
                                   "M0,4",
                                   "M0,4:",
                                   "M0,ffffffff:00",
                                   "Mfff,4:zz",
                                   "p",
                                   "p99",
                                   "pffffffff",
                                   "P",
                                   "P99=00000000",
                                   "Pa=",
                                   "Pa=zzzzzzzz",
                                   "G",
                                   "Gzz",
                                   "Z",
                                   "Z9,0,4",
                                   "Z0",
                                   "Z0,zz",
                                   "Z2,0,ffffffff",
                                   "z",
                                   "z9",
                                   "vCont;",
                                   "vCont;x",
                                   "v",
                                   "q",
                                   "qXfer:features:read:target.xml:",
                                   "qXfer:features:read:target.xml:ffffffff,1",
                                   "H",
                                   "T",
                                   "\x01\x02"}) {
            debugger.send(packet);
            EXPECT_NE(debugger.receive(), "closed") << packet;
        }
        debugger.raw("$g#00");
        debugger.raw("#$#$$$+-");
        EXPECT_EQ(debugger.ask("?").substr(0, 3), "T05");
        debugger.raw(std::string(100000, '$'));
        EXPECT_EQ(debugger.receive(), "closed") << "no packet is as long as that";
    }
    EXPECT_EQ(reply(card), "hello");
}

TEST_F(CardDebug, ProfileCountsInstructions) {
    const std::string file = directory_.file("profile");
    {
        OperationalCard card({{"profile", file}});
        EXPECT_NE(card.host.read(K7_REG_FEATURES) & K7_FEATURE_DEBUG, 0u);
        card.load("echo");
        card.load("crashy");
        card.restart();
        for (int call = 0; call < 7; ++call)
            EXPECT_EQ(card.call(kEcho, "hello").text(), "hello");
        card.crash(kCrashy, "crash");
        EXPECT_GT(card.fault_report().instructions, 0u);
    }
    std::ifstream in(file);
    std::map<std::string, std::map<std::uint64_t, unsigned>> times; // FM -> how often -> number of instructions
    std::string fm;
    for (std::string first, second; in >> first >> second;)
        if (first == "fm")
            fm = second;
        else
            ++times[fm][std::stoull(second)];
    EXPECT_GT(times["a000"][1], 4u) << "the start-up";
    EXPECT_GT(times["a000"][7], 4u) << "the handler";
    EXPECT_FALSE(times["a002"].empty()) << "an FM that halted the card, too";
}

} // namespace
} // namespace k7::test
