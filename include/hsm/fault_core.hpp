// SPDX-License-Identifier: Apache-2.0
/// @file hsm/fault_core.hpp
/// FM memory that a card kept with a fault report, and the core file for gdb that both make together.
#pragma once

#include <cstdint>
#include <vector>

#include "hsm/bytes.hpp"
#include "hsm/export.hpp"
#include "hsm/types.hpp"

namespace hsm {

/// The FM's own memory (stack, data, heap), as much as the card keeps. It may hold secrets of the FM.
struct FaultCore {
    struct Range {
        std::uint32_t address = 0; ///< of the first byte, in the FM's address space
        SecureBytes bytes;
    };
    std::uint32_t sequence = 0; ///< of the report that it belongs to
    std::vector<Range> memory;  ///< ascending, without overlap
};

/// The signal that stands for the cause of @p report, by Linux' numbers: SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGXCPU (ran
/// too long), SIGSYS (bad service) or SIGABRT.
HSM_EXPORT int signal_of(const FaultReport &report) noexcept;

/// An ELF core file (ELF32, EM_RISCV): one thread with all registers and the signal of its cause, one segment for each
/// range. `gdb-multiarch FM.elf FILE` opens it. As secret as @p core.
HSM_EXPORT SecureBytes core_file(const FaultReport &report, const FaultCore &core);

} // namespace hsm
