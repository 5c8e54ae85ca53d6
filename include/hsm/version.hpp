// SPDX-License-Identifier: Apache-2.0
/// @file hsm/version.hpp
#pragma once

#include <string_view>

#include "hsm/export.hpp"

namespace hsm {

/// Version of the library that is running, like "0.1.0".
HSM_EXPORT std::string_view version() noexcept;

} // namespace hsm
