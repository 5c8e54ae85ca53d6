// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fm/interpreter.hpp"

#include <bit>

#include "card/fm/instructions.hpp"
#include "k7/fault_report.h"

namespace k7::fm {
namespace {

inline const Op *moved(const Op *op, std::uint32_t distance) {
    // The distance may lead out of the array until the limit is checked: integers may do that, pointers may not.
    return reinterpret_cast<const Op *>(Budget::place(op) + to_signed(distance)); // NOLINT(performance-no-int-to-ptr)
}

/// Bytes that a load or store instruction accesses: its funct3 says.
constexpr std::uint32_t access_size(std::uint32_t word) {
    return 1u << ((word >> 12) & 3);
}

enum class Access : std::uint8_t { Load, Store };

/// What the load or store at @p op does.
Access access_of(const Op *op) {
    const Kind kind = first_of(op->kind);
    return kind >= Kind::Sb && kind <= Kind::Sw ? Access::Store : Access::Load;
}

constexpr bool in_stack_guard(std::uint32_t address) {
    return address - (K7_FM_STACK_TOP - K7_FM_STACK_SIZE - K7_FM_STACK_GUARD) < K7_FM_STACK_GUARD;
}

} // namespace

bool Interpreter::next_service_is_short() const {
    return !services_.takes_long(x_[17], {x_[10], x_[11], x_[12], x_[13], x_[14], x_[15]});
}

/// Serve an ecall. @return the cause of the fault if it is one
std::optional<std::uint32_t> Interpreter::serve() {
    const ServiceResult result = services_.service(engine_, x_[17], {x_[10], x_[11], x_[12], x_[13], x_[14], x_[15]});
    if (!result.fault_cause)
        x_[10] = result.value;
    return result.fault_cause;
}

/// A jump to @p target, which is no code.
Outcome Interpreter::left(std::uint32_t target, std::uint64_t used) const {
    if (target == K7_FM_EXIT_ADDRESS)
        return {.end = Outcome::End::Returned, .value = x_[10], .fault = {}, .instructions = used};
    const std::uint32_t cause = target % 4 != 0 ? K7_FAULT_FETCH_MISALIGNED : K7_FAULT_FETCH_ACCESS;
    return {.end = Outcome::End::Faulted, .fault = {cause, target, target, 0}, .instructions = used};
}

Outcome Interpreter::fault(std::uint32_t cause, const Op *op, std::uint32_t address, std::uint64_t used) const {
    const std::uint32_t pc = code_.address_of(op);
    const std::uint32_t word = memory_.word(pc, kExecute).value_or(0);
    return {.end = Outcome::End::Faulted, .fault = {cause, pc, address, word}, .instructions = used};
}

Outcome Interpreter::paused(const Op *op, std::uint64_t used) const {
    Outcome outcome = fault(K7_FAULT_BUDGET, op, 0, used);
    outcome.end = Outcome::End::Paused;
    return outcome;
}

Outcome Interpreter::data_fault(const Op *op, std::uint32_t address, std::uint64_t used) const {
    const Access access = access_of(op);
    Outcome outcome = fault(access == Access::Load ? K7_FAULT_LOAD_ACCESS : K7_FAULT_STORE_ACCESS, op, address, used);
    if (in_stack_guard(address))
        outcome.fault.cause = K7_FAULT_STACK_OVERFLOW;
    else if (address % access_size(outcome.fault.instruction) != 0)
        outcome.fault.cause = access == Access::Load ? K7_FAULT_LOAD_MISALIGNED : K7_FAULT_STORE_MISALIGNED;
    return outcome;
}

// The loop. Every op ends by jumping to the next one's label, so the host's branch predictor sees one indirect jump per
// kind of op. Labels as values are an extension of GCC and clang.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"

#define S1 core.x[op->rs1]
#define IMM op->imm
#define RD core.x[op->rd]
#define RUN goto *kLabels[static_cast<std::uint8_t>(op->kind)]
#define NEXT                                                                                                           \
    ++op;                                                                                                              \
    RUN
#define JUMP_BY(distance)                                                                                              \
    limit += to_signed(distance) - std::intptr_t{sizeof(Op)};                                                          \
    op = moved(op, distance);                                                                                          \
    if (Budget::place(op) > limit) [[unlikely]]                                                                        \
        goto refill;                                                                                                   \
    RUN

// NOLINTNEXTLINE(readability-function-size): one piece of code for each op, made from the tables
Outcome Interpreter::run(std::uint32_t address, std::uint64_t instructions, bool only_short_services) {
    static const void *const kLabels[] = {
#define K7_ALU(name, match, format, value) &&name,
#define K7_LOAD(name, match, type) &&name,
#define K7_STORE(name, match, type) &&name,
#define K7_BRANCH(name, match, condition) &&name,
#define K7_SPECIAL(name, match, format) &&name,
#define K7_PSEUDO(name) &&name,
#include "card/fm/rv32im.def"
#define K7_FUSED(first, last) &&first##_##last,
#include "card/fm/fusions.def"
    };
    const std::uint32_t base = code_.base();
    const std::uint32_t size = code_.size();
    const Op *const code = code_.ops();
    const Core core{x_.data(), memory_.bytes(), memory_.permissions()};
    Budget budget(code_, instructions, kill_);
    unsigned services = 0;
    if (std::rotr(address - base, 2) >= size)
        return left(address, 0);
    const Op *op = &code[(address - base) / 4];
    std::intptr_t limit = Budget::place(op);

refill:
    limit = budget.refill(op, limit);
    if (budget.killed())
        return {.end = Outcome::End::Killed, .fault = {}, .instructions = budget.used(op, limit)};
    RUN;

#define K7_OP(kind)                                                                                                    \
    kind:                                                                                                              \
    if (!Does<Kind::kind>::step(op, core)) [[unlikely]]                                                                \
        goto refused;                                                                                                  \
    if (Does<Kind::kind>::taken(op, core)) {                                                                           \
        JUMP_BY(IMM);                                                                                                  \
    }                                                                                                                  \
    NEXT;
#define K7_ALU(name, match, format, value) K7_OP(name)
#define K7_LOAD(name, match, type) K7_OP(name)
#define K7_STORE(name, match, type) K7_OP(name)
#define K7_BRANCH(name, match, condition) K7_OP(name)
#define K7_SPECIAL(name, match, format)
#define K7_PSEUDO(name)
#include "card/fm/rv32im.def"
#define K7_FUSED(first, last) K7_OP(first##_##last)
#include "card/fm/fusions.def"

Jal:
    RD = code_.address_of(op + 1);
    JUMP_BY(IMM);
Jalr:
    address = (S1 + IMM) & ~1u;
    RD = code_.address_of(op + 1);
    if (std::rotr(address - base, 2) >= size) [[unlikely]]
        return left(address, budget.used(op, limit) + 1);
    JUMP_BY(static_cast<std::uint32_t>(Budget::place(&code[(address - base) / 4]) - Budget::place(op)));
Fence:
    NEXT;
Ecall:
    if (only_short_services && (services++ == FmEngine::kServicesPerSlice || !next_service_is_short()))
        return paused(op, budget.used(op, limit));
    if (const auto cause = serve())
        return fault(*cause, op, 0, budget.used(op, limit));
    if (budget.killed())
        return {.end = Outcome::End::Killed, .fault = {}, .instructions = budget.used(op + 1, limit)};
    NEXT;

refused:
    address = S1 + IMM;
    if (access_of(op) == Access::Store && memory_.make_writable(address)) // the first store to a page: try again
        RUN;
    return data_fault(op, address, budget.used(op, limit));
NotExecutable:
    return left(code_.address_of(op), budget.used(op, limit));
FarTarget:
    return left(IMM, budget.used(op, limit));
Illegal:
    return fault(K7_FAULT_ILLEGAL_INSTRUCTION, op, 0, budget.used(op, limit));
Ebreak:
    return fault(K7_FAULT_BREAKPOINT, op, 0, budget.used(op, limit));
BudgetEnd:
    return paused(op, budget.used(op, limit));
}

#pragma GCC diagnostic pop

} // namespace k7::fm
