// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/throwaway_card.hpp"

#include <cstring>
#include <ctime>

#include "k7/payload.h"
#include "utils/common/files.hpp"

namespace k7::tool {
namespace {

bool is_elf(hsm::ByteView bytes) {
    return bytes.size() > 4 && std::memcmp(bytes.data(), "\177ELF", 4) == 0;
}

} // namespace

hsm::Bytes read_fm_elf(const std::string &path) {
    hsm::Bytes bytes = read_file(path, "the FM");
    return is_elf(bytes) ? bytes : hsm::parse_fm_image(bytes).elf;
}

ThrowawayCard::ThrowawayCard(const hsm::Bytes &elf, const std::string &properties)
    : header_(hsm::check_fm_elf(elf)), card_(hsm::Card::open("sim:" + (properties.empty() ? "" : "," + properties))) {
    const hsm::SigningIdentity identity = hsm::make_signing_identity(hsm::KeyType::ec_p256, "throw-away", 1);
    const auto now = static_cast<std::uint64_t>(std::time(nullptr));
    const hsm::Bytes image = hsm::build_fm_image(elf, identity.key_pem, identity.certificate_pem, now);
    const hsm::SecureBytes password = card_.random(32);
    card_.initialise("throw-away", password);
    card_.login(password);
    card_.set_policy(K7_POLICY_FM, 1);
    card_.load_fm({image, hsm::certificate_der(identity.certificate_pem), {}});
}

void ThrowawayCard::start() {
    card_.reset(hsm::ResetKind::firmware, hsm::BootMode::operational, kPatience);
    card_.require_firmware("start FM " + to_string(header_.id));
}

hsm::FmReply ThrowawayCard::call(hsm::ByteView request, std::chrono::milliseconds timeout) {
    return card_.call_fm(header_.id, request, timeout);
}

} // namespace k7::tool
