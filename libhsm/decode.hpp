// SPDX-License-Identifier: Apache-2.0
//
// From the bytes that a card sends to the types of hsm/types.hpp. A card may be broken or hostile: lengths and counts
// are checked, text is reduced to printable ASCII.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hsm/bytes.hpp"
#include "hsm/fault_core.hpp"
#include "hsm/types.hpp"

namespace hsm {

/// @throws Error (failed) in each of them when the reply is shorter than the first version of its structure
Identity decode_identity(ByteView reply);
CardStatus decode_status(ByteView reply);
FaultReport decode_fault_report(ByteView reply);
FaultCore decode_fault_core(ByteView core);
FmInfo decode_fm(ByteView reply);
std::vector<FmInfo> decode_fm_list(ByteView reply);
/// A page of the log; a line that is none is left out. Never throws.
std::vector<FmLogLine> decode_fm_log(ByteView reply);
std::vector<CertificateInfo> decode_certificates(ByteView reply);
SmfsInfo decode_smfs_info(ByteView reply);
SmfsCheck decode_smfs_check(ByteView reply);
std::vector<Policy> decode_policies(ByteView reply);

/// State and reason out of the STATE register.
CardState state_of(std::uint32_t state_register) noexcept;
Reason reason_of(std::uint32_t state_register) noexcept;

/// @p text up to the first NUL, with everything but printable ASCII replaced by '?', cut at @p limit.
std::string printable(std::string_view text, std::size_t limit = 200);

} // namespace hsm
