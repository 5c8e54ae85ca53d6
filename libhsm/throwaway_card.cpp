// SPDX-License-Identifier: Apache-2.0
#include "hsm/throwaway_card.hpp"

#include <ctime>
#include <fstream>
#include <iterator>

#include "k7/payload.h"

namespace hsm {

ThrowawayCard::ThrowawayCard(ByteView elf, const std::string &properties)
    : header_(check_fm_elf(elf)), card_(Card::open("sim:" + (properties.empty() ? "" : "," + properties))) {
    const SigningIdentity identity = make_signing_identity(KeyType::ec_p256, "throw-away", 1);
    const auto now = static_cast<std::uint64_t>(std::time(nullptr));
    const Bytes image = build_fm_image(elf, identity.key_pem, identity.certificate_pem, now);
    const SecureBytes password = card_.random(32);
    card_.initialise("throw-away", password);
    card_.login(password);
    card_.set_policy(K7_POLICY_FM, 1);
    card_.load_fm({image, certificate_der(identity.certificate_pem), {}});
}

ThrowawayCard ThrowawayCard::from_file(const std::string &path, const std::string &properties) {
    std::ifstream file(path, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    if (!file || content.empty())
        throw Error(ErrorKind::not_found, "the FM " + path + " cannot be read").with_object(path);
    return ThrowawayCard(fm_elf_of(as_bytes(content)), properties);
}

void ThrowawayCard::start() {
    card_.reset(ResetKind::firmware, BootMode::operational, kPatience);
    card_.require_firmware("start FM " + to_string(header_.id));
}

FmReply ThrowawayCard::call(ByteView request, std::chrono::milliseconds timeout) {
    return card_.call_fm(header_.id, request, timeout);
}

} // namespace hsm
