// SPDX-License-Identifier: Apache-2.0
//
// ELF core files. What gdb expects in the notes is what Linux on 32-bit RISC-V writes there.
#include "hsm/fault_core.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <span>
#include <string_view>

#include <elf.h>
#include <endian.h>

#include "k7/fault_report.h"

namespace hsm {
namespace {

constexpr std::uint32_t kPage = 0x1000;
constexpr std::uint32_t kThread = 1; ///< gdb wants a thread to have a number, and not 0

/// struct elf_prstatus of 32-bit Linux.
struct Status {
    std::uint32_t info[3];
    std::uint16_t signal;
    std::uint16_t padding;
    std::uint32_t signals[2];
    std::uint32_t ids[4]; ///< thread, parent, group, session
    std::uint32_t times[8];
    std::uint32_t registers[32]; ///< pc, x1 .. x31
    std::uint32_t has_float;
};
static_assert(sizeof(Status) == 204);

/// struct elf_prpsinfo of 32-bit Linux.
struct Process {
    char state[4];
    std::uint32_t numbers[7]; ///< flags, user, group, thread, parent, group, session
    char name[16];
    char command[80];
};
static_assert(sizeof(Process) == 128);

constexpr char kOwner[8] = "CORE";

template <typename T>
void append(SecureBytes &bytes, const T &value) {
    const ByteView view = std::as_bytes(std::span(&value, 1));
    bytes.insert(bytes.end(), view.begin(), view.end());
}

template <typename T>
void append_note(SecureBytes &notes, std::uint32_t type, const T &content) {
    const Elf32_Nhdr header{htole32(5), htole32(sizeof content), htole32(type)};
    append(notes, header);
    append(notes, kOwner); // 5 bytes and padding
    append(notes, content);
}

Status status_of(const FaultReport &report) {
    Status status{};
    const int number = signal_of(report);
    status.info[0] = htole32(static_cast<std::uint32_t>(number));
    status.signal = htole16(static_cast<std::uint16_t>(number));
    status.ids[0] = htole32(kThread);
    std::ranges::transform(report.regs, status.registers, [](std::uint32_t value) { return htole32(value); });
    status.registers[0] = htole32(report.pc);
    return status;
}

template <std::size_t size>
void put_text(char (&field)[size], std::string_view text) {
    std::ranges::copy(text.substr(0, size - 1), field);
}

Process process_of(const FaultReport &report) {
    Process process{};
    process.numbers[3] = htole32(kThread);
    put_text(process.name, report.fm_name + ".elf"); // the SDK's name of the file; gdb warns when it opens another
    put_text(process.command, "FM " + report.fm_name + " (" + to_string(report.fm_id) + "), fault " +
                                  std::to_string(report.sequence) + ": " + cause_text(report));
    return process;
}

SecureBytes notes_of(const FaultReport &report) {
    SecureBytes notes;
    append_note(notes, NT_PRSTATUS, status_of(report));
    append_note(notes, NT_PRPSINFO, process_of(report));
    return notes;
}

Elf32_Ehdr file_header(std::size_t segments) {
    Elf32_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS32;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = htole16(ET_CORE);
    header.e_machine = htole16(EM_RISCV);
    header.e_version = htole32(EV_CURRENT);
    header.e_phoff = htole32(sizeof header);
    header.e_ehsize = htole16(sizeof header);
    header.e_phentsize = htole16(sizeof(Elf32_Phdr));
    header.e_phnum = htole16(static_cast<std::uint16_t>(segments));
    return header;
}

Elf32_Phdr segment(std::uint32_t type, std::uint32_t offset, std::uint32_t address, std::size_t size) {
    Elf32_Phdr header{};
    header.p_type = htole32(type);
    header.p_offset = htole32(offset);
    header.p_vaddr = htole32(address);
    header.p_filesz = htole32(static_cast<std::uint32_t>(size));
    if (type == PT_LOAD) {
        header.p_memsz = header.p_filesz;
        header.p_flags = htole32(PF_R | PF_W);
        header.p_align = htole32(kPage);
    }
    return header;
}

} // namespace

int signal_of(const FaultReport &report) noexcept {
    switch (report.cause) {
    case K7_FAULT_LOAD_MISALIGNED:
    case K7_FAULT_STORE_MISALIGNED:
    case K7_FAULT_FETCH_MISALIGNED:
        return SIGBUS;
    case K7_FAULT_ILLEGAL_INSTRUCTION:
        return SIGILL;
    case K7_FAULT_BREAKPOINT:
        return SIGTRAP;
    case K7_FAULT_BUDGET:
        return SIGXCPU;
    case K7_FAULT_BAD_SERVICE:
        return SIGSYS;
    case K7_FAULT_ABORT:
        return SIGABRT;
    default:
        return SIGSEGV;
    }
}

SecureBytes core_file(const FaultReport &report, const FaultCore &core) {
    const SecureBytes notes = notes_of(report);
    const std::size_t segments = 1 + core.memory.size();
    const std::size_t notes_at = sizeof(Elf32_Ehdr) + segments * sizeof(Elf32_Phdr);
    SecureBytes file;
    append(file, file_header(segments));
    append(file, segment(PT_NOTE, static_cast<std::uint32_t>(notes_at), 0, notes.size()));
    const std::size_t content_at = (notes_at + notes.size() + kPage - 1) / kPage * kPage;
    std::size_t at = content_at;
    for (const FaultCore::Range &range : core.memory) {
        append(file, segment(PT_LOAD, static_cast<std::uint32_t>(at), range.address, range.bytes.size()));
        at += range.bytes.size();
    }
    file.insert(file.end(), notes.begin(), notes.end());
    file.resize(content_at);
    for (const FaultCore::Range &range : core.memory)
        file.insert(file.end(), range.bytes.begin(), range.bytes.end());
    return file;
}

} // namespace hsm
