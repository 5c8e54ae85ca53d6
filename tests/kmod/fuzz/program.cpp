// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/kmod/fuzz/program.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace k7fuzz {
namespace {

constexpr std::size_t kCallsMax = 24;

// Most of it are ioctls.
constexpr std::array kActions{Action::Open,  Action::Open,  Action::Close, Action::Dup,   Action::WrongIoctl,
                              Action::Poll,  Action::Poll,  Action::Read,  Action::Write, Action::Map,
                              Action::Fork,  Action::Ioctl, Action::Ioctl, Action::Ioctl, Action::Ioctl,
                              Action::Ioctl, Action::Ioctl, Action::Ioctl, Action::Ioctl, Action::Ioctl,
                              Action::Ioctl, Action::Ioctl, Action::Ioctl, Action::Ioctl, Action::Ioctl};

Call make_call(Random &random) {
    return {kActions[random.below(kActions.size())], random.next()};
}

} // namespace

std::optional<Program> Program::named(std::string_view name) {
    std::optional<Program> program;
    while (true) {
        const std::string_view word = name.substr(0, name.find('.'));
        std::uint64_t seed = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), seed, 16);
        if (error != std::errc() || end != word.data() + word.size())
            return std::nullopt;
        program = program ? program->mutated(seed) : made(seed);
        if (word.size() == name.size())
            return program;
        name.remove_prefix(word.size() + 1);
    }
}

Program Program::made(std::uint64_t seed) {
    Random random(seed);
    Program program;
    program.seeds_ = {seed};
    const std::size_t count = 1 + random.below(kCallsMax);
    for (std::size_t i = 0; i < count; i++)
        program.calls_.push_back(make_call(random));
    program.fork_point_ = random.once_in(3) ? random.below(count) : count;
    return program;
}

void Program::change(Random &random) {
    const std::size_t at = random.below(calls_.size());
    switch (random.below(5)) {
    case 0:
        if (calls_.size() < kCallsMax)
            calls_.insert(calls_.begin() + static_cast<std::ptrdiff_t>(at), make_call(random));
        break;
    case 1:
        if (calls_.size() > 1)
            calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(at));
        break;
    case 2:
        calls_[at].seed = random.next();
        break;
    case 3:
        std::swap(calls_[at], calls_[random.below(calls_.size())]);
        break;
    default:
        if (calls_.size() < kCallsMax)
            calls_.push_back(calls_[at]);
        break;
    }
}

Program Program::mutated(std::uint64_t seed) const {
    Random random(seed);
    Program program = *this;
    program.seeds_.push_back(seed);
    const std::size_t changes = 1 + random.below(3);
    for (std::size_t i = 0; i < changes; i++)
        program.change(random);
    const std::size_t count = program.calls_.size();
    program.fork_point_ = random.once_in(3) ? random.below(count) : std::min(program.fork_point_, count);
    return program;
}

std::string Program::name() const {
    std::string name;
    for (const std::uint64_t seed : seeds_) {
        std::array<char, 16> word{};
        const auto [end, error] = std::to_chars(word.data(), word.data() + word.size(), seed, 16);
        name += (name.empty() ? "" : ".") + std::string(word.data(), end);
    }
    return name;
}

} // namespace k7fuzz
