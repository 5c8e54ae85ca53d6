// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/fault_text.hpp"

#include <array>
#include <cstring>
#include <sstream>

#include <nlohmann/json.hpp>

#include "hsm/fm_image.hpp"
#include "k7/fault_report.h"
#include "utils/common/describe.hpp"
#include "utils/common/files.hpp"
#include "utils/common/image_cache.hpp"

namespace k7::tool {
namespace {

/// x0 .. x31 by their ABI names.
constexpr std::array<const char *, 32> kRegisters = {
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
    "a6",   "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
constexpr std::size_t kRegistersPerLine = 4;

const char *phase_text(std::uint32_t phase) {
    switch (phase) {
    case K7_FAULT_PHASE_STARTUP:
        return "start-up: the card halts at every restart";
    case K7_FAULT_PHASE_CALL:
        return "a call from the host";
    case K7_FAULT_PHASE_TIMER:
        return "a timer of its own";
    default:
        return "not in an FM";
    }
}

bool is_elf(hsm::ByteView bytes) {
    return bytes.size() > 4 && std::memcmp(bytes.data(), "\177ELF", 4) == 0;
}

/// A return address is the instruction after the call, which can already belong to the next line.
std::uint32_t place_of(const hsm::FaultReport &report, std::size_t level) {
    const std::uint32_t address = report.backtrace[level];
    return level == 0 || address == 0 ? address : address - 1;
}

void write_line(std::ostream &out, const char *label, const std::string &value) {
    out << label << std::string(17 - std::strlen(label), ' ') << value << '\n';
}

void write_registers(std::ostream &out, const hsm::FaultReport &report) {
    out << "Registers:\n";
    for (std::size_t index = 0; index < report.regs.size(); ++index) {
        const std::string name = kRegisters[index];
        out << "  " << std::string(4 - name.size(), ' ') << name << ' ' << hex(report.regs[index]);
        if (index % kRegistersPerLine == kRegistersPerLine - 1)
            out << '\n';
    }
}

std::string place_text(const hsm::FaultReport &report, const FaultSymbols &symbols) {
    const std::vector<hsm::SourceFrame> frames = symbols.frames(report.pc);
    if (!frames.empty())
        return to_string(frames.front());
    return report.symbol.empty() ? "unknown" : report.symbol + " + " + std::to_string(report.symbol_offset);
}

void write_backtrace(std::ostream &out, const hsm::FaultReport &report, const FaultSymbols &symbols) {
    out << "Backtrace:\n";
    for (std::size_t level = 0; level < report.backtrace.size(); ++level) {
        const std::vector<hsm::SourceFrame> frames = symbols.frames(place_of(report, level));
        out << "  #" << level << (level < 10 ? "  " : " ") << hex(report.backtrace[level]);
        for (std::size_t index = 0; index < frames.size(); ++index)
            out << (index == 0 ? "  " : "\n                   inlined into ") << to_string(frames[index]);
        if (frames.empty() && level == 0 && !report.symbol.empty())
            out << "  " << report.symbol << " + " << report.symbol_offset;
        out << '\n';
    }
}

Json frames_json(const std::vector<hsm::SourceFrame> &frames) {
    Json list = Json::array();
    for (const hsm::SourceFrame &frame : frames)
        list.push_back({{"function", frame.function}, {"file", frame.file}, {"line", frame.line}});
    return list;
}

} // namespace

FaultSymbols FaultSymbols::from_cache(const hsm::FaultReport &report) {
    FaultSymbols symbols;
    if (report.fm_id.value == 0)
        return symbols;
    if (const auto elf = cached_elf(report.fingerprint))
        symbols.table_.emplace(*elf);
    else
        symbols.note_ = "no copy of this FM's image is on this host: give --elf FILE for source lines";
    return symbols;
}

FaultSymbols FaultSymbols::from_file(const hsm::FaultReport &report, const std::string &path) {
    FaultSymbols symbols;
    hsm::Bytes bytes = read_file(path, "the ELF file");
    if (is_elf(bytes)) {
        // The fingerprint covers the envelope's build time too, so a bare ELF file cannot be matched.
        symbols.note_ = path + " cannot be matched with the report: check that it is the build that was loaded";
    } else {
        hsm::FmImage image = hsm::parse_fm_image(bytes);
        if (image.fingerprint != report.fingerprint)
            throw hsm::Error(hsm::ErrorKind::failed, path + " is not the FM of this report",
                             "its fingerprint is " + to_string(image.fingerprint) + ", the report names " +
                                 to_string(report.fingerprint))
                .with_object(path);
        bytes = std::move(image.elf);
    }
    symbols.table_.emplace(bytes);
    return symbols;
}

std::vector<hsm::SourceFrame> FaultSymbols::frames(std::uint32_t address) const {
    return table_ ? table_->frames(address) : std::vector<hsm::SourceFrame>();
}

std::string fault_text(const hsm::FaultReport &report, const FaultSymbols &symbols) {
    std::ostringstream out;
    write_line(out, "Fault:", std::to_string(report.sequence));
    write_line(out, "Time:", time_text(report.time));
    if (report.fm_id.value == 0) {
        write_line(out, "Cause:", cause_text(report));
        return out.str();
    }
    write_line(out, "FM:",
               to_string(report.fm_id) + " (" + report.fm_name + "), version " +
                   hsm::fm_version_text(report.fm_version) + ", serial " + std::to_string(report.fm_serial));
    write_line(out, "Cause:", cause_text(report) + (has_address(report) ? " at address " + hex(report.address) : ""));
    write_line(out, "During:", phase_text(report.phase));
    write_line(out, "pc:", hex(report.pc) + "  " + place_text(report, symbols));
    write_line(out, "Instruction:",
               hex(report.instruction) + ", after " + std::to_string(report.instructions) + " instructions");
    write_line(out, "Fingerprint:", to_string(report.fingerprint));
    write_registers(out, report);
    write_backtrace(out, report, symbols);
    return out.str();
}

Json fault_json(const hsm::FaultReport &report, const FaultSymbols &symbols) {
    Json json = to_json(report);
    json["frames"] = frames_json(symbols.frames(report.pc));
    json["backtrace"] = Json::array();
    for (std::size_t level = 0; level < report.backtrace.size(); ++level)
        json["backtrace"].push_back(
            {{"address", report.backtrace[level]}, {"frames", frames_json(symbols.frames(place_of(report, level)))}});
    return json;
}

} // namespace k7::tool
