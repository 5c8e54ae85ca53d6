// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which instructions follow each other how often while an FM runs: what card/fm/fusions.def is chosen by.
//
//   fmcpu_sequences FM.elf FUNCTION [ARGUMENT ...]     numbers as in C; "services" of the FM are not served
//
// Prints the commonest sequences of 2 to 4 instructions within straight code, with their share of all instructions run.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "card/fm/decode.hpp"
#include "card/fm/engine.hpp"
#include "k7/fm_abi.h"

namespace {

using namespace k7::fm;

constexpr std::array kNames{
#define K7_ALU(name, match, format, value) #name,
#define K7_LOAD(name, match, type) #name,
#define K7_STORE(name, match, type) #name,
#define K7_BRANCH(name, match, condition) #name,
#define K7_SPECIAL(name, match, format) #name,
#define K7_PSEUDO(name) #name,
#include "card/fm/rv32im.def"
};

struct Services final : ServiceHandler {
    ServiceResult service(FmEngine &, std::uint32_t, const std::array<std::uint32_t, 6> &) override { return {}; }
};

std::vector<std::byte> read_file(const char *path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

std::uint32_t address_of(const std::vector<std::byte> &elf, const std::string &name) {
    for (std::uint32_t address = K7_FM_IMAGE_BASE; address < K7_FM_IMAGE_END; address += 4) {
        const auto symbol = find_symbol(elf, address);
        if (symbol && symbol->offset == 0 && symbol->name == name)
            return address;
    }
    throw std::runtime_error("no function " + name);
}

/// Counts as it is told the addresses that are run.
class Counter {
  public:
    void run(const FmEngine &engine, std::uint32_t pc) {
        if (pc != last_ + 4)
            sequence_.clear();
        last_ = pc;
        std::uint32_t word = 0;
        std::copy_n(engine.readable(pc, 4)->data(), 4, reinterpret_cast<std::byte *>(&word));
        sequence_.push_back(kNames[static_cast<std::size_t>(decode(word, pc).kind)]);
        if (sequence_.size() > 4)
            sequence_.erase(sequence_.begin());
        ++all_;
        std::string text;
        for (std::size_t i = sequence_.size(); i-- > 0;) {
            text = sequence_[i] + (text.empty() ? "" : " " + text);
            ++counts_[text];
        }
    }

    void print(std::size_t length) const {
        std::vector<std::pair<std::uint64_t, std::string>> sorted;
        for (const auto &[text, count] : counts_)
            if (static_cast<std::size_t>(std::ranges::count(text, ' ')) + 1 == length)
                sorted.emplace_back(count, text);
        std::ranges::sort(sorted, std::greater{});
        sorted.resize(std::min<std::size_t>(sorted.size(), 40));
        for (const auto &[count, text] : sorted)
            std::cout << static_cast<double>(count) * 100 / static_cast<double>(all_) << " %  " << text << '\n';
        std::cout << '\n';
    }

  private:
    std::uint32_t last_ = 0;
    std::uint64_t all_ = 0;
    std::vector<std::string> sequence_;
    std::map<std::string, std::uint64_t> counts_;
};

} // namespace

int main(int count, char **arguments) {
    if (count < 3) {
        std::cerr << "usage: fmcpu_sequences FM.elf FUNCTION [ARGUMENT ...]\n";
        return 2;
    }
    constexpr std::uint64_t kMost = 3'000'000;
    const auto elf = read_file(arguments[1]);
    Services services;
    const std::atomic<bool> kill{false};
    const auto engine = make_rv32im_engine(elf, services, kill);
    std::vector<std::uint32_t> values;
    for (int i = 3; i < count; ++i)
        values.push_back(static_cast<std::uint32_t>(std::strtoul(arguments[i], nullptr, 0)));
    std::uint32_t pc = address_of(elf, arguments[2]);
    engine->begin(pc, values, kMost);
    Counter counter;
    for (Outcome outcome{.end = Outcome::End::Paused, .fault = {}}; outcome.end == Outcome::End::Paused;
         pc = outcome.fault.pc) {
        counter.run(*engine, pc);
        outcome = engine->resume(1);
    }
    for (const std::size_t length : {1u, 2u, 3u, 4u})
        counter.print(length);
}
