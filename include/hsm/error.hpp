// SPDX-License-Identifier: Apache-2.0
/// @file hsm/error.hpp
/// The one exception type of libhsm.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hsm/export.hpp"

namespace hsm {

/// What kind of failure it is. The numbers are the exit codes of the tools and never change.
enum class ErrorKind : int {
    failed = 1,          ///< it was tried and did not work
    usage = 2,           ///< the caller asked for something that cannot be meant
    not_found = 3,       ///< no such card, FM, file or certificate
    not_operational = 4, ///< the card's firmware does not run, or the card is gone
    permission = 5,      ///< this user may not do it
    refused = 6,         ///< not done on purpose: not confirmed, or somebody else is at it
};

/// A short name for @p kind that never changes: "failed", "usage", "not_found", ...
HSM_EXPORT std::string_view to_string(ErrorKind kind) noexcept;

/// Everything that is known about a failure. what() is one line: message(), then "; " and hint() if there is one.
class HSM_EXPORT Error : public std::runtime_error {
  public:
    /// @param kind     for the caller to act on
    /// @param message  what was attempted, on what, and why it failed; one line, no newline
    /// @param hint     what the person can do about it; may be empty
    Error(ErrorKind kind, const std::string &message, const std::string &hint = {});
    ~Error() override;
    Error(const Error &);
    Error &operator=(const Error &);

    /// The same error that also knows the errno behind it (0: none).
    [[nodiscard]] Error with_errno(int value) const;
    /// The same error that also knows the status code that the card gave (include/k7/status.h).
    [[nodiscard]] Error with_card_status(std::uint32_t value) const;
    /// The same error that also knows the object (node, file, FM) it is about.
    [[nodiscard]] Error with_object(const std::string &object) const;

    [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
    [[nodiscard]] const std::string &message() const noexcept { return message_; }
    [[nodiscard]] const std::string &hint() const noexcept { return hint_; }
    [[nodiscard]] const std::string &object() const noexcept { return object_; }
    /// errno of the system call that failed, 0 when none did.
    [[nodiscard]] int os_error() const noexcept { return os_error_; }
    /// Status code of the card; empty when the failure is not the card's answer.
    [[nodiscard]] std::optional<std::uint32_t> card_status() const noexcept { return card_status_; }

  private:
    ErrorKind kind_;
    std::string message_;
    std::string hint_;
    std::string object_;
    int os_error_ = 0;
    std::optional<std::uint32_t> card_status_;
};

} // namespace hsm
