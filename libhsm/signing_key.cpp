// SPDX-License-Identifier: Apache-2.0
//
// Private keys: from PEM, and from wherever OpenSSL's providers find them.
#include <algorithm>
#include <array>
#include <cctype>
#include <exception>
#include <utility>

#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#include "libhsm/openssl.hpp"

namespace hsm {
namespace {

using StorePointer = std::unique_ptr<OSSL_STORE_CTX, OpensslRelease<OSSL_STORE_close>>;
using StoreInfoPointer = std::unique_ptr<OSSL_STORE_INFO, OpensslRelease<OSSL_STORE_INFO_free>>;
using UiMethodPointer = std::unique_ptr<UI_METHOD, OpensslRelease<UI_destroy_method>>;

constexpr std::string_view kPkcs11 = "pkcs11";

/// What the callback of OpenSSL needs; it is called for an encrypted key or a token that wants its PIN.
struct PasswordRequest {
    const PasswordSource &source;
    bool asked = false;
    std::exception_ptr error{}; ///< what the source threw: it must not fly through OpenSSL's frames
};

int give_password(char *buffer, int size, int /*writing*/, void *opaque) {
    auto &request = *static_cast<PasswordRequest *>(opaque);
    if (std::exchange(request.asked, true) || !request.source || size < 0)
        return -1; // a second question means that the first answer was wrong
    try {
        const auto password = request.source();
        if (!password || password->size() > static_cast<std::size_t>(size))
            return -1;
        std::ranges::copy(as_text(*password), buffer);
        return static_cast<int>(password->size());
    } catch (...) {
        request.error = std::current_exception();
        return -1;
    }
}

/// Why there is no key, as far as the password is to blame. @throws Error
void check_password(const PasswordRequest &request) {
    if (request.error)
        std::rethrow_exception(request.error);
    if (request.asked && !request.source)
        throw Error(ErrorKind::failed, "the signing key is encrypted",
                    "give its password: --password-file, or at the prompt");
}

std::string scheme_of(std::string_view uri) {
    return std::string(uri.substr(0, uri.find(':')));
}

/// RFC 7512 allows it, and everybody on the host could read it in the process list.
void refuse_pin(const std::string &uri) {
    if (scheme_of(uri) == kPkcs11 && uri.find("pin-value") != std::string::npos)
        throw Error(ErrorKind::usage, "a PIN in the key's URI can be read by others",
                    "leave pin-value out: give --password-file, or the PIN at the prompt");
}

void load_provider(const std::string &name) {
    // With the default provider as before; loaded until the process ends, because the key lives in it.
    if (OSSL_PROVIDER_available(nullptr, name.c_str()) == 1 ||
        OSSL_PROVIDER_try_load(nullptr, name.c_str(), 1) != nullptr)
        return;
    throw Error(ErrorKind::failed, "OpenSSL cannot load its provider '" + name + "' (" + openssl_reason() + ")",
                name == kPkcs11 ? "install pkcs11-provider (Debian 13 and later)"
                                : "see `openssl list -providers`, and OPENSSL_MODULES in openssl-env(7)");
}

/// The one key that @p store gives, or nothing when there is none or a password was wrong.
KeyPointer only_key(OSSL_STORE_CTX *store, const std::string &uri) {
    KeyPointer key;
    while (OSSL_STORE_eof(store) == 0 && OSSL_STORE_error(store) == 0) {
        const StoreInfoPointer info(OSSL_STORE_load(store));
        if (!info || OSSL_STORE_INFO_get_type(info.get()) != OSSL_STORE_INFO_PKEY)
            continue;
        if (key)
            throw Error(ErrorKind::not_found, "several private keys are at " + uri, "name one: by object= or id=");
        key.reset(OSSL_STORE_INFO_get1_PKEY(info.get()));
    }
    return key;
}

Error no_key(const std::string &uri, bool asked) {
    const std::string reason = openssl_reason();
    if (asked)
        return {ErrorKind::failed, "the signing key cannot be opened: wrong password or PIN, or no such key at " + uri};
    return {ErrorKind::not_found, "no private key is at " + uri + " (" + reason + ")",
            "`openssl storeutl -keys URI` shows what OpenSSL finds"};
}

std::shared_ptr<EVP_PKEY> shared(KeyPointer key) {
    return {key.release(), &EVP_PKEY_free};
}

} // namespace

bool is_key_uri(std::string_view text) noexcept {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon < 2 || std::isalpha(static_cast<unsigned char>(text.front())) == 0)
        return false;
    return std::ranges::all_of(text.substr(0, colon), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.';
    });
}

SigningKey SigningKey::from_pem(ByteView pem, const PasswordSource &password) {
    const BioPointer bio = read_from(pem);
    PasswordRequest request{password};
    KeyPointer key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &give_password, &request));
    if (key)
        return SigningKey(shared(std::move(key)));
    const std::string reason = openssl_reason();
    check_password(request);
    if (request.asked)
        throw Error(ErrorKind::failed, "the signing key cannot be decrypted: wrong password");
    throw Error(ErrorKind::failed, "the signing key is no private key in PEM (" + reason + ")",
                "make one with `mkfm cert`");
}

SigningKey SigningKey::from_uri(const std::string &uri, const std::string &provider, const PasswordSource &password) {
    refuse_pin(uri);
    if (!provider.empty() || scheme_of(uri) == kPkcs11)
        load_provider(provider.empty() ? std::string(kPkcs11) : provider);
    PasswordRequest request{password};
    const UiMethodPointer prompt(UI_UTIL_wrap_read_pem_callback(&give_password, 0));
    const StorePointer store(OSSL_STORE_open(uri.c_str(), prompt.get(), &request, nullptr, nullptr));
    KeyPointer key;
    if (store && OSSL_STORE_expect(store.get(), OSSL_STORE_INFO_PKEY) == 1)
        key = only_key(store.get(), uri);
    if (!key) {
        check_password(request);
        throw no_key(uri, request.asked).with_object(uri);
    }
    ERR_clear_error();
    return SigningKey(shared(std::move(key)));
}

std::string SigningKey::text() const {
    return key_text(get());
}

} // namespace hsm
