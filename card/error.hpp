// SPDX-License-Identifier: GPL-2.0-or-later
//
// The card's one error type. What throws it has changed nothing.
#pragma once

#include <stdexcept>
#include <string>

#include "k7/status.h"

namespace k7::card {

/// A refusal or failure: the status for the host and one line that names the cause and the offending value.
class Error : public std::runtime_error {
  public:
    Error(k7_status status, const std::string &text) : std::runtime_error(text), status_(status) {}
    [[nodiscard]] k7_status status() const { return status_; }

  private:
    k7_status status_;
};

} // namespace k7::card
