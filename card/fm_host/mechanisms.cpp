// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fm_host/mechanisms.hpp"

#include <algorithm>
#include <array>

#include "card/fm_host/digests.hpp"

namespace k7::card {
namespace {

using Hash = Mechanism::Hash;

// To add a mechanism: its number in include/k7/fm_crypto.h, its functions, a line here.
constexpr std::array kMechanisms{
    Mechanism{.family = K7_FM_MECH_AES_CBC,
              .key_type = K7_FM_KEY_AES,
              .iv_size = 16,
              .encrypt = encrypt_cbc,
              .decrypt = decrypt_cbc},
    Mechanism{.family = K7_FM_MECH_AES_CBC_PAD,
              .key_type = K7_FM_KEY_AES,
              .iv_size = 16,
              .encrypt = encrypt_cbc_pad,
              .decrypt = decrypt_cbc_pad},
    Mechanism{.family = K7_FM_MECH_AES_CTR,
              .key_type = K7_FM_KEY_AES,
              .iv_size = 16,
              .encrypt = crypt_ctr,
              .decrypt = crypt_ctr},
    Mechanism{.family = K7_FM_MECH_AES_GCM,
              .key_type = K7_FM_KEY_AES,
              .iv_size = 12,
              .has_aad = true,
              .encrypt = encrypt_gcm,
              .decrypt = decrypt_gcm},
    Mechanism{.family = K7_FM_MECH_HMAC,
              .key_type = K7_FM_KEY_SECRET,
              .hash = Hash::Needed,
              .sign = sign_hmac,
              .verify = verify_hmac},
    Mechanism{.family = K7_FM_MECH_ECDSA,
              .key_type = K7_FM_KEY_EC,
              .hash = Hash::Needed,
              .may_be_digested = true,
              .sign = sign_ecdsa,
              .verify = verify_ecdsa},
    Mechanism{.family = K7_FM_MECH_EDDSA, .key_type = K7_FM_KEY_ED25519, .sign = sign_eddsa, .verify = verify_eddsa},
    Mechanism{.family = K7_FM_MECH_RSA_PKCS1,
              .key_type = K7_FM_KEY_RSA,
              .hash = Hash::Needed,
              .may_be_digested = true,
              .sign = sign_rsa,
              .verify = verify_rsa},
    Mechanism{.family = K7_FM_MECH_RSA_PSS,
              .key_type = K7_FM_KEY_RSA,
              .hash = Hash::Needed,
              .may_be_digested = true,
              .sign = sign_rsa,
              .verify = verify_rsa},
    Mechanism{.family = K7_FM_MECH_RSA_OAEP,
              .key_type = K7_FM_KEY_RSA,
              .hash = Hash::Needed,
              .encrypt = encrypt_oaep,
              .decrypt = decrypt_oaep},
    Mechanism{.family = K7_FM_MECH_ECDH,
              .key_type = K7_FM_KEY_EC,
              .hash = Hash::Optional,
              .iv_size = Mechanism::kAnyIv,
              .has_aad = true,
              .derive = derive_ecdh},
    Mechanism{.family = K7_FM_MECH_HKDF,
              .key_type = K7_FM_KEY_SECRET,
              .hash = Hash::Needed,
              .iv_size = Mechanism::kAnyIv,
              .has_aad = true,
              .derive = derive_hkdf},
};

void check_fields(const Mechanism &mechanism, const Operation &operation) {
    constexpr std::uint32_t kKnown = K7_FM_MECH(0xffu, 0xffu) | K7_FM_MECH_DIGESTED;
    const std::uint32_t hash = K7_FM_MECH_HASH(operation.mechanism);
    const bool digested = (operation.mechanism & K7_FM_MECH_DIGESTED) != 0;
    if ((operation.mechanism & ~kKnown) != 0 || (hash != 0 && mechanism.hash == Hash::None) ||
        (hash == 0 && mechanism.hash == Hash::Needed) || (digested && !mechanism.may_be_digested))
        refuse_crypto(K7_FM_E_BAD_PARAMETER);
    if (hash != 0)
        static_cast<void>(hash_function(hash)); // there is such a hash
    if ((mechanism.iv_size != Mechanism::kAnyIv && operation.iv.size() != mechanism.iv_size) ||
        (!mechanism.has_aad && !operation.aad.empty()))
        refuse_crypto(K7_FM_E_BAD_LENGTH);
}

} // namespace

const Mechanism &mechanism_for(const Operation &operation, const Key &key) {
    const auto found = std::ranges::find_if(kMechanisms, [&](const Mechanism &mechanism) {
        return mechanism.family == K7_FM_MECH_FAMILY(operation.mechanism) &&
               mechanism.key_type == key.description().type;
    });
    if (found == kMechanisms.end())
        refuse_crypto(K7_FM_E_BAD_MECHANISM);
    check_fields(*found, operation);
    return *found;
}

} // namespace k7::card
