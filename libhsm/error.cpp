// SPDX-License-Identifier: Apache-2.0
#include "hsm/error.hpp"

namespace hsm {

std::string_view to_string(ErrorKind kind) noexcept {
    switch (kind) {
    case ErrorKind::failed:
        return "failed";
    case ErrorKind::usage:
        return "usage";
    case ErrorKind::not_found:
        return "not_found";
    case ErrorKind::not_operational:
        return "not_operational";
    case ErrorKind::permission:
        return "permission";
    case ErrorKind::refused:
        return "refused";
    }
    return "failed";
}

Error::Error(ErrorKind kind, const std::string &message, const std::string &hint)
    : std::runtime_error(hint.empty() ? message : message + "; " + hint), kind_(kind), message_(message), hint_(hint) {}

Error::~Error() = default;
Error::Error(const Error &) = default;
Error &Error::operator=(const Error &) = default;

Error Error::with_errno(int value) const {
    Error copy(*this);
    copy.os_error_ = value;
    return copy;
}

Error Error::with_card_status(std::uint32_t value) const {
    Error copy(*this);
    copy.card_status_ = value;
    return copy;
}

Error Error::with_object(const std::string &object) const {
    Error copy(*this);
    copy.object_ = object;
    return copy;
}

} // namespace hsm
