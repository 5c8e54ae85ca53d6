// SPDX-License-Identifier: GPL-2.0-or-later
//
// The seam between the card's firmware and the CPU that runs Functionality Modules. The firmware knows only this
// file; rv32im_engine is the one implementation, and another instruction set would be a second one.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace k7::fm {

/// An ELF file that is no acceptable FM. The text names the rule and the offending value.
class ElfError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Why an FM stopped against its will; cause is an enum k7_fault_cause of include/k7/fault_report.h.
struct Fault {
    std::uint32_t cause = 0;
    std::uint32_t pc = 0;          ///< faulting instruction; for a bad jump its target
    std::uint32_t address = 0;     ///< data address, or jump target for fetch causes
    std::uint32_t instruction = 0; ///< instruction word at pc, 0 when it cannot be fetched
};

/// How a call into an FM ended.
struct Outcome {
    enum class End {
        Returned, ///< the FM jumped to K7_FM_EXIT_ADDRESS; value is its a0
        Faulted,  ///< fault says why; the engine keeps registers and memory for the report
        Killed,   ///< the kill flag was seen (the card is being reset)
        Paused,   ///< the slice is over; resume() goes on
    };
    End end = End::Returned;
    std::uint32_t value = 0;
    Fault fault;
    std::uint64_t instructions = 0; ///< executed by this call in all its slices, a faulting one not counted
};

/// What a service call does next.
struct ServiceResult {
    std::uint32_t value = 0;                    ///< goes to a0
    std::optional<std::uint32_t> fault_cause{}; ///< set: the FM faults at the ecall instead
};

class FmEngine;

/// The firmware's side of `ecall`. Called on the thread that runs the FM.
class ServiceHandler {
  public:
    virtual ~ServiceHandler() = default;
    /// @param number a7; @param arguments a0 .. a5; memory is reached through engine.readable()/writable().
    virtual ServiceResult service(FmEngine &engine, std::uint32_t number,
                                  const std::array<std::uint32_t, 6> &arguments) = 0;
    /// May this service take longer than some microseconds, or wait for anything? A slice pauses before it.
    [[nodiscard]] virtual bool takes_long(std::uint32_t number, const std::array<std::uint32_t, 6> &arguments) const {
        return static_cast<void>(number), static_cast<void>(arguments), false;
    }
};

/// One FM: its memory, registers and CPU. Not thread-safe; one call at a time. Destroying it wipes its memory.
class FmEngine {
  public:
    virtual ~FmEngine() = default;

    static constexpr std::uint64_t kToTheEnd = UINT64_MAX;
    static constexpr unsigned kServicesPerSlice = 32;

    /// Prepare a call of @p address with @p arguments (at most 8, in a0 ..), a fresh stack pointer, and ra =
    /// K7_FM_EXIT_ADDRESS. It stops after exactly @p budget instructions with K7_FAULT_BUDGET.
    virtual void begin(std::uint32_t address, std::span<const std::uint32_t> arguments, std::uint64_t budget) = 0;

    /// Run the call that was begun or paused, for at most @p slice instructions. Unless that is kToTheEnd, also pauses
    /// before a service that takes long and after kServicesPerSlice services, so that a slice is short whatever the FM
    /// does. However a call is cut, it runs the same way. Polls the kill flag at least every 2^20 instructions.
    virtual Outcome resume(std::uint64_t slice) = 0;

    /// A call in one go.
    Outcome call(std::uint32_t address, std::span<const std::uint32_t> arguments, std::uint64_t budget) {
        begin(address, arguments, budget);
        return resume(kToTheEnd);
    }

    /// Map @p request read-only at K7_FM_REQUEST_BASE (the rest of the last page reads as 0) and K7_FM_MESSAGE_MAX
    /// zero bytes of reply, read-write, at K7_FM_REPLY_BASE.
    virtual void map_message(std::span<const std::byte> request) = 0;
    /// Wipe and unmap request and reply.
    virtual void unmap_message() = 0;

    /// The bytes [address, address + length) if the FM may read (write) all of them, else nothing. A length of 0 gives
    /// an empty span. Valid until the next resume(), map_message() or unmap_message().
    [[nodiscard]] virtual std::optional<std::span<const std::byte>> readable(std::uint32_t address,
                                                                             std::uint32_t length) const = 0;
    [[nodiscard]] virtual std::optional<std::span<std::byte>> writable(std::uint32_t address, std::uint32_t length) = 0;

    /// x0 .. x31 as the last resume() left them.
    [[nodiscard]] virtual std::array<std::uint32_t, 32> registers() const = 0;

    /// For a debugger, between two resume(): where the next one goes on, K7_FM_EXIT_ADDRESS after the end; and changes.
    /// A write to x0 is lost.
    [[nodiscard]] virtual std::uint32_t pc() const = 0;
    virtual void set_pc(std::uint32_t pc) = 0;
    virtual void set_register(std::size_t index, std::uint32_t value) = 0;

    /// Return addresses after a fault at @p pc, innermost first, entry 0 = pc, at most @p limit. Follows frame
    /// pointers (the SDK compiles with them), trusts nothing it reads, always ends.
    [[nodiscard]] virtual std::vector<std::uint32_t> backtrace(std::uint32_t pc, std::size_t limit) const = 0;

    /// Address of the ELF's entry point.
    [[nodiscard]] virtual std::uint32_t entry() const = 0;
};

/// A function symbol of the ELF's symbol table.
struct Symbol {
    std::string name;
    std::uint32_t offset = 0; ///< distance of the looked-up address from the symbol's start
};

/// Check @p elf against every rule of include/k7/fm_abi.h without running it. @throws ElfError
void check_elf(std::span<const std::byte> elf);

/// The bytes that the FM sees at K7_FM_IMAGE_BASE, as many as struct k7_fm_header has. @throws ElfError
[[nodiscard]] std::array<std::byte, 72> header_bytes(std::span<const std::byte> elf);

/// A piece of the address space.
struct Range {
    std::uint32_t address = 0;
    std::uint32_t length = 0;
};

/// What an FM may write between two calls, in whole pages, ascending: its data segments, its heap, its stack.
/// @throws ElfError
[[nodiscard]] std::vector<Range> own_memory(std::span<const std::byte> elf);

/// From the first executable byte to the last, with what lies between. @throws ElfError
[[nodiscard]] Range code_memory(std::span<const std::byte> elf);

/// Function that holds @p address, from .symtab (hostile input: checked); nothing when there is none.
[[nodiscard]] std::optional<Symbol> find_symbol(std::span<const std::byte> elf, std::uint32_t address);

/// Load @p elf (copied; checked as check_elf does) into a new engine.
/// @param services must outlive the engine. @param kill when it turns true a running call() ends soon with Killed.
/// @throws ElfError
[[nodiscard]] std::unique_ptr<FmEngine> make_rv32im_engine(std::span<const std::byte> elf, ServiceHandler &services,
                                                           const std::atomic<bool> &kill);

} // namespace k7::fm
