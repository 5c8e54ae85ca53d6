// SPDX-License-Identifier: GPL-2.0-or-later
//
// The checks of an .fm image, from the outside in: size, CMS structure, certificate, signature, envelope, header, ELF.
// Nothing inside a layer is looked at before the layer around it has been accepted.
#pragma once

#include <ctime>
#include <span>
#include <vector>

#include "card/store/store.hpp"

namespace k7::card {

struct VerifiedImage {
    StoredFm fm; ///< ready for the store
    StoredCertificate certificate;
};

/// @param image the .fm file
/// @param candidates certificates one of which must have signed the image: the one that was given, or all stored ones
/// @param now by the card's clock
/// @throws Error with the status of the first layer that is wrong and a text that names cause and value
[[nodiscard]] VerifiedImage verify_image(std::span<const std::byte> image,
                                         std::span<const StoredCertificate> candidates, std::time_t now);

} // namespace k7::card
