// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/debug/session.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <span>

#include "k7/fault_report.h"
#include "k7/fm_abi.h"

namespace k7::card {
namespace {

constexpr std::chrono::milliseconds kPatience{100}; ///< how soon a card that is switched off is noticed
constexpr std::size_t kRegisters = 33;              ///< x0 .. x31, pc
constexpr std::size_t kPc = 32;
constexpr std::size_t kMemoryMax = 0x800; ///< bytes a packet reads or writes
constexpr std::size_t kPointsMax = 1024;

constexpr std::uint32_t kLoad = 0x03;
constexpr std::uint32_t kStore = 0x23;
constexpr std::uint32_t kEcall = 0x00000073;

/// Read a hexadecimal number off the front of @p text.
std::optional<std::uint32_t> take_number(std::string_view &text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{})
        return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

bool take(std::string_view &text, char c) {
    if (text.empty() || text.front() != c)
        return false;
    text.remove_prefix(1);
    return true;
}

std::string to_hex(std::span<const std::byte> bytes) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const std::byte byte : bytes) {
        text.push_back(kDigits[std::to_integer<unsigned>(byte) >> 4]);
        text.push_back(kDigits[std::to_integer<unsigned>(byte) & 15]);
    }
    return text;
}

std::optional<std::vector<std::byte>> from_hex(std::string_view text) {
    std::vector<std::byte> bytes;
    for (; text.size() >= 2; text.remove_prefix(2)) {
        std::string_view digits = text.substr(0, 2);
        const auto value = take_number(digits);
        if (!value || !digits.empty())
            return std::nullopt;
        bytes.push_back(static_cast<std::byte>(*value));
    }
    return text.empty() ? std::optional(std::move(bytes)) : std::nullopt;
}

/// The protocol has registers in the target's byte order.
std::string word_to_hex(std::uint32_t word) {
    return to_hex(std::as_bytes(std::span(&word, 1)));
}

std::optional<std::uint32_t> word_from_hex(std::string_view text) {
    const auto bytes = from_hex(text.substr(0, 8));
    if (!bytes || bytes->size() != sizeof(std::uint32_t))
        return std::nullopt;
    std::uint32_t word = 0;
    std::memcpy(&word, bytes->data(), sizeof(word));
    return word;
}

std::string target_description() {
    static constexpr std::array kNames = {"zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "fp", "s1", "a0",
                                          "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
                                          "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6", "pc"};
    std::string text = "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
                       "<architecture>riscv:rv32</architecture><feature name=\"org.gnu.gdb.riscv.cpu\">";
    for (const std::string_view name : kNames)
        text += "<reg name=\"" + std::string(name) + "\" bitsize=\"32\" type=\"" +
                (name == "pc" || name == "ra"   ? "code_ptr"
                 : name == "sp" || name == "fp" ? "data_ptr"
                                                : "int") +
                "\"/>";
    return text + "</feature></target>";
}

struct MemoryRange {
    std::uint32_t address;
    std::uint32_t length;
};

/// "ADDRESS,LENGTH" off the front of @p text.
std::optional<MemoryRange> take_range(std::string_view &text) {
    const auto address = take_number(text);
    if (!address || !take(text, ','))
        return std::nullopt;
    const auto length = take_number(text);
    if (!length)
        return std::nullopt;
    return MemoryRange{*address, *length};
}

/// As many bytes from @p range on as the FM may read.
std::vector<std::byte> readable_bytes(const fm::FmEngine &fm, MemoryRange range) {
    std::vector<std::byte> bytes;
    while (range.length != 0) {
        const std::uint32_t part = std::min(range.length, K7_FM_PAGE - range.address % K7_FM_PAGE);
        const auto content = fm.readable(range.address, part);
        if (!content)
            break;
        bytes.insert(bytes.end(), content->begin(), content->end());
        range.address += part;
        range.length -= part;
    }
    return bytes;
}

std::uint32_t instruction_of(const fm::FmEngine &fm) {
    std::uint32_t word = 0;
    if (const auto bytes = fm.readable(fm.pc(), sizeof(word)))
        std::memcpy(&word, bytes->data(), sizeof(word));
    return word;
}

/// What the load or store @p word accesses.
std::optional<MemoryRange> access_of(std::uint32_t word, const fm::FmEngine &fm) {
    const std::uint32_t opcode = word & 0x7f;
    if (opcode != kLoad && opcode != kStore)
        return std::nullopt;
    const std::uint32_t base = fm.registers()[(word >> 15) & 31];
    const auto high = static_cast<std::uint32_t>(static_cast<std::int32_t>(word) >> 20);
    const std::uint32_t offset = opcode == kLoad ? high : (high & ~31u) | ((word >> 7) & 31);
    return MemoryRange{base + offset, 1u << ((word >> 12) & 3)};
}

bool overlaps(const Watch &watch, const MemoryRange &access) {
    return watch.address - access.address < access.length || access.address - watch.address < watch.length;
}

} // namespace

int debugger_signal(std::uint32_t cause) {
    switch (cause) {
    case K7_FAULT_LOAD_MISALIGNED:
    case K7_FAULT_STORE_MISALIGNED:
    case K7_FAULT_FETCH_MISALIGNED:
        return 10; // SIGBUS
    case K7_FAULT_ILLEGAL_INSTRUCTION:
        return 4; // SIGILL
    case K7_FAULT_BREAKPOINT:
        return Stop::kTrap;
    case K7_FAULT_BUDGET:
        return 24; // SIGXCPU
    case K7_FAULT_BAD_SERVICE:
        return 12; // SIGSYS
    case K7_FAULT_ABORT:
        return 6; // SIGABRT
    default:
        return 11; // SIGSEGV
    }
}

std::optional<Go> Session::talk(fm::FmEngine &fm, const Stop &stop, const std::atomic<bool> &kill) {
    fm_ = &fm;
    stop_ = stop;
    if (running_)
        reply(stop_reply());
    running_ = false;
    std::string packet;
    while (!kill) {
        const RspConnection::Event event = connection_.receive(packet, kPatience);
        if (event == RspConnection::Event::Closed)
            return Go::Detached;
        if (event != RspConnection::Event::Packet)
            continue;
        if (const auto go = handle(packet)) {
            running_ = *go == Go::On;
            return go;
        }
    }
    return std::nullopt;
}

std::optional<Stop> Session::reason_to_stop() {
    if (!running_)
        return Stop{};
    std::string packet;
    if (connection_.receive(packet, std::chrono::milliseconds(0)) == RspConnection::Event::Interrupt)
        return Stop{.signal = Stop::kInterrupt};
    return std::nullopt;
}

void Session::end(std::string_view how) {
    if (!over())
        reply(how);
    over_ = true;
}

void Session::end_with_fault() {
    char text[8];
    std::snprintf(text, sizeof(text), "X%02x", static_cast<unsigned>(stop_.signal) & 0xff);
    end(text);
}

std::optional<Go> Session::handle(std::string_view packet) {
    struct Command {
        std::string_view name; ///< what the packet begins with
        std::optional<Go> (Session::*handler)(Arguments arguments);
    };
    static constexpr Command kCommands[] = {
        {"?", &Session::tell_why},
        {"g", &Session::read_registers},
        {"G", &Session::write_registers},
        {"p", &Session::read_register},
        {"P", &Session::write_register},
        {"m", &Session::read_memory},
        {"M", &Session::write_memory},
        {"Z", &Session::set_point},
        {"z", &Session::clear_point},
        {"vCont?", &Session::tell_resume_actions},
        {"vCont;", &Session::resume},
        {"vKill", &Session::kill},
        {"c", &Session::go_on},
        {"s", &Session::step},
        {"C", &Session::go_on_with_signal},
        {"S", &Session::step_with_signal},
        {"D", &Session::detach},
        {"k", &Session::kill},
        {"H", &Session::succeed},
        {"T", &Session::succeed},
        {"qSupported", &Session::supported},
        {"QStartNoAckMode", &Session::no_acknowledgement},
        {"qXfer:features:read:target.xml:", &Session::describe_target},
        {"qAttached", &Session::tell_attached},
        {"qfThreadInfo", &Session::tell_threads},
        {"qsThreadInfo", &Session::tell_no_more_threads},
        {"qC", &Session::tell_thread},
    };
    for (const Command &command : kCommands)
        if (packet.starts_with(command.name))
            return (this->*command.handler)(packet.substr(command.name.size()));
    reply(""); // not supported
    return std::nullopt;
}

// ---- Why it stopped, and going on -----------------------------------------------------------------------------------

std::string Session::stop_reply() const {
    char text[64];
    std::snprintf(text, sizeof(text), "T%02xthread:1;", static_cast<unsigned>(stop_.signal));
    std::string content = text;
    if (stop_.watch) {
        const char *const kind = stop_.watch->kind == Watch::Write  ? "watch"
                                 : stop_.watch->kind == Watch::Read ? "rwatch"
                                                                    : "awatch";
        std::snprintf(text, sizeof(text), "%s:%x;", kind, stop_.watch->address);
        content += text;
    }
    return content;
}

std::optional<Go> Session::tell_why(Arguments) {
    reply(stop_reply());
    return std::nullopt;
}

/// A signal says that the fault is to take its course.
std::optional<Go> Session::go(bool step, int signal) {
    stepping_ = step;
    return stop_.fault && signal != 0 ? Go::WithFault : Go::On;
}

std::optional<Go> Session::resume_from(Arguments arguments, bool step) {
    if (const auto address = take_number(arguments))
        fm_->set_pc(*address);
    return go(step, 0);
}

std::optional<Go> Session::go_on_with_signal(Arguments arguments) {
    return go(false, static_cast<int>(take_number(arguments).value_or(0)));
}

std::optional<Go> Session::step_with_signal(Arguments arguments) {
    return go(true, static_cast<int>(take_number(arguments).value_or(0)));
}

/// vCont: there is one thread, so the first action is its own.
std::optional<Go> Session::resume(Arguments arguments) {
    const char action = arguments.empty() ? '\0' : arguments.front();
    arguments = arguments.substr(arguments.empty() ? 0 : 1);
    switch (action) {
    case 'c':
        return go(false, 0);
    case 's':
        return go(true, 0);
    case 'C':
        return go_on_with_signal(arguments);
    case 'S':
        return step_with_signal(arguments);
    default:
        reply("E01");
        return std::nullopt;
    }
}

std::optional<Go> Session::tell_resume_actions(Arguments) {
    reply("vCont;c;C;s;S");
    return std::nullopt;
}

std::optional<Go> Session::detach(Arguments) {
    reply("OK");
    over_ = true;
    return Go::Detached;
}

/// An FM is part of the card, so it is not killed: what it does next is the card's.
std::optional<Go> Session::kill(Arguments) {
    over_ = true;
    return Go::Detached;
}

// ---- Registers and memory -------------------------------------------------------------------------------------------

std::uint32_t Session::register_value(std::size_t index) const {
    return index == kPc ? fm_->pc() : fm_->registers().at(index);
}

void Session::set_register(std::size_t index, std::uint32_t value) {
    if (index == kPc)
        fm_->set_pc(value);
    else
        fm_->set_register(index, value);
}

std::optional<Go> Session::read_registers(Arguments) {
    std::string content;
    for (std::size_t index = 0; index < kRegisters; ++index)
        content += word_to_hex(register_value(index));
    reply(content);
    return std::nullopt;
}

std::optional<Go> Session::write_registers(Arguments arguments) {
    for (std::size_t index = 0; index < kRegisters && arguments.size() >= 8; ++index, arguments.remove_prefix(8))
        if (const auto value = word_from_hex(arguments))
            set_register(index, *value);
    reply("OK");
    return std::nullopt;
}

std::optional<Go> Session::read_register(Arguments arguments) {
    const auto index = take_number(arguments);
    reply(index && *index < kRegisters ? word_to_hex(register_value(*index)) : "E01");
    return std::nullopt;
}

std::optional<Go> Session::write_register(Arguments arguments) {
    const auto index = take_number(arguments);
    const bool well_formed = index && *index < kRegisters && take(arguments, '=');
    const auto value = well_formed ? word_from_hex(arguments) : std::nullopt;
    if (value)
        set_register(*index, *value);
    reply(value ? "OK" : "E01");
    return std::nullopt;
}

std::optional<Go> Session::read_memory(Arguments arguments) {
    const auto range = take_range(arguments);
    const auto bytes = range
                           ? readable_bytes(*fm_, {range->address, std::min<std::uint32_t>(range->length, kMemoryMax)})
                           : std::vector<std::byte>();
    reply(bytes.empty() ? "E0e" : to_hex(bytes));
    return std::nullopt;
}

std::optional<Go> Session::write_memory(Arguments arguments) {
    const auto range = take_range(arguments);
    const auto bytes = range && take(arguments, ':') ? from_hex(arguments) : std::nullopt;
    const bool well_formed = bytes && bytes->size() == range->length && range->length <= kMemoryMax;
    const auto memory = well_formed ? fm_->writable(range->address, range->length) : std::nullopt;
    if (memory)
        std::ranges::copy(*bytes, memory->begin());
    reply(memory ? "OK" : "E0e");
    return std::nullopt;
}

// ---- Breakpoints and watchpoints ------------------------------------------------------------------------------------

std::optional<Go> Session::set_point(Arguments arguments) {
    const auto kind = take_number(arguments);
    const auto range = kind && take(arguments, ',') ? take_range(arguments) : std::nullopt;
    if (!range || *kind > Watch::Access) {
        reply("");
        return std::nullopt;
    }
    const bool room = breakpoints_.size() + watches_.size() < kPointsMax;
    const Watch watch{*kind, range->address, std::min<std::uint32_t>(range->length, kMemoryMax)};
    if (room && *kind < Watch::Write)
        breakpoints_.insert(range->address);
    else if (room && std::ranges::find(watches_, watch) == watches_.end())
        watches_.push_back(watch);
    reply(room ? "OK" : "E0c");
    return std::nullopt;
}

std::optional<Go> Session::clear_point(Arguments arguments) {
    const auto kind = take_number(arguments);
    const auto range = kind && take(arguments, ',') ? take_range(arguments) : std::nullopt;
    if (!range) {
        reply("E01");
        return std::nullopt;
    }
    if (*kind < Watch::Write)
        breakpoints_.erase(range->address);
    else
        std::erase(watches_, Watch{*kind, range->address, std::min<std::uint32_t>(range->length, kMemoryMax)});
    reply("OK");
    return std::nullopt;
}

std::optional<Watch> Session::touches(const fm::FmEngine &fm) const {
    if (watches_.empty())
        return std::nullopt;
    const std::uint32_t word = instruction_of(fm);
    const auto access = access_of(word, fm);
    if (!access)
        return std::nullopt;
    const std::uint32_t other = (word & 0x7f) == kLoad ? Watch::Write : Watch::Read;
    const auto hit = std::ranges::find_if(
        watches_, [&](const Watch &watch) { return watch.kind != other && overlaps(watch, *access); });
    return hit == watches_.end() ? std::nullopt : std::optional(*hit);
}

std::vector<std::vector<std::byte>> Session::before_service(const fm::FmEngine &fm) const {
    std::vector<std::vector<std::byte>> contents;
    if (!watches_.empty() && instruction_of(fm) == kEcall)
        for (const Watch &watch : watches_)
            contents.push_back(readable_bytes(fm, {watch.address, watch.length}));
    return contents;
}

std::optional<Watch> Session::changed(const fm::FmEngine &fm, const std::vector<std::vector<std::byte>> &before) const {
    for (std::size_t index = 0; index < before.size(); ++index) {
        const Watch &watch = watches_[index];
        if (watch.kind != Watch::Read && readable_bytes(fm, {watch.address, watch.length}) != before[index])
            return watch;
    }
    return std::nullopt;
}

// ---- What every debugger asks first ---------------------------------------------------------------------------------

std::optional<Go> Session::supported(Arguments) {
    char text[96];
    std::snprintf(text, sizeof(text), "PacketSize=%zx;QStartNoAckMode+;qXfer:features:read+;vContSupported+",
                  RspConnection::kPacketMax);
    reply(text);
    return std::nullopt;
}

std::optional<Go> Session::no_acknowledgement(Arguments) {
    reply("OK");
    connection_.stop_acknowledging();
    return std::nullopt;
}

std::optional<Go> Session::describe_target(Arguments arguments) {
    static const std::string kDescription = target_description();
    const auto range = take_range(arguments);
    if (!range || range->address > kDescription.size()) {
        reply("E01");
        return std::nullopt;
    }
    const std::string part = kDescription.substr(range->address, std::min<std::size_t>(range->length, kMemoryMax));
    reply((range->address + part.size() == kDescription.size() ? "l" : "m") + part);
    return std::nullopt;
}

std::optional<Go> Session::succeed(Arguments) {
    reply("OK");
    return std::nullopt;
}

/// To a process that was there before: a debugger that leaves lets it go on.
std::optional<Go> Session::tell_attached(Arguments) {
    reply("1");
    return std::nullopt;
}

std::optional<Go> Session::tell_thread(Arguments arguments) {
    reply(arguments.empty() ? "QC1" : "");
    return std::nullopt;
}

std::optional<Go> Session::tell_threads(Arguments) {
    reply("m1");
    return std::nullopt;
}

std::optional<Go> Session::tell_no_more_threads(Arguments) {
    reply("l");
    return std::nullopt;
}

} // namespace k7::card
