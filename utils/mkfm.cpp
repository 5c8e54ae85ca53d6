// SPDX-License-Identifier: GPL-2.0-or-later
//
// mkfm: sign an FM's ELF file into an .fm image; make signing keys and certificates; show and verify images.
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <map>

#include <nlohmann/json.hpp>

#include "hsm/fm_image.hpp"
#include "utils/common/confirm.hpp"
#include "utils/common/describe.hpp"
#include "utils/common/files.hpp"
#include "utils/common/tool.hpp"

namespace {

using k7::tool::CommandLine;
using k7::tool::Json;
using k7::tool::Tool;

constexpr mode_t kPublicMode = 0644;
constexpr mode_t kKeyMode = 0600;
constexpr std::uint64_t kTimeMax = 253402300799; // the end of the year 9999, the last that a certificate can hold

const std::map<std::string, hsm::KeyType> kKeyTypes = {{"rsa2048", hsm::KeyType::rsa_2048},
                                                       {"rsa3072", hsm::KeyType::rsa_3072},
                                                       {"rsa4096", hsm::KeyType::rsa_4096},
                                                       {"ec-p256", hsm::KeyType::ec_p256},
                                                       {"ec-p384", hsm::KeyType::ec_p384}};

struct Options {
    std::string elf;
    std::string image;
    std::string key; ///< file or URI
    std::string provider;
    std::string certificate;
    std::string password_file;
    bool yes = false;
    hsm::KeyType type = hsm::KeyType::rsa_3072;
    std::string name = "FM signer";
    unsigned days = 3650;
    std::string file; ///< of show and verify
};

void add_key_options(CommandLine &line, Options &options) {
    line.add("-k,--key", options.key,
             "Private key: a file in PEM, which may be encrypted, or the URI of one that stays where it is, "
             "like pkcs11:token=T;object=O",
             "KEY");
    line.add("--provider", options.provider, "OpenSSL provider to load for a URI (default for pkcs11: pkcs11)", "NAME");
    line.add("-c,--cert", options.certificate, "Certificate of the key, PEM or DER", "FILE");
    line.add("--password-file", options.password_file,
             "File with the key's password or the token's PIN in its first line (default: ask on the terminal)",
             "FILE");
}

void declare_cert(CommandLine &line, Options &options) {
    CommandLine cert = line.add_subcommand(
        "cert", "Make a signing key and its self-signed certificate; the latter only, if KEY is a URI");
    add_key_options(cert, options);
    cert.add("--type", options.type, "rsa2048, rsa3072 (default), rsa4096, ec-p256 or ec-p384", "TYPE", kKeyTypes);
    cert.add("--name", options.name, "Common name, also the label that cards give it", "TEXT").shows_default();
    cert.add("--days", options.days, "Days of validity", "N", {1, 36500}).shows_default();
    cert.add_yes_option(options.yes);
}

void declare(Tool &tool, Options &options) {
    CommandLine &line = tool.command_line();
    line.add("-f,--file", options.elf, "ELF file of the FM", "ELF");
    line.add("-o,--out", options.image, "FM image to write", "FM");
    add_key_options(line, options);
    declare_cert(line, options);
    CommandLine show = line.add_subcommand("show", "Show what is in an image, without checking its signature");
    show.add("FILE", options.file, "FM image").required();
    CommandLine verify = line.add_subcommand("verify", "Check an image and its signature, as a card does");
    verify.add("FILE", options.file, "FM image").required();
    verify.add("-c,--cert", options.certificate, "Certificate of the signer, PEM or DER", "FILE").required();
    line.require_subcommands(0, 1);
}

std::string header_text(const hsm::FmHeader &header) {
    return "FM ID " + to_string(header.id) + ", version " + hsm::fm_version_text(header.version) + ", serial " +
           std::to_string(header.serial) + ", " + header.product + " by " + header.manufacturer;
}

Json header_json(const hsm::FmHeader &header) {
    return {{"id", to_string(header.id)},
            {"version", hsm::fm_version_text(header.version)},
            {"serial", header.serial},
            {"product", header.product},
            {"manufacturer", header.manufacturer}};
}

void show_image(const Tool &tool, const hsm::FmImage &image, bool verified) {
    tool.line("FM ID         " + to_string(image.header.id));
    tool.line("Product       " + image.header.product);
    tool.line("Manufacturer  " + image.header.manufacturer);
    tool.line("Version       " + hsm::fm_version_text(image.header.version));
    tool.line("Serial        " + std::to_string(image.header.serial));
    tool.line("Build time    " + k7::tool::time_text(image.build_time));
    tool.line("ELF size      " + std::to_string(image.elf.size()));
    tool.line("Digest        " + image.digest);
    tool.line("Signer        " + (image.signer.empty() ? "(not named)" : image.signer));
    tool.line("Fingerprint   " + to_string(image.fingerprint));
    tool.line(std::string("Signature     ") + (verified ? "OK" : "not checked (use `mkfm verify`)"));
    tool.result({{"header", header_json(image.header)},
                 {"build_time", image.build_time},
                 {"elf_size", image.elf.size()},
                 {"digest", image.digest},
                 {"signer", image.signer},
                 {"fingerprint", to_string(image.fingerprint)},
                 {"verified", verified}});
}

hsm::PasswordSource password_source(const Options &options) {
    return [&options]() -> std::optional<hsm::SecureBytes> {
        if (!options.password_file.empty())
            return k7::tool::read_password_file(options.password_file);
        auto password = k7::tool::ask_password("Password of " + options.key);
        if (!password)
            throw hsm::Error(hsm::ErrorKind::refused, "the key is encrypted and there is no terminal to ask on",
                             "give --password-file");
        return password;
    };
}

void require_option(const std::string &value, const std::string &option) {
    if (value.empty())
        throw hsm::Error(hsm::ErrorKind::usage, option + " is missing", "see `mkfm --help`");
}

/// A URI, unless a file has that name.
bool names_uri(const std::string &key) {
    std::error_code error;
    return hsm::is_key_uri(key) && !std::filesystem::exists(key, error);
}

/// Where the key is; empty when it is in no file.
std::string key_file(const Options &options) {
    constexpr std::string_view kScheme = "file:";
    if (!names_uri(options.key))
        return options.key;
    return options.key.starts_with(kScheme) ? options.key.substr(kScheme.size()) : "";
}

hsm::SigningKey open_key(const Options &options) {
    if (names_uri(options.key))
        return hsm::SigningKey::from_uri(options.key, options.provider, password_source(options));
    return hsm::SigningKey::from_pem(k7::tool::read_secret(options.key, "the signing key"), password_source(options));
}

/// Now, or what SOURCE_DATE_EPOCH says (reproducible-builds.org), so that the same ELF file makes the same image.
std::uint64_t build_time() {
    const char *const text = std::getenv("SOURCE_DATE_EPOCH");
    if (text == nullptr || *text == '\0')
        return static_cast<std::uint64_t>(std::time(nullptr));
    const std::string_view digits = text;
    std::uint64_t seconds = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (error != std::errc() || end != digits.data() + digits.size() || seconds > kTimeMax)
        throw hsm::Error(hsm::ErrorKind::usage, "SOURCE_DATE_EPOCH is no number of seconds since 1970");
    return seconds;
}

int sign(const Tool &tool, const Options &options) {
    require_option(options.elf, "-f ELF");
    require_option(options.image, "-o FM");
    require_option(options.key, "-k KEY");
    require_option(options.certificate, "-c CERT");
    k7::tool::refuse_one_input_for_two(options.key, options.password_file);
    k7::tool::check_output(options.image, {key_file(options), options.certificate, options.elf, options.password_file});
    if (!tool.quiet()) {
        tool.line("mkfm (k7hsm) " K7HSM_VERSION);
        tool.line("Processing ELF file " + options.elf);
    }
    const hsm::Bytes elf = k7::tool::read_file(options.elf, "the ELF file");
    const hsm::FmHeader header = hsm::check_fm_elf(elf);
    const std::uint64_t time = build_time();
    const hsm::Bytes certificate = k7::tool::read_file(options.certificate, "the certificate");
    const hsm::Bytes image = hsm::build_fm_image(elf, open_key(options), certificate, time);
    k7::tool::write_file(options.image, image, kPublicMode);
    const hsm::FmImage parsed = hsm::parse_fm_image(image);
    tool.line(header_text(header));
    tool.line("FM was successfully signed: " + options.image + " (" + std::to_string(image.size()) + " bytes)");
    tool.result({{"header", header_json(header)},
                 {"image", options.image},
                 {"image_size", image.size()},
                 {"fingerprint", to_string(parsed.fingerprint)}});
    return k7::tool::kExitDone;
}

/// A signing key that is overwritten is gone, and so is every right to sign updates with it.
void refuse_overwriting(const Options &options) {
    std::error_code error;
    if (options.yes || !std::filesystem::exists(options.key, error))
        return;
    throw hsm::Error(hsm::ErrorKind::refused, "the key file " + options.key + " exists: not overwritten",
                     "choose another name, or give --yes");
}

/// Make key and certificate. @return the certificate
hsm::Bytes make_identity(const Options &options, bool &encrypted) {
    refuse_overwriting(options);
    k7::tool::check_output(options.key, {options.password_file});
    hsm::SecureBytes password;
    if (!options.password_file.empty())
        password = k7::tool::read_password_file(options.password_file);
    encrypted = !password.empty();
    auto identity = hsm::make_signing_identity(options.type, options.name, options.days, password);
    k7::tool::write_file(options.key, identity.key_pem, kKeyMode);
    return std::move(identity.certificate_pem);
}

int make_certificate(const Tool &tool, const Options &options) {
    require_option(options.key, "-k KEY");
    require_option(options.certificate, "-c CERT");
    k7::tool::check_output(options.certificate, {key_file(options), options.password_file});
    bool encrypted = false;
    const hsm::Bytes certificate = names_uri(options.key)
                                       ? hsm::make_signing_certificate(open_key(options), options.name, options.days)
                                       : make_identity(options, encrypted);
    k7::tool::write_file(options.certificate, certificate, kPublicMode);
    const hsm::CertificateText text = hsm::describe_certificate(certificate);
    tool.line("Key           " + options.key + " (" + text.key + (encrypted ? ", encrypted" : "") + ")");
    tool.line("Certificate   " + options.certificate + " (" + text.common_name + ", until " + text.not_after + ")");
    tool.line("Fingerprint   " + to_string(text.fingerprint));
    tool.result({{"key", options.key},
                 {"certificate", options.certificate},
                 {"key_type", text.key},
                 {"encrypted", encrypted},
                 {"common_name", text.common_name},
                 {"not_after", text.not_after},
                 {"fingerprint", to_string(text.fingerprint)}});
    return k7::tool::kExitDone;
}

int show(const Tool &tool, const Options &options) {
    show_image(tool, hsm::parse_fm_image(k7::tool::read_file(options.file, "the FM image")), false);
    return k7::tool::kExitDone;
}

int verify(const Tool &tool, const Options &options) {
    const hsm::Bytes certificate = k7::tool::read_file(options.certificate, "the certificate");
    show_image(tool, hsm::verify_fm_image(k7::tool::read_file(options.file, "the FM image"), certificate), true);
    return k7::tool::kExitDone;
}

int work(Tool &tool, const Options &options) {
    if (tool.command_line().has("cert"))
        return make_certificate(tool, options);
    if (tool.command_line().has("show"))
        return show(tool, options);
    if (tool.command_line().has("verify"))
        return verify(tool, options);
    return sign(tool, options);
}

} // namespace

int main(int argc, char **argv) {
    Tool tool("mkfm", "Sign an FM's ELF file into an image that cards load.");
    Options options;
    declare(tool, options);
    return tool.run(argc, argv, [&] { return work(tool, options); });
}
