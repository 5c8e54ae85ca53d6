// SPDX-License-Identifier: GPL-2.0-or-later
//
// A key of an FM. Its material is in the card's memory only, and wiped when the key goes.
#pragma once

#include <atomic>
#include <variant>

#include "card/fm_host/crypto_support.hpp"
#include "card/fm_host/work_budget.hpp"

namespace k7::card {

class Key {
  public:
    /// @param kill ends a generation that takes long. @throws FmRefusal BAD_PARAMETER, NOT_READY
    static Key generate(const k7_fm_key &wanted, const std::atomic<bool> &kill);
    /// @param wanted its bits may be 0: what the material says. @param material as k7/fm_crypto.h says for the type
    /// @param work pays for it. @throws FmRefusal BAD_PARAMETER: no such key, or not what is wanted; FmOverwork
    static Key import(k7_fm_key wanted, ByteView material, WorkBudget &work);
    /// As import(), of material that this card has sealed, so that it is not tested once more.
    static Key restore(k7_fm_key wanted, ByteView material);

    [[nodiscard]] const k7_fm_key &description() const { return description_; }
    [[nodiscard]] bool is_private() const { return (description_.flags & K7_FM_KEY_PUBLIC) == 0; }
    /// What import() takes, whether extractable or not.
    [[nodiscard]] SecretBytes material() const;
    /// SubjectPublicKeyInfo. @throws FmRefusal BAD_MECHANISM for keys without a public half
    [[nodiscard]] SecretBytes public_key() const;

    /// Of AES keys and secrets; the mechanisms have looked at the type.
    [[nodiscard]] ByteView secret() const { return std::get<SecretBytes>(content_); }
    /// Of all others. Not const, because OpenSSL's functions do not know that they leave it as it is.
    [[nodiscard]] EVP_PKEY *pair() const { return std::get<EvpKey>(content_).get(); }

    /// What it costs to make such a key, to use its private half, to encode it, in the units of K7_FM_WORK_MAX.
    [[nodiscard]] static std::uint32_t cost_to_generate(const k7_fm_key &wanted);
    [[nodiscard]] std::uint32_t cost_to_use() const;
    [[nodiscard]] std::uint32_t cost_to_encode() const;

  private:
    using Content = std::variant<SecretBytes, EvpKey>;
    Key(const k7_fm_key &description, Content content) : description_(description), content_(std::move(content)) {}

    k7_fm_key description_;
    Content content_;
};

/// A SubjectPublicKeyInfo that is of no type yet. @throws FmRefusal BAD_PARAMETER
[[nodiscard]] EvpKey parse_public_key(ByteView der);

} // namespace k7::card
