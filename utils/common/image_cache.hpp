// SPDX-License-Identifier: GPL-2.0-or-later
//
// Copies of the images that this host has loaded, so that a fault can be shown with source lines later.
#pragma once

#include <optional>
#include <string>

#include "hsm/bytes.hpp"
#include "hsm/types.hpp"

namespace k7::tool {

/// Keep @p image under its fingerprint: in /var/lib/k7hsm/fm for root, else in the user's state directory.
/// @return the file, empty when it could not be kept; that is no error
std::string cache_image(const hsm::Fingerprint &fingerprint, hsm::ByteView image) noexcept;

/// ELF file of the FM with this fingerprint, if a copy of it was kept and is what it claims to be.
std::optional<hsm::Bytes> cached_elf(const hsm::Fingerprint &fingerprint);

} // namespace k7::tool
