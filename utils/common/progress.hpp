// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "utils/common/tool.hpp"

namespace k7::tool {

/// "loading vault [#####.....]  45 %" in place on stderr, only when that is a terminal and nobody asked for quiet.
/// Erased at the end.
class Progress {
  public:
    Progress(const Tool &tool, std::string what);
    Progress(const Progress &) = delete;
    Progress &operator=(const Progress &) = delete;
    ~Progress();

    void update(std::size_t done, std::size_t total);
    /// A step without a measure: "erasing all FMs ..."
    void step(const std::string &what);

  private:
    void show(const std::string &text);

    std::string what_;
    bool active_;
    std::size_t width_ = 0;
};

} // namespace k7::tool
