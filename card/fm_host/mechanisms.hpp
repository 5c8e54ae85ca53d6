// SPDX-License-Identifier: GPL-2.0-or-later
//
// What can be done with keys: one table of mechanisms, and the functions that it names.
#pragma once

#include "card/fm_host/key.hpp"

namespace k7::card {

/// A struct k7_fm_operation whose memory was looked at.
struct Operation {
    std::uint32_t mechanism = 0;
    ByteView iv{};
    ByteView aad{};
    ByteView input{};
    ByteView signature{}; ///< of a verification
};

/// What a mechanism is and does; a null function: it does not. All functions throw FmRefusal.
struct Mechanism {
    using Transform = SecretBytes (*)(const Key &key, const Operation &operation);
    /// @throws FmRefusal BAD_SIGNATURE
    using Verify = void (*)(const Key &key, const Operation &operation);
    /// @param size bytes that are wanted, 0: as many as there are
    using Derive = SecretBytes (*)(const Key &key, const Operation &operation, std::size_t size);
    enum class Hash { None, Optional, Needed };
    static constexpr std::size_t kAnyIv = SIZE_MAX;

    std::uint32_t family;
    std::uint32_t key_type;
    Hash hash = Hash::None;
    bool may_be_digested = false;
    std::size_t iv_size = 0;
    bool has_aad = false;
    Transform encrypt = nullptr;
    Transform decrypt = nullptr;
    Transform sign = nullptr;
    Verify verify = nullptr;
    Derive derive = nullptr;
};

/// The mechanism of @p operation, all of whose fields fit it and @p key.
/// @throws FmRefusal BAD_MECHANISM, BAD_PARAMETER, BAD_LENGTH
[[nodiscard]] const Mechanism &mechanism_for(const Operation &operation, const Key &key);

// ciphers.cpp
SecretBytes encrypt_cbc(const Key &key, const Operation &operation);
SecretBytes decrypt_cbc(const Key &key, const Operation &operation);
SecretBytes encrypt_cbc_pad(const Key &key, const Operation &operation);
SecretBytes decrypt_cbc_pad(const Key &key, const Operation &operation);
SecretBytes crypt_ctr(const Key &key, const Operation &operation);
SecretBytes encrypt_gcm(const Key &key, const Operation &operation);
SecretBytes decrypt_gcm(const Key &key, const Operation &operation);
SecretBytes encrypt_oaep(const Key &key, const Operation &operation);
SecretBytes decrypt_oaep(const Key &key, const Operation &operation);

// signatures.cpp
SecretBytes sign_hmac(const Key &key, const Operation &operation);
void verify_hmac(const Key &key, const Operation &operation);
SecretBytes sign_ecdsa(const Key &key, const Operation &operation);
void verify_ecdsa(const Key &key, const Operation &operation);
SecretBytes sign_eddsa(const Key &key, const Operation &operation);
void verify_eddsa(const Key &key, const Operation &operation);
SecretBytes sign_rsa(const Key &key, const Operation &operation);
void verify_rsa(const Key &key, const Operation &operation);

// derivation.cpp
SecretBytes derive_ecdh(const Key &key, const Operation &operation, std::size_t size);
SecretBytes derive_hkdf(const Key &key, const Operation &operation, std::size_t size);

} // namespace k7::card
