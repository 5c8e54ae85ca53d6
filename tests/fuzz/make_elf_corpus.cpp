// SPDX-License-Identifier: GPL-2.0-or-later
//
// Writes small good ELF files, for the fuzzer to start from: make_elf_corpus DIRECTORY
#include <fstream>
#include <iostream>

#include "tests/unit/fmcpu_assembler.hpp"
#include "tests/unit/fmcpu_machine.hpp"

namespace {

using namespace k7::fm::test;
using namespace k7::fm::test::rv;

void write(const std::string &path, const Bytes &bytes) {
    std::ofstream file(path, std::ios::binary);
    for (const std::byte byte : bytes)
        file.put(static_cast<char>(byte));
    if (!file.flush())
        throw std::runtime_error("cannot write " + path);
}

} // namespace

int main(int count, char **arguments) {
    if (count != 2) {
        std::cerr << "usage: make_elf_corpus DIRECTORY\n";
        return 2;
    }
    const std::string directory = arguments[1];
    ElfBuilder builder = ElfBuilder::with_code({li(a0, 1), ecall, sw(a0, -4, sp), beq(a0, x0, -12), ret});
    write(directory + "/plain.elf", builder.build());
    builder.functions = {{"start", kCode, 8}, {"rest", kCode + 8, 0}};
    write(directory + "/symbols.elf", builder.build());
    builder.parts.push_back({0x00300000, to_bytes({mul(a0, a0, a1), ret}), PF_R | PF_X});
    write(directory + "/two-code-segments.elf", builder.build());
}
