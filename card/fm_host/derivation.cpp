// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keys from keys.
#include <array>

#include <openssl/params.h>

#include "card/fm_host/digests.hpp"
#include "card/fm_host/mechanisms.hpp"

namespace k7::card {
namespace {

using EvpKdf = std::unique_ptr<EVP_KDF, FreeWith<EVP_KDF_free>>;
using EvpKdfContext = std::unique_ptr<EVP_KDF_CTX, FreeWith<EVP_KDF_CTX_free>>;

/// Parameters are only read, but not const.
OSSL_PARAM parameter(const char *name, ByteView bytes) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
    return OSSL_PARAM_construct_octet_string(name, const_cast<unsigned char *>(raw_bytes(bytes)), bytes.size());
}

/// Peers come from outside: on the curve of this key, or refused.
EvpKey peer_of(const Key &key, ByteView der) {
    WorkBudget paid(K7_FM_WORK_MAX); // the service has been charged for it
    Key peer = Key::import(
        {.type = K7_FM_KEY_EC, .bits = key.description().bits, .flags = K7_FM_KEY_PUBLIC, .reserved = 0}, der, paid);
    check_crypto(EVP_PKEY_up_ref(peer.pair()) == 1);
    return EvpKey(peer.pair());
}

SecretBytes shared_secret(const Key &key, const EvpKey &peer) {
    const EvpKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.pair(), nullptr));
    std::size_t length = 0;
    check_crypto(context && EVP_PKEY_derive_init(context.get()) == 1 &&
                 EVP_PKEY_derive_set_peer(context.get(), peer.get()) == 1 &&
                 EVP_PKEY_derive(context.get(), nullptr, &length) == 1);
    SecretBytes secret(length);
    check_crypto(EVP_PKEY_derive(context.get(), raw_bytes(secret), &length) == 1);
    secret.resize(length);
    return secret;
}

SecretBytes hkdf(const EVP_MD *hash, ByteView secret, ByteView salt, ByteView info, std::size_t size) {
    const EvpKdf kdf(EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_HKDF, nullptr));
    check_crypto(kdf != nullptr);
    const EvpKdfContext context(EVP_KDF_CTX_new(kdf.get()));
    check_crypto(context != nullptr);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
    auto *const name = const_cast<char *>(EVP_MD_get0_name(hash));
    const std::array parameters{OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0),
                                parameter(OSSL_KDF_PARAM_KEY, secret), parameter(OSSL_KDF_PARAM_SALT, salt),
                                parameter(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
    SecretBytes derived(size);
    check_crypto(EVP_KDF_derive(context.get(), raw_bytes(derived), derived.size(), parameters.data()) == 1);
    return derived;
}

} // namespace

SecretBytes derive_ecdh(const Key &key, const Operation &operation, std::size_t size) {
    SecretBytes secret = shared_secret(key, peer_of(key, operation.input));
    const std::uint32_t hash = K7_FM_MECH_HASH(operation.mechanism);
    if (hash != 0 && size != 0)
        return hkdf(hash_function(hash), secret, operation.iv, operation.aad, size);
    if (hash != 0 || !operation.iv.empty() || !operation.aad.empty() || (size != 0 && size != secret.size()))
        refuse_crypto(K7_FM_E_BAD_PARAMETER);
    return secret;
}

SecretBytes derive_hkdf(const Key &key, const Operation &operation, std::size_t size) {
    if (size == 0 || !operation.input.empty())
        refuse_crypto(K7_FM_E_BAD_PARAMETER);
    return hkdf(hash_function(K7_FM_MECH_HASH(operation.mechanism)), key.secret(), operation.iv, operation.aad, size);
}

} // namespace k7::card
