// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/image/image.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>

#include "card/fm/elf.hpp"
#include "card/fm/engine.hpp"
#include "card/image/certificate.hpp"
#include "card/image/cms.hpp"

namespace k7::card {
namespace {

static_assert(sizeof(k7_fm_header) == std::tuple_size_v<decltype(fm::header_bytes({}))>);

std::string hex(std::uint32_t value) {
    char text[16];
    std::snprintf(text, sizeof(text), "0x%x", value);
    return text;
}

[[noreturn]] void bad_envelope(const std::string &why) {
    throw Error(K7_ST_IMAGE_FORMAT, "envelope: " + why);
}
[[noreturn]] void bad_header(const std::string &why) {
    throw Error(K7_ST_IMAGE_HEADER, "FM header: " + why);
}

k7_fm_envelope open_envelope(std::span<const std::byte> content) {
    k7_fm_envelope envelope{};
    if (content.size() < sizeof(envelope))
        bad_envelope("the signed content has only " + std::to_string(content.size()) + " bytes");
    std::memcpy(&envelope, content.data(), sizeof(envelope));
    if (envelope.magic != K7_FM_ENVELOPE_MAGIC)
        bad_envelope("wrong magic " + hex(envelope.magic));
    if (envelope.envelope_size != sizeof(envelope))
        bad_envelope("its size is given as " + std::to_string(envelope.envelope_size) + ", not 96");
    if (envelope.elf_size != content.size() - sizeof(envelope))
        bad_envelope("the ELF file is given as " + std::to_string(envelope.elf_size) + " bytes, but " +
                     std::to_string(content.size() - sizeof(envelope)) + " follow");
    if (envelope.reserved != 0)
        bad_envelope("its reserved field is not 0");
    return envelope;
}

// Tools print these texts on terminals.
void check_text(const char *what, std::span<const char> field) {
    const auto end = std::find(field.begin(), field.end(), '\0');
    if (std::any_of(field.begin(), end, [](char c) { return c < ' ' || c > '~'; }))
        bad_header(std::string(what) + " is not printable ASCII");
    if (std::any_of(end, field.end(), [](char c) { return c != '\0'; }))
        bad_header(std::string(what) + " is not padded with 0");
}

void check_header(const k7_fm_header &header) {
    if (header.magic != K7_FM_HEADER_MAGIC)
        bad_header("wrong magic " + hex(header.magic));
    if (header.header_version != K7_FM_HEADER_VERSION)
        bad_header("version " + std::to_string(header.header_version) + " is not known");
    if (header.fm_id < K7_FM_ID_MIN || header.fm_id > K7_FM_ID_MAX)
        bad_header("FM ID " + hex(header.fm_id) + " is not in " + hex(K7_FM_ID_MIN) + " .. " + hex(K7_FM_ID_MAX));
    if (header.reserved0 != 0 || header.reserved1 != 0)
        bad_header("a reserved field is not 0");
    check_text("manufacturer", header.manufacturer);
    check_text("product", header.product);
}

std::uint32_t check_elf(std::span<const std::byte> elf, const k7_fm_header &header) {
    try {
        fm::check_elf(elf);
        const auto inside = fm::header_bytes(elf);
        if (std::memcmp(inside.data(), &header, sizeof(header)) != 0)
            bad_header("the envelope's copy differs from the ELF file's");
        std::uint32_t memory = 0;
        for (const fm::Segment &segment : fm::parse_elf(elf).segments)
            memory += segment.memory_size;
        return memory;
    } catch (const fm::ElfError &error) {
        throw Error(K7_ST_IMAGE_ELF, std::string("ELF file: ") + error.what());
    }
}

/// The candidate that the image's signer names. One that was expired or weak is found here and refused later, with
/// its own reason.
const StoredCertificate &find_signer(const SignedData &image, std::span<const StoredCertificate> candidates) {
    const auto found = std::find_if(candidates.begin(), candidates.end(), [&](const StoredCertificate &candidate) {
        return image.names(Certificate(candidate.der));
    });
    if (found != candidates.end())
        return *found;
    throw Error(K7_ST_IMAGE_CERTIFICATE, candidates.empty()
                                             ? "no certificate was given and none is stored on the card"
                                             : "image: signed by another certificate than " +
                                                   (candidates.size() == 1 ? "'" + candidates.front().label + "'"
                                                                           : std::string("those stored on the card")));
}

} // namespace

VerifiedImage verify_image(std::span<const std::byte> image, std::span<const StoredCertificate> candidates,
                           std::time_t now) {
    if (image.size() > K7_FM_IMAGE_MAX)
        throw Error(K7_ST_IMAGE_TOO_LARGE, "image of " + std::to_string(image.size()) + " bytes, at most " +
                                               std::to_string(K7_FM_IMAGE_MAX) + " are taken");
    const SignedData signed_data(image);
    const StoredCertificate &signer = find_signer(signed_data, candidates);
    const Certificate certificate(signer.der);
    certificate.check_may_sign(now);
    const Bytes content = signed_data.verify(certificate);
    const k7_fm_envelope envelope = open_envelope(content);
    check_header(envelope.header);
    const auto elf = std::span(content).subspan(sizeof(envelope));
    VerifiedImage verified;
    verified.fm.memory_size = check_elf(elf, envelope.header);
    verified.fm.fm_id = envelope.header.fm_id;
    verified.fm.envelope = envelope;
    verified.fm.image_size = static_cast<std::uint32_t>(image.size());
    verified.fm.load_time = static_cast<std::uint64_t>(now);
    verified.fm.fingerprint = sha256(content);
    verified.fm.certificate = signer.label;
    verified.fm.signer = certificate.key_fingerprint();
    verified.fm.elf.assign(elf.begin(), elf.end());
    verified.certificate = signer;
    return verified;
}

} // namespace k7::card
