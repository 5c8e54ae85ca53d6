// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fm_host/digests.hpp"

#include <array>

#include <openssl/params.h>

namespace k7::card {
namespace {

using HashFunction = const EVP_MD *(*)();
struct Hash {
    std::uint32_t number;
    HashFunction function;
};
constexpr std::array kHashes{
    Hash{K7_FM_HASH_SHA256, EVP_sha256},
    Hash{K7_FM_HASH_SHA384, EVP_sha384},
    Hash{K7_FM_HASH_SHA512, EVP_sha512},
};

EvpMacContext begin_hmac(const EVP_MD *hash, ByteView key) {
    const EvpMac mac(EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr));
    check_crypto(mac != nullptr);
    EvpMacContext context(EVP_MAC_CTX_new(mac.get()));
    check_crypto(context != nullptr);
    // The parameter is only read, but not const.
    auto *const name = const_cast<char *>(EVP_MD_get0_name(hash)); // NOLINT(cppcoreguidelines-pro-type-const-cast)
    const std::array parameters{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                OSSL_PARAM_construct_end()};
    check_crypto(EVP_MAC_init(context.get(), raw_bytes(key), key.size(), parameters.data()) == 1);
    return context;
}

EvpDigestContext begin_digest(const EVP_MD *hash) {
    EvpDigestContext context(EVP_MD_CTX_new());
    check_crypto(context != nullptr && EVP_DigestInit_ex(context.get(), hash, nullptr) == 1);
    return context;
}

} // namespace

const EVP_MD *hash_function(std::uint32_t hash) {
    for (const Hash &known : kHashes)
        if (known.number == hash)
            return known.function();
    refuse_crypto(K7_FM_E_BAD_PARAMETER);
}

SecretBytes digest_of(const EVP_MD *hash, ByteView data) {
    Digest digest(hash);
    digest.update(data);
    return digest.finish();
}

SecretBytes hmac_of(const EVP_MD *hash, ByteView key, ByteView data) {
    Digest digest(hash, key);
    digest.update(data);
    return digest.finish();
}

Digest::Digest(const EVP_MD *hash)
    : size_(static_cast<std::size_t>(EVP_MD_get_size(hash))), context_(begin_digest(hash)) {}

Digest::Digest(const EVP_MD *hash, ByteView hmac_key)
    : size_(static_cast<std::size_t>(EVP_MD_get_size(hash))), context_(begin_hmac(hash, hmac_key)) {}

void Digest::update(ByteView data) {
    if (const auto *digest = std::get_if<EvpDigestContext>(&context_))
        check_crypto(EVP_DigestUpdate(digest->get(), raw_bytes(data), data.size()) == 1);
    else
        check_crypto(EVP_MAC_update(std::get<EvpMacContext>(context_).get(), raw_bytes(data), data.size()) == 1);
}

SecretBytes Digest::finish() {
    SecretBytes bytes(size_);
    if (const auto *digest = std::get_if<EvpDigestContext>(&context_)) {
        check_crypto(EVP_DigestFinal_ex(digest->get(), raw_bytes(bytes), nullptr) == 1);
    } else {
        std::size_t length = 0;
        check_crypto(EVP_MAC_final(std::get<EvpMacContext>(context_).get(), raw_bytes(bytes), &length, bytes.size()) ==
                     1);
    }
    return bytes;
}

} // namespace k7::card
