// SPDX-License-Identifier: Apache-2.0
//
// tokens-host CARD issue SUBJECT     prints a token of the FM "tokens"
// tokens-host CARD public            prints the public key as PEM, for services that check tokens without the card
// tokens-host --key PEM check TOKEN  checks one so; prints its subject
//
// Exits with the FM's status, or 1 for a token that is none or has expired.
#include <ctime>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include <hsm/card.hpp>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace {

constexpr hsm::FmId kTokens{0xa005};

struct Free {
    void operator()(EVP_PKEY *key) const { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX *context) const { EVP_MD_CTX_free(context); }
    void operator()(BIO *bio) const { BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;

const unsigned char *raw(std::string_view text) {
    return reinterpret_cast<const unsigned char *>(text.data());
}

std::optional<std::string> from_hex(const std::string &digits) {
    std::string bytes;
    if (digits.size() % 2 != 0 || digits.find_first_not_of("0123456789abcdef") != std::string::npos)
        return std::nullopt;
    for (std::size_t at = 0; at < digits.size(); at += 2)
        bytes += static_cast<char>(std::stoi(digits.substr(at, 2), nullptr, 16));
    return bytes;
}

/// The subject of a token that is signed with @p key and has not expired.
std::optional<std::string> subject_of(EVP_PKEY *key, const std::string &token) {
    const std::size_t last = token.rfind('.');
    const std::size_t first = token.find('.');
    if (last == std::string::npos || first == last)
        return std::nullopt;
    const std::string text = token.substr(0, last);
    const auto signature = from_hex(token.substr(last + 1));
    const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    if (!signature || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) != 1 ||
        EVP_DigestVerify(context.get(), raw(*signature), signature->size(), raw(text), text.size()) != 1)
        return std::nullopt;
    if (std::stoll(text.substr(first + 1)) < static_cast<long long>(std::time(nullptr)))
        return std::nullopt;
    return text.substr(0, first);
}

int check(const std::string &pem, const std::string &token) {
    const std::unique_ptr<BIO, Free> file(BIO_new_file(pem.c_str(), "r"));
    const Key key(file ? PEM_read_bio_PUBKEY(file.get(), nullptr, nullptr, nullptr) : nullptr);
    if (!key)
        throw hsm::Error(hsm::ErrorKind::failed, "no public key in " + pem, "make it with `tokens-host CARD public`");
    const auto subject = subject_of(key.get(), token);
    std::cout << subject.value_or("no token, or expired") << '\n';
    return subject ? 0 : 1;
}

void print_pem(hsm::ByteView der) {
    const auto *at = reinterpret_cast<const unsigned char *>(der.data());
    const Key key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
    const std::unique_ptr<BIO, Free> memory(BIO_new(BIO_s_mem()));
    char *text = nullptr;
    if (!key || PEM_write_bio_PUBKEY(memory.get(), key.get()) != 1)
        throw hsm::Error(hsm::ErrorKind::failed, "the FM's public key cannot be read");
    const long size = BIO_get_mem_data(memory.get(), &text);
    std::cout.write(text, size);
}

int ask(const std::string &selector, const std::string &request) {
    hsm::Card card = hsm::Card::open(selector);
    const hsm::FmReply reply = card.call_fm(kTokens, hsm::as_bytes(request));
    if (reply.status == 0 && request == "public")
        print_pem(reply.payload);
    else if (reply.status == 0)
        std::cout << hsm::as_text(reply.payload) << '\n';
    else
        std::cerr << "tokens-host: the FM answered with status " << reply.status << '\n';
    return reply.status < 256 ? static_cast<int>(reply.status) : 255;
}

} // namespace

int main(int argc, char **argv) {
    const std::string first = argc > 1 ? argv[1] : "";
    try {
        if (first == "--key" && argc == 5 && std::string(argv[3]) == "check")
            return check(argv[2], argv[4]);
        if (first != "--key" && argc == 3 && std::string(argv[2]) == "public")
            return ask(first, "public");
        if (first != "--key" && argc == 4 && std::string(argv[2]) == "issue")
            return ask(first, std::string("issue ") + argv[3]);
    } catch (const hsm::Error &error) {
        std::cerr << "tokens-host: " << error.what() << '\n';
        return static_cast<int>(error.kind());
    }
    std::cerr << "usage: tokens-host CARD issue SUBJECT | CARD public | --key PEM check TOKEN\n";
    return 2;
}
