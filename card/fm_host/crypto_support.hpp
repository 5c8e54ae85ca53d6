// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the services of cryptography share: refusals, bytes that are wiped, OpenSSL's objects by unique_ptr.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/x509.h>

#include "k7/fm_crypto.h"

namespace k7::card {

/// What a service returns to the FM when it refuses: a K7_FM_E_* number.
struct FmRefusal {
    std::uint32_t code;
};

[[noreturn]] inline void refuse_crypto(std::uint32_t code) {
    throw FmRefusal{code};
}

/// For what OpenSSL refuses without a reason that is the FM's.
inline void check_crypto(bool done) {
    if (!done)
        refuse_crypto(K7_FM_E_NOT_READY);
}

template <class T>
struct WipingAllocator {
    using value_type = T;
    WipingAllocator() = default;
    template <class U>
    WipingAllocator(const WipingAllocator<U> & /*other*/) noexcept {}
    [[nodiscard]] T *allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
    void deallocate(T *at, std::size_t count) noexcept {
        OPENSSL_cleanse(at, count * sizeof(T));
        std::allocator<T>().deallocate(at, count);
    }
    friend bool operator==(const WipingAllocator &, const WipingAllocator &) { return true; }
};

/// Bytes that may be secret.
using SecretBytes = std::vector<std::byte, WipingAllocator<std::byte>>;
using ByteView = std::span<const std::byte>;

inline SecretBytes copy_of(ByteView bytes) {
    return {bytes.begin(), bytes.end()};
}
/// For an object without padding.
template <class T>
ByteView bytes_of(const T &object) {
    return std::as_bytes(std::span(&object, 1));
}

template <auto Free>
struct FreeWith {
    template <class T>
    void operator()(T *object) const {
        Free(object);
    }
};
using EvpKey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using EvpKeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using EvpCipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeWith<EVP_CIPHER_CTX_free>>;
using EvpDigestContext = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using EvpMac = std::unique_ptr<EVP_MAC, FreeWith<EVP_MAC_free>>;
using EvpMacContext = std::unique_ptr<EVP_MAC_CTX, FreeWith<EVP_MAC_CTX_free>>;

inline unsigned char *raw_bytes(std::span<std::byte> bytes) {
    return reinterpret_cast<unsigned char *>(bytes.data());
}
/// Never null, because OpenSSL takes a null pointer for another question.
inline const unsigned char *raw_bytes(ByteView bytes) {
    static constexpr unsigned char kNothing = 0;
    return bytes.empty() ? &kNothing : reinterpret_cast<const unsigned char *>(bytes.data());
}
inline unsigned char *raw_bytes(SecretBytes &bytes) {
    return raw_bytes(std::span(bytes));
}
inline const unsigned char *raw_bytes(const SecretBytes &bytes) {
    return raw_bytes(ByteView(bytes));
}

} // namespace k7::card
