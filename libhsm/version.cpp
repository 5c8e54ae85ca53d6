// SPDX-License-Identifier: Apache-2.0
#include "hsm/version.hpp"

#ifndef K7HSM_VERSION
#define K7HSM_VERSION "unknown"
#endif

namespace hsm {

std::string_view version() noexcept {
    return K7HSM_VERSION;
}

} // namespace hsm
