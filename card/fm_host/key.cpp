// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fm_host/key.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <openssl/rand.h>
#include <openssl/rsa.h>

namespace k7::card {
namespace {

/// Keys that there are. Costs are in units of K7_FM_WORK_MAX; docs/fm-sdk.md says how they were measured.
struct Kind {
    std::uint32_t type;
    std::uint32_t bits;
    const char *algorithm; ///< OpenSSL's name; null: just bytes
    const char *group;     ///< of EC keys
    std::uint32_t generate_cost;
    std::uint32_t import_cost; ///< of a private key; a public one is a tenth of it
    std::uint32_t use_cost;
};
constexpr std::array kKinds{
    Kind{K7_FM_KEY_AES, 128, nullptr, nullptr, 5, 5, 5},
    Kind{K7_FM_KEY_AES, 192, nullptr, nullptr, 5, 5, 5},
    Kind{K7_FM_KEY_AES, 256, nullptr, nullptr, 5, 5, 5},
    Kind{K7_FM_KEY_EC, 256, "EC", SN_X9_62_prime256v1, 500, 500, 100},
    Kind{K7_FM_KEY_EC, 384, "EC", SN_secp384r1, 1500, 2000, 1500},
    Kind{K7_FM_KEY_ED25519, 256, "ED25519", nullptr, 300, 300, 100},
    Kind{K7_FM_KEY_RSA, 2048, "RSA", nullptr, 250'000, 70'000, 1000},
    Kind{K7_FM_KEY_RSA, 3072, "RSA", nullptr, 1'000'000, 170'000, 3000},
    Kind{K7_FM_KEY_RSA, 4096, "RSA", nullptr, 3'000'000, 350'000, 7000},
};
constexpr Kind kSecret{K7_FM_KEY_SECRET, 0, nullptr, nullptr, 5, 5, 5};
constexpr std::uint32_t kCodingCost = 1000; ///< from DER into OpenSSL's objects, or back

/// @throws FmRefusal BAD_PARAMETER when there is no such key
const Kind &kind_of(const k7_fm_key &key) {
    constexpr std::uint32_t kFlags = K7_FM_KEY_EXTRACTABLE | K7_FM_KEY_PUBLIC;
    if ((key.flags & ~kFlags) != 0 || key.reserved != 0)
        refuse_crypto(K7_FM_E_BAD_PARAMETER);
    if (key.type == K7_FM_KEY_SECRET && key.bits != 0 && key.bits % 8 == 0 && key.bits / 8 <= K7_FM_KEY_SECRET_MAX &&
        (key.flags & K7_FM_KEY_PUBLIC) == 0)
        return kSecret;
    const auto found =
        std::ranges::find_if(kKinds, [&](const Kind &kind) { return kind.type == key.type && kind.bits == key.bits; });
    if (found == kKinds.end() || (!found->algorithm && (key.flags & K7_FM_KEY_PUBLIC) != 0))
        refuse_crypto(K7_FM_E_BAD_PARAMETER);
    return *found;
}

bool is_symmetric(std::uint32_t type) {
    return type == K7_FM_KEY_AES || type == K7_FM_KEY_SECRET;
}

// RSA keys take seconds; a card that is being reset does not wait for them.
int go_on(EVP_PKEY_CTX *context) {
    return static_cast<const std::atomic<bool> *>(EVP_PKEY_CTX_get_app_data(context))->load() ? 0 : 1;
}

EvpKey generate_pair(const Kind &kind, const std::atomic<bool> &kill) {
    const EvpKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, kind.algorithm, nullptr));
    check_crypto(context != nullptr && EVP_PKEY_keygen_init(context.get()) == 1);
    if (kind.group)
        check_crypto(EVP_PKEY_CTX_set_group_name(context.get(), kind.group) == 1);
    if (kind.type == K7_FM_KEY_RSA)
        check_crypto(EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), static_cast<int>(kind.bits)) == 1);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): go_on() only reads it
    EVP_PKEY_CTX_set_app_data(context.get(), const_cast<std::atomic<bool> *>(&kill));
    EVP_PKEY_CTX_set_cb(context.get(), go_on);
    EVP_PKEY *pair = nullptr;
    check_crypto(EVP_PKEY_generate(context.get(), &pair) == 1);
    return EvpKey(pair);
}

EvpKey parse_private_key(ByteView der) {
    using Info = std::unique_ptr<PKCS8_PRIV_KEY_INFO, FreeWith<PKCS8_PRIV_KEY_INFO_free>>;
    const unsigned char *at = raw_bytes(der);
    const Info info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size())));
    if (!info || at != raw_bytes(der) + der.size())
        refuse_crypto(K7_FM_E_BAD_PARAMETER);
    EvpKey key(EVP_PKCS82PKEY(info.get()));
    if (!key)
        refuse_crypto(K7_FM_E_BAD_PARAMETER);
    return key;
}

/// Which of our kinds @p key is. @return null: none
const Kind *kind_of(const EVP_PKEY *key) {
    std::array<char, 64> group{};
    EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr);
    const auto found = std::ranges::find_if(kKinds, [&](const Kind &kind) {
        if (!kind.algorithm || EVP_PKEY_is_a(key, kind.algorithm) != 1)
            return false;
        if (kind.group)
            return std::strcmp(kind.group, group.data()) == 0;
        return kind.type != K7_FM_KEY_RSA || static_cast<std::uint32_t>(EVP_PKEY_get_bits(key)) == kind.bits;
    });
    return found == kKinds.end() ? nullptr : &*found;
}

bool is_sound(EVP_PKEY *key, bool is_private) {
    const EvpKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    check_crypto(context != nullptr);
    return (is_private ? EVP_PKEY_check(context.get()) : EVP_PKEY_public_check(context.get())) == 1;
}

EvpKey parse_pair(k7_fm_key &wanted, ByteView material) {
    const bool is_private = (wanted.flags & K7_FM_KEY_PUBLIC) == 0;
    EvpKey key = is_private ? parse_private_key(material) : parse_public_key(material);
    const Kind *const kind = kind_of(key.get());
    if (!kind || kind->type != wanted.type || (wanted.bits != 0 && wanted.bits != kind->bits))
        refuse_crypto(K7_FM_E_BAD_PARAMETER);
    wanted.bits = kind->bits;
    kind_of(wanted);
    return key;
}

// How large a key is shows when it is parsed; what takes long, testing the primes of RSA, comes after that.
EvpKey import_pair(k7_fm_key &wanted, ByteView material, WorkBudget &work) {
    const bool is_private = (wanted.flags & K7_FM_KEY_PUBLIC) == 0;
    work.spend(kCodingCost);
    EvpKey key = parse_pair(wanted, material);
    work.spend(kind_of(wanted).import_cost / (is_private ? 1 : 10));
    if (!is_sound(key.get(), is_private))
        refuse_crypto(K7_FM_E_BAD_PARAMETER);
    return key;
}

/// What an i2d function of OpenSSL gives.
template <class Encode, class Object>
SecretBytes encoded(Encode encode, Object *object) {
    const int length = encode(object, nullptr);
    check_crypto(length > 0);
    SecretBytes der(static_cast<std::size_t>(length));
    unsigned char *to = raw_bytes(der);
    check_crypto(encode(object, &to) == length);
    return der;
}

} // namespace

EvpKey parse_public_key(ByteView der) {
    const unsigned char *at = raw_bytes(der);
    EvpKey key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
    if (!key || at != raw_bytes(der) + der.size())
        refuse_crypto(K7_FM_E_BAD_PARAMETER);
    return key;
}

Key Key::generate(const k7_fm_key &wanted, const std::atomic<bool> &kill) {
    const Kind &kind = kind_of(wanted);
    if ((wanted.flags & K7_FM_KEY_PUBLIC) != 0)
        refuse_crypto(K7_FM_E_BAD_PARAMETER);
    if (kind.algorithm)
        return {wanted, generate_pair(kind, kill)};
    SecretBytes secret(wanted.bits / 8);
    check_crypto(RAND_priv_bytes(raw_bytes(secret), static_cast<int>(secret.size())) == 1);
    return {wanted, std::move(secret)};
}

Key Key::import(k7_fm_key wanted, ByteView material, WorkBudget &work) {
    if (material.size() > K7_FM_KEY_MATERIAL_MAX)
        refuse_crypto(K7_FM_E_BAD_LENGTH);
    if (!is_symmetric(wanted.type)) {
        EvpKey pair = import_pair(wanted, material, work);
        return {wanted, std::move(pair)};
    }
    work.spend(kSecret.import_cost);
    return restore(wanted, material);
}

Key Key::restore(k7_fm_key wanted, ByteView material) {
    if (!is_symmetric(wanted.type)) {
        EvpKey pair = parse_pair(wanted, material);
        return {wanted, std::move(pair)};
    }
    const auto bits = static_cast<std::uint32_t>(material.size() * 8);
    if (wanted.bits != 0 && wanted.bits != bits)
        refuse_crypto(K7_FM_E_BAD_PARAMETER);
    wanted.bits = bits;
    kind_of(wanted);
    return {wanted, copy_of(material)};
}

SecretBytes Key::material() const {
    using Info = std::unique_ptr<PKCS8_PRIV_KEY_INFO, FreeWith<PKCS8_PRIV_KEY_INFO_free>>;
    if (is_symmetric(description_.type))
        return copy_of(secret());
    if (!is_private())
        return public_key();
    const Info info(EVP_PKEY2PKCS8(pair()));
    check_crypto(info != nullptr);
    return encoded(i2d_PKCS8_PRIV_KEY_INFO, info.get());
}

SecretBytes Key::public_key() const {
    if (is_symmetric(description_.type))
        refuse_crypto(K7_FM_E_BAD_MECHANISM);
    return encoded(i2d_PUBKEY, pair());
}

std::uint32_t Key::cost_to_generate(const k7_fm_key &wanted) {
    return kind_of(wanted).generate_cost;
}

std::uint32_t Key::cost_to_encode() const {
    return is_symmetric(description_.type) ? kSecret.use_cost : kCodingCost;
}

std::uint32_t Key::cost_to_use() const {
    return kind_of(description_).use_cost;
}

} // namespace k7::card
