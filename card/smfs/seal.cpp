// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/smfs/seal.hpp"

#include <memory>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace k7::card {
namespace {

struct FreeContext {
    void operator()(EVP_CIPHER_CTX *context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

unsigned char *raw(std::byte *bytes) {
    return reinterpret_cast<unsigned char *>(bytes);
}
const unsigned char *raw(const std::byte *bytes) {
    return reinterpret_cast<const unsigned char *>(bytes);
}

void check(int result) {
    if (result != 1)
        throw Error(K7_ST_INTERNAL, "the cipher of the SMFS failed");
}

// direction: 1 encrypts, 0 decrypts
Context begin(int direction, const SecretKey &key, std::span<const std::byte> nonce, std::span<const std::byte> bound) {
    Context context(EVP_CIPHER_CTX_new());
    check(context != nullptr);
    check(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, raw(key.bytes.data()), raw(nonce.data()),
                            direction));
    int length = 0;
    check(EVP_CipherUpdate(context.get(), nullptr, &length, raw(bound.data()), static_cast<int>(bound.size())));
    return context;
}

} // namespace

Bytes seal(const SecretKey &key, std::span<const std::byte> bound, std::span<const std::byte> plain) {
    Bytes sealed(kSealOverhead + plain.size());
    const auto nonce = std::span(sealed).first(kSealNonce);
    check(RAND_bytes(raw(nonce.data()), kSealNonce));
    const Context context = begin(1, key, nonce, bound);
    int length = 0;
    std::byte *cipher = sealed.data() + kSealNonce;
    check(EVP_CipherUpdate(context.get(), raw(cipher), &length, raw(plain.data()), static_cast<int>(plain.size())));
    check(EVP_CipherFinal_ex(context.get(), raw(cipher) + length, &length));
    check(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kSealTag, sealed.data() + sealed.size() - kSealTag));
    return sealed;
}

bool unseal(const SecretKey &key, std::span<const std::byte> bound, std::span<const std::byte> sealed,
            std::span<std::byte> plain) {
    if (sealed.size() != plain.size() + kSealOverhead)
        return false;
    const Context context = begin(0, key, sealed.first(kSealNonce), bound);
    const auto cipher = sealed.subspan(kSealNonce, plain.size());
    Bytes tag(sealed.end() - kSealTag, sealed.end());
    int length = 0;
    check(EVP_CipherUpdate(context.get(), raw(plain.data()), &length, raw(cipher.data()),
                           static_cast<int>(cipher.size())));
    check(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kSealTag, tag.data()));
    if (EVP_CipherFinal_ex(context.get(), raw(plain.data()) + length, &length) == 1)
        return true;
    OPENSSL_cleanse(plain.data(), plain.size());
    return false;
}

} // namespace k7::card
