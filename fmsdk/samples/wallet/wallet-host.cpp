// SPDX-License-Identifier: Apache-2.0
//
// wallet-host CARD REQUEST...: talks to the FM "wallet", as in `wallet-host /dev/k7pf0 pay alice 250`. The signature of
// a payment is verified with the wallet's public key before the payment is printed, with r and s in hexadecimal. Exits
// with the FM's status.
#include <iostream>
#include <memory>
#include <string>

#include <hsm/card.hpp>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

namespace {

constexpr hsm::FmId kWallet{0xa004};
constexpr std::size_t kHalf = 32; ///< bytes of r, and of s

const unsigned char *raw(hsm::ByteView bytes) {
    return reinterpret_cast<const unsigned char *>(bytes.data());
}

struct Free {
    void operator()(EVP_PKEY *key) const { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX *context) const { EVP_MD_CTX_free(context); }
    void operator()(ECDSA_SIG *signature) const { ECDSA_SIG_free(signature); }
};

/// r and s as OpenSSL wants them: in DER.
std::string der_of(hsm::ByteView signature) {
    const std::unique_ptr<ECDSA_SIG, Free> parts(ECDSA_SIG_new());
    ECDSA_SIG_set0(parts.get(), BN_bin2bn(raw(signature), kHalf, nullptr),
                   BN_bin2bn(raw(signature) + kHalf, kHalf, nullptr));
    std::string der(static_cast<std::size_t>(i2d_ECDSA_SIG(parts.get(), nullptr)), '\0');
    auto *to = reinterpret_cast<unsigned char *>(der.data());
    i2d_ECDSA_SIG(parts.get(), &to);
    return der;
}

bool verifies(hsm::ByteView public_key, hsm::ByteView payment, hsm::ByteView signature) {
    const unsigned char *at = raw(public_key);
    const std::unique_ptr<EVP_PKEY, Free> key(d2i_PUBKEY(nullptr, &at, static_cast<long>(public_key.size())));
    const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    const std::string der = der_of(signature);
    return key && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
           EVP_DigestVerify(context.get(), raw(hsm::as_bytes(der)), der.size(), raw(payment), payment.size()) == 1;
}

void print_hex(hsm::ByteView bytes) {
    for (const std::byte byte : bytes)
        std::cout << "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4]
                  << "0123456789abcdef"[std::to_integer<unsigned>(byte) & 15];
    std::cout << '\n';
}

void print_payment(hsm::Card &card, hsm::ByteView reply) {
    if (reply.size() <= 2 * kHalf)
        throw hsm::Error(hsm::ErrorKind::failed, "the wallet's reply is no payment");
    const hsm::ByteView signature = reply.last(2 * kHalf);
    const hsm::ByteView payment = reply.first(reply.size() - 2 * kHalf - 1); // a newline lies between
    const hsm::FmReply key = card.call_fm(kWallet, hsm::as_bytes(std::string_view("public")));
    if (!verifies(key.payload, payment, signature))
        throw hsm::Error(hsm::ErrorKind::failed, "the wallet's signature is wrong");
    std::cout << hsm::as_text(payment) << '\n';
    print_hex(signature);
}

int work(const std::string &selector, const std::string &verb, const std::string &request) {
    hsm::Card card = hsm::Card::open(selector);
    const hsm::FmReply reply = card.call_fm(kWallet, hsm::as_bytes(request));
    if (reply.status == 0 && verb == "pay")
        print_payment(card, reply.payload);
    else if (reply.status == 0 && verb == "public")
        print_hex(reply.payload);
    else
        std::cout << hsm::as_text(reply.payload) << '\n';
    return reply.status < 256 ? static_cast<int>(reply.status) : 255;
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 3) {
        std::cerr << "usage: wallet-host CARD init LIMIT SECONDS DESTINATION...|pay DESTINATION AMOUNT|public|status\n";
        return 2;
    }
    std::string request = argv[2];
    for (int i = 3; i < argc; ++i)
        request += std::string(" ") + argv[i];
    try {
        return work(argv[1], argv[2], request);
    } catch (const hsm::Error &error) {
        std::cerr << "wallet-host: " << error.what() << '\n';
        return static_cast<int>(error.kind());
    }
}
