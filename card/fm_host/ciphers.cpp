// SPDX-License-Identifier: GPL-2.0-or-later
//
// AES in its modes, and encryption with RSA.
#include <array>

#include <openssl/rsa.h>

#include "card/fm_host/digests.hpp"
#include "card/fm_host/mechanisms.hpp"

namespace k7::card {
namespace {

constexpr std::size_t kBlock = 16;
constexpr std::size_t kTag = 16;

enum class Direction { Decrypt = 0, Encrypt = 1 };
using CipherFunction = const EVP_CIPHER *(*)();
/// One mode with keys of 128, 192 and 256 bits.
using Mode = std::array<CipherFunction, 3>;
constexpr Mode kCbc{EVP_aes_128_cbc, EVP_aes_192_cbc, EVP_aes_256_cbc};
constexpr Mode kCtr{EVP_aes_128_ctr, EVP_aes_192_ctr, EVP_aes_256_ctr};
constexpr Mode kGcm{EVP_aes_128_gcm, EVP_aes_192_gcm, EVP_aes_256_gcm};

EvpCipherContext begin(const Mode &mode, const Key &key, ByteView iv, Direction direction) {
    const EVP_CIPHER *const cipher = mode.at(key.secret().size() / 8 - 2)();
    EvpCipherContext context(EVP_CIPHER_CTX_new());
    check_crypto(context != nullptr && EVP_CipherInit_ex(context.get(), cipher, nullptr, raw_bytes(key.secret()),
                                                         raw_bytes(iv), static_cast<int>(direction)) == 1);
    return context;
}

/// @throws FmRefusal BAD_SIGNATURE when padding or tag is wrong
SecretBytes run(const EvpCipherContext &context, ByteView input) {
    SecretBytes output(input.size() + kBlock);
    int length = 0;
    int rest = 0;
    check_crypto(EVP_CipherUpdate(context.get(), raw_bytes(output), &length, raw_bytes(input),
                                  static_cast<int>(input.size())) == 1);
    if (EVP_CipherFinal_ex(context.get(), raw_bytes(output) + length, &rest) != 1)
        refuse_crypto(K7_FM_E_BAD_SIGNATURE);
    // NOLINTNEXTLINE(bugprone-misplaced-widening-cast)
    output.resize(static_cast<std::size_t>(length + rest));
    return output;
}

SecretBytes cbc(const Key &key, const Operation &operation, Direction direction, bool padding) {
    if ((!padding || direction == Direction::Decrypt) && operation.input.size() % kBlock != 0)
        refuse_crypto(K7_FM_E_BAD_LENGTH);
    const EvpCipherContext context = begin(kCbc, key, operation.iv, direction);
    check_crypto(EVP_CIPHER_CTX_set_padding(context.get(), padding ? 1 : 0) == 1);
    return run(context, operation.input);
}

void authenticate(const EvpCipherContext &context, ByteView aad) {
    int length = 0;
    if (!aad.empty())
        check_crypto(EVP_CipherUpdate(context.get(), nullptr, &length, raw_bytes(aad), static_cast<int>(aad.size())) ==
                     1);
}

EvpKeyContext oaep(const Key &key, const Operation &operation, int (*init)(EVP_PKEY_CTX *)) {
    const EVP_MD *const hash = hash_function(K7_FM_MECH_HASH(operation.mechanism));
    EvpKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.pair(), nullptr));
    check_crypto(context != nullptr && init(context.get()) == 1 &&
                 EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
                 EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), hash) == 1 &&
                 EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), hash) == 1);
    return context;
}

} // namespace

SecretBytes encrypt_cbc(const Key &key, const Operation &operation) {
    return cbc(key, operation, Direction::Encrypt, false);
}
SecretBytes decrypt_cbc(const Key &key, const Operation &operation) {
    return cbc(key, operation, Direction::Decrypt, false);
}
SecretBytes encrypt_cbc_pad(const Key &key, const Operation &operation) {
    return cbc(key, operation, Direction::Encrypt, true);
}
SecretBytes decrypt_cbc_pad(const Key &key, const Operation &operation) {
    return cbc(key, operation, Direction::Decrypt, true);
}
SecretBytes crypt_ctr(const Key &key, const Operation &operation) {
    return run(begin(kCtr, key, operation.iv, Direction::Encrypt), operation.input);
}

SecretBytes encrypt_gcm(const Key &key, const Operation &operation) {
    const EvpCipherContext context = begin(kGcm, key, operation.iv, Direction::Encrypt);
    authenticate(context, operation.aad);
    SecretBytes output = run(context, operation.input);
    output.resize(output.size() + kTag);
    check_crypto(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTag, &output[output.size() - kTag]) == 1);
    return output;
}

SecretBytes decrypt_gcm(const Key &key, const Operation &operation) {
    if (operation.input.size() < kTag)
        refuse_crypto(K7_FM_E_BAD_SIGNATURE);
    const EvpCipherContext context = begin(kGcm, key, operation.iv, Direction::Decrypt);
    authenticate(context, operation.aad);
    SecretBytes tag = copy_of(operation.input.last(kTag));
    check_crypto(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTag, tag.data()) == 1);
    return run(context, operation.input.first(operation.input.size() - kTag));
}

SecretBytes encrypt_oaep(const Key &key, const Operation &operation) {
    const EvpKeyContext context = oaep(key, operation, EVP_PKEY_encrypt_init);
    SecretBytes output(static_cast<std::size_t>(EVP_PKEY_get_size(key.pair())));
    std::size_t length = output.size();
    if (EVP_PKEY_encrypt(context.get(), raw_bytes(output), &length, raw_bytes(operation.input),
                         operation.input.size()) != 1)
        refuse_crypto(K7_FM_E_BAD_LENGTH); // more than fits beside the padding
    output.resize(length);
    return output;
}

SecretBytes decrypt_oaep(const Key &key, const Operation &operation) {
    const EvpKeyContext context = oaep(key, operation, EVP_PKEY_decrypt_init);
    SecretBytes output(static_cast<std::size_t>(EVP_PKEY_get_size(key.pair())));
    std::size_t length = output.size();
    if (EVP_PKEY_decrypt(context.get(), raw_bytes(output), &length, raw_bytes(operation.input),
                         operation.input.size()) != 1)
        refuse_crypto(K7_FM_E_BAD_SIGNATURE);
    output.resize(length);
    return output;
}

} // namespace k7::card
