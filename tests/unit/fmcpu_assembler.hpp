// SPDX-License-Identifier: GPL-2.0-or-later
//
// Encodes instructions of RV32IM, Zba and Zbb, for tests of the FM CPU. Written from the instruction formats of the
// RISC-V manual and independent of the decoder that it tests.
#pragma once

#include <cstdint>

namespace k7::fm::test::rv {

using Word = std::uint32_t;

enum Register : Word {
    x0,
    ra,
    sp,
    gp,
    tp,
    t0,
    t1,
    t2,
    s0,
    s1,
    a0,
    a1,
    a2,
    a3,
    a4,
    a5,
    a6,
    a7,
    s2,
    s3,
    s4,
    s5,
    s6,
    s7,
    s8,
    s9,
    s10,
    s11,
    t3,
    t4,
    t5,
    t6,
};

constexpr Word field(std::int32_t value, unsigned high, unsigned low, unsigned to) {
    return ((static_cast<Word>(value) >> low) & ((Word{2} << (high - low)) - 1)) << to;
}

constexpr Word r_type(Word funct7, Word funct3, Word rd, Word rs1, Word rs2, Word opcode = 0x33) {
    return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}
constexpr Word i_type(Word opcode, Word funct3, Word rd, Word rs1, std::int32_t imm) {
    return field(imm, 11, 0, 20) | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}
constexpr Word s_type(Word funct3, Word rs2, std::int32_t imm, Word rs1) {
    return field(imm, 11, 5, 25) | rs2 << 20 | rs1 << 15 | funct3 << 12 | field(imm, 4, 0, 7) | 0x23;
}
constexpr Word b_type(Word funct3, Word rs1, Word rs2, std::int32_t distance) {
    return field(distance, 12, 12, 31) | field(distance, 10, 5, 25) | rs2 << 20 | rs1 << 15 | funct3 << 12 |
           field(distance, 4, 1, 8) | field(distance, 11, 11, 7) | 0x63;
}

// upper is the value of the register's bits 31:12.
constexpr Word lui(Word rd, Word upper) {
    return upper << 12 | rd << 7 | 0x37;
}
constexpr Word auipc(Word rd, Word upper) {
    return upper << 12 | rd << 7 | 0x17;
}
constexpr Word jal(Word rd, std::int32_t distance) {
    return field(distance, 20, 20, 31) | field(distance, 10, 1, 21) | field(distance, 11, 11, 20) |
           field(distance, 19, 12, 12) | rd << 7 | 0x6f;
}
constexpr Word jalr(Word rd, Word rs1, std::int32_t imm) {
    return i_type(0x67, 0, rd, rs1, imm);
}

constexpr Word addi(Word rd, Word rs1, std::int32_t imm) {
    return i_type(0x13, 0, rd, rs1, imm);
}
constexpr Word slti(Word rd, Word rs1, std::int32_t imm) {
    return i_type(0x13, 2, rd, rs1, imm);
}
constexpr Word sltiu(Word rd, Word rs1, std::int32_t imm) {
    return i_type(0x13, 3, rd, rs1, imm);
}
constexpr Word xori(Word rd, Word rs1, std::int32_t imm) {
    return i_type(0x13, 4, rd, rs1, imm);
}
constexpr Word ori(Word rd, Word rs1, std::int32_t imm) {
    return i_type(0x13, 6, rd, rs1, imm);
}
constexpr Word andi(Word rd, Word rs1, std::int32_t imm) {
    return i_type(0x13, 7, rd, rs1, imm);
}
constexpr Word slli(Word rd, Word rs1, Word shift) {
    return r_type(0x00, 1, rd, rs1, shift, 0x13);
}
constexpr Word srli(Word rd, Word rs1, Word shift) {
    return r_type(0x00, 5, rd, rs1, shift, 0x13);
}
constexpr Word srai(Word rd, Word rs1, Word shift) {
    return r_type(0x20, 5, rd, rs1, shift, 0x13);
}

constexpr Word add(Word rd, Word rs1, Word rs2) {
    return r_type(0x00, 0, rd, rs1, rs2);
}
constexpr Word sub(Word rd, Word rs1, Word rs2) {
    return r_type(0x20, 0, rd, rs1, rs2);
}
constexpr Word sll(Word rd, Word rs1, Word rs2) {
    return r_type(0x00, 1, rd, rs1, rs2);
}
constexpr Word slt(Word rd, Word rs1, Word rs2) {
    return r_type(0x00, 2, rd, rs1, rs2);
}
constexpr Word sltu(Word rd, Word rs1, Word rs2) {
    return r_type(0x00, 3, rd, rs1, rs2);
}
constexpr Word xor_(Word rd, Word rs1, Word rs2) {
    return r_type(0x00, 4, rd, rs1, rs2);
}
constexpr Word srl(Word rd, Word rs1, Word rs2) {
    return r_type(0x00, 5, rd, rs1, rs2);
}
constexpr Word sra(Word rd, Word rs1, Word rs2) {
    return r_type(0x20, 5, rd, rs1, rs2);
}
constexpr Word or_(Word rd, Word rs1, Word rs2) {
    return r_type(0x00, 6, rd, rs1, rs2);
}
constexpr Word and_(Word rd, Word rs1, Word rs2) {
    return r_type(0x00, 7, rd, rs1, rs2);
}

constexpr Word mul(Word rd, Word rs1, Word rs2) {
    return r_type(0x01, 0, rd, rs1, rs2);
}
constexpr Word mulh(Word rd, Word rs1, Word rs2) {
    return r_type(0x01, 1, rd, rs1, rs2);
}
constexpr Word mulhsu(Word rd, Word rs1, Word rs2) {
    return r_type(0x01, 2, rd, rs1, rs2);
}
constexpr Word mulhu(Word rd, Word rs1, Word rs2) {
    return r_type(0x01, 3, rd, rs1, rs2);
}
constexpr Word div(Word rd, Word rs1, Word rs2) {
    return r_type(0x01, 4, rd, rs1, rs2);
}
constexpr Word divu(Word rd, Word rs1, Word rs2) {
    return r_type(0x01, 5, rd, rs1, rs2);
}
constexpr Word rem(Word rd, Word rs1, Word rs2) {
    return r_type(0x01, 6, rd, rs1, rs2);
}
constexpr Word remu(Word rd, Word rs1, Word rs2) {
    return r_type(0x01, 7, rd, rs1, rs2);
}

constexpr Word sh1add(Word rd, Word rs1, Word rs2) {
    return r_type(0x10, 2, rd, rs1, rs2);
}
constexpr Word sh2add(Word rd, Word rs1, Word rs2) {
    return r_type(0x10, 4, rd, rs1, rs2);
}
constexpr Word sh3add(Word rd, Word rs1, Word rs2) {
    return r_type(0x10, 6, rd, rs1, rs2);
}
constexpr Word andn(Word rd, Word rs1, Word rs2) {
    return r_type(0x20, 7, rd, rs1, rs2);
}
constexpr Word orn(Word rd, Word rs1, Word rs2) {
    return r_type(0x20, 6, rd, rs1, rs2);
}
constexpr Word xnor(Word rd, Word rs1, Word rs2) {
    return r_type(0x20, 4, rd, rs1, rs2);
}
constexpr Word rol(Word rd, Word rs1, Word rs2) {
    return r_type(0x30, 1, rd, rs1, rs2);
}
constexpr Word ror(Word rd, Word rs1, Word rs2) {
    return r_type(0x30, 5, rd, rs1, rs2);
}
constexpr Word max(Word rd, Word rs1, Word rs2) {
    return r_type(0x05, 6, rd, rs1, rs2);
}
constexpr Word maxu(Word rd, Word rs1, Word rs2) {
    return r_type(0x05, 7, rd, rs1, rs2);
}
constexpr Word min(Word rd, Word rs1, Word rs2) {
    return r_type(0x05, 4, rd, rs1, rs2);
}
constexpr Word minu(Word rd, Word rs1, Word rs2) {
    return r_type(0x05, 5, rd, rs1, rs2);
}
constexpr Word rori(Word rd, Word rs1, Word shift) {
    return r_type(0x30, 5, rd, rs1, shift, 0x13);
}
constexpr Word zext_h(Word rd, Word rs) {
    return r_type(0x04, 4, rd, rs, x0);
}
constexpr Word clz(Word rd, Word rs) {
    return i_type(0x13, 1, rd, rs, 0x600);
}
constexpr Word ctz(Word rd, Word rs) {
    return i_type(0x13, 1, rd, rs, 0x601);
}
constexpr Word cpop(Word rd, Word rs) {
    return i_type(0x13, 1, rd, rs, 0x602);
}
constexpr Word sext_b(Word rd, Word rs) {
    return i_type(0x13, 1, rd, rs, 0x604);
}
constexpr Word sext_h(Word rd, Word rs) {
    return i_type(0x13, 1, rd, rs, 0x605);
}
constexpr Word orc_b(Word rd, Word rs) {
    return i_type(0x13, 5, rd, rs, 0x287);
}
constexpr Word rev8(Word rd, Word rs) {
    return i_type(0x13, 5, rd, rs, 0x698);
}

constexpr Word lb(Word rd, std::int32_t imm, Word rs1) {
    return i_type(0x03, 0, rd, rs1, imm);
}
constexpr Word lh(Word rd, std::int32_t imm, Word rs1) {
    return i_type(0x03, 1, rd, rs1, imm);
}
constexpr Word lw(Word rd, std::int32_t imm, Word rs1) {
    return i_type(0x03, 2, rd, rs1, imm);
}
constexpr Word lbu(Word rd, std::int32_t imm, Word rs1) {
    return i_type(0x03, 4, rd, rs1, imm);
}
constexpr Word lhu(Word rd, std::int32_t imm, Word rs1) {
    return i_type(0x03, 5, rd, rs1, imm);
}
constexpr Word sb(Word rs2, std::int32_t imm, Word rs1) {
    return s_type(0, rs2, imm, rs1);
}
constexpr Word sh(Word rs2, std::int32_t imm, Word rs1) {
    return s_type(1, rs2, imm, rs1);
}
constexpr Word sw(Word rs2, std::int32_t imm, Word rs1) {
    return s_type(2, rs2, imm, rs1);
}

constexpr Word beq(Word rs1, Word rs2, std::int32_t distance) {
    return b_type(0, rs1, rs2, distance);
}
constexpr Word bne(Word rs1, Word rs2, std::int32_t distance) {
    return b_type(1, rs1, rs2, distance);
}
constexpr Word blt(Word rs1, Word rs2, std::int32_t distance) {
    return b_type(4, rs1, rs2, distance);
}
constexpr Word bge(Word rs1, Word rs2, std::int32_t distance) {
    return b_type(5, rs1, rs2, distance);
}
constexpr Word bltu(Word rs1, Word rs2, std::int32_t distance) {
    return b_type(6, rs1, rs2, distance);
}
constexpr Word bgeu(Word rs1, Word rs2, std::int32_t distance) {
    return b_type(7, rs1, rs2, distance);
}

constexpr Word fence = 0x0ff0000f;
constexpr Word fence_i = 0x0000100f;
constexpr Word ecall = 0x00000073;
constexpr Word ebreak = 0x00100073;

constexpr Word nop = addi(x0, x0, 0);
constexpr Word mv(Word rd, Word rs) {
    return addi(rd, rs, 0);
}
constexpr Word li(Word rd, std::int32_t small) {
    return addi(rd, x0, small);
}
constexpr Word ret = jalr(x0, ra, 0);

/// lui and addi that together put @p value into @p rd.
constexpr Word li_high(Word rd, Word value) {
    return lui(rd, (value + 0x800) >> 12);
}
constexpr Word li_low(Word rd, Word value) {
    return addi(rd, rd, static_cast<std::int32_t>(value & 0xfff));
}

} // namespace k7::fm::test::rv
