// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/progress.hpp"

#include <algorithm>
#include <iostream>

#include <unistd.h>

namespace k7::tool {
namespace {

constexpr std::size_t kBarWidth = 30;

} // namespace

Progress::Progress(const Tool &tool, std::string what)
    : what_(std::move(what)), active_(!tool.quiet() && ::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
    if (active_ && width_ != 0)
        std::cerr << '\r' << std::string(width_, ' ') << '\r' << std::flush;
}

void Progress::update(std::size_t done, std::size_t total) {
    const std::size_t percent = total == 0 ? 100 : done * 100 / total;
    const std::size_t full = percent * kBarWidth / 100;
    const std::string number = std::to_string(percent);
    show(what_ + " [" + std::string(full, '#') + std::string(kBarWidth - full, '.') + "] " +
         std::string(3 - std::min<std::size_t>(3, number.size()), ' ') + number + " %");
}

void Progress::step(const std::string &what) {
    show(what + " ...");
}

void Progress::show(const std::string &text) {
    if (!active_)
        return;
    const std::size_t blanks = width_ > text.size() ? width_ - text.size() : 0;
    std::cerr << '\r' << text << std::string(blanks, ' ') << std::flush;
    width_ = text.size();
}

} // namespace k7::tool
