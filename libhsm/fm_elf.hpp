// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hsm/fm_image.hpp"
#include "k7/fm_abi.h"

namespace hsm {

/// Check an FM's ELF file and its header against k7/fm_abi.h. @throws Error (failed)
/// @return the header as it is in the file
k7_fm_header read_fm_header(ByteView elf);

FmHeader header_for_people(const k7_fm_header &header);

} // namespace hsm
