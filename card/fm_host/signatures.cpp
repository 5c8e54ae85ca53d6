// SPDX-License-Identifier: GPL-2.0-or-later
//
// Signatures and MACs: made, and verified.
#include <openssl/rsa.h>

#include "card/fm_host/digests.hpp"
#include "card/fm_host/mechanisms.hpp"

namespace k7::card {
namespace {

using EcSignature = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;
using Number = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;

const EVP_MD *hash_of(const Operation &operation) {
    return hash_function(K7_FM_MECH_HASH(operation.mechanism));
}

SecretBytes digest_of_input(const Operation &operation) {
    const EVP_MD *const hash = hash_of(operation);
    if ((operation.mechanism & K7_FM_MECH_DIGESTED) == 0)
        return digest_of(hash, operation.input);
    if (operation.input.size() != static_cast<std::size_t>(EVP_MD_get_size(hash)))
        refuse_crypto(K7_FM_E_BAD_LENGTH);
    return copy_of(operation.input);
}

EvpKeyContext begin(const Key &key, int (*init)(EVP_PKEY_CTX *)) {
    EvpKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.pair(), nullptr));
    check_crypto(context != nullptr && init(context.get()) == 1);
    return context;
}

SecretBytes sign_digest(const EvpKeyContext &context, const Key &key, ByteView digest) {
    SecretBytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(key.pair())));
    std::size_t length = signature.size();
    check_crypto(EVP_PKEY_sign(context.get(), raw_bytes(signature), &length, raw_bytes(digest), digest.size()) == 1);
    signature.resize(length);
    return signature;
}

void verify_digest(const EvpKeyContext &context, ByteView signature, ByteView digest) {
    if (EVP_PKEY_verify(context.get(), raw_bytes(signature), signature.size(), raw_bytes(digest), digest.size()) != 1)
        refuse_crypto(K7_FM_E_BAD_SIGNATURE);
}

// ---- The two forms of an ECDSA signature: OpenSSL's DER, and r and s at full length as PKCS #11 has them
// -------------

SecretBytes plain_signature(ByteView der, std::size_t half) {
    const unsigned char *at = raw_bytes(der);
    const EcSignature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    check_crypto(signature != nullptr);
    SecretBytes plain(2 * half);
    const int size = static_cast<int>(half);
    check_crypto(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw_bytes(plain), size) == size &&
                 BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw_bytes(plain) + half, size) == size);
    return plain;
}

SecretBytes der_signature(ByteView plain) {
    const std::size_t half = plain.size() / 2;
    const EcSignature signature(ECDSA_SIG_new());
    Number r(BN_bin2bn(raw_bytes(plain), static_cast<int>(half), nullptr));
    Number s(BN_bin2bn(raw_bytes(plain) + half, static_cast<int>(half), nullptr));
    check_crypto(signature && r && s && ECDSA_SIG_set0(signature.get(), r.get(), s.get()) == 1);
    static_cast<void>(r.release()), static_cast<void>(s.release()); // they are the signature's now
    SecretBytes der(static_cast<std::size_t>(i2d_ECDSA_SIG(signature.get(), nullptr)));
    unsigned char *to = raw_bytes(der);
    check_crypto(i2d_ECDSA_SIG(signature.get(), &to) > 0);
    return der;
}

EvpKeyContext begin_rsa(const Key &key, const Operation &operation, int (*init)(EVP_PKEY_CTX *)) {
    const bool pss = K7_FM_MECH_FAMILY(operation.mechanism) == K7_FM_MECH_RSA_PSS;
    EvpKeyContext context = begin(key, init);
    check_crypto(EVP_PKEY_CTX_set_rsa_padding(context.get(), pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1 &&
                 EVP_PKEY_CTX_set_signature_md(context.get(), hash_of(operation)) == 1);
    if (pss)
        check_crypto(EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_DIGEST) == 1);
    return context;
}

} // namespace

SecretBytes sign_hmac(const Key &key, const Operation &operation) {
    return hmac_of(hash_of(operation), key.secret(), operation.input);
}

void verify_hmac(const Key &key, const Operation &operation) {
    const SecretBytes mac = sign_hmac(key, operation);
    if (mac.size() != operation.signature.size() ||
        CRYPTO_memcmp(mac.data(), operation.signature.data(), mac.size()) != 0)
        refuse_crypto(K7_FM_E_BAD_SIGNATURE);
}

SecretBytes sign_ecdsa(const Key &key, const Operation &operation) {
    const SecretBytes digest = digest_of_input(operation);
    const SecretBytes der = sign_digest(begin(key, EVP_PKEY_sign_init), key, digest);
    return plain_signature(der, key.description().bits / 8);
}

void verify_ecdsa(const Key &key, const Operation &operation) {
    const SecretBytes digest = digest_of_input(operation);
    if (operation.signature.size() != 2 * (key.description().bits / 8))
        refuse_crypto(K7_FM_E_BAD_SIGNATURE);
    verify_digest(begin(key, EVP_PKEY_verify_init), der_signature(operation.signature), digest);
}

SecretBytes sign_eddsa(const Key &key, const Operation &operation) {
    const EvpDigestContext context(EVP_MD_CTX_new());
    SecretBytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(key.pair())));
    std::size_t length = signature.size();
    check_crypto(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.pair()) == 1 &&
                 EVP_DigestSign(context.get(), raw_bytes(signature), &length, raw_bytes(operation.input),
                                operation.input.size()) == 1);
    signature.resize(length);
    return signature;
}

void verify_eddsa(const Key &key, const Operation &operation) {
    const EvpDigestContext context(EVP_MD_CTX_new());
    check_crypto(context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.pair()) == 1);
    if (EVP_DigestVerify(context.get(), raw_bytes(operation.signature), operation.signature.size(),
                         raw_bytes(operation.input), operation.input.size()) != 1)
        refuse_crypto(K7_FM_E_BAD_SIGNATURE);
}

SecretBytes sign_rsa(const Key &key, const Operation &operation) {
    const SecretBytes digest = digest_of_input(operation);
    return sign_digest(begin_rsa(key, operation, EVP_PKEY_sign_init), key, digest);
}

void verify_rsa(const Key &key, const Operation &operation) {
    const SecretBytes digest = digest_of_input(operation);
    verify_digest(begin_rsa(key, operation, EVP_PKEY_verify_init), operation.signature, digest);
}

} // namespace k7::card
