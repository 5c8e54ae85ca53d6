// SPDX-License-Identifier: GPL-2.0-or-later
//
// libFuzzer target: what a host loads as an FM. The first byte of the input says what the rest is: a certificate, an
// .fm file (the CMS envelope), or the content of one, which is then properly signed, so that what lies behind the
// signature (the FM's envelope, header and ELF file) is reached. Nothing but card::Error may come out, and what is
// accepted loads.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <span>
#include <vector>

#include "card/fm/engine.hpp"
#include "card/image/certificate.hpp"
#include "card/image/image.hpp"
#include "tests/unit/test_signer.hpp"

namespace {

using namespace k7;

struct NoServices final : fm::ServiceHandler {
    fm::ServiceResult service(fm::FmEngine &, std::uint32_t, const std::array<std::uint32_t, 6> &) override {
        return {};
    }
};

const test::Signer &signer() {
    static const test::Signer the_signer;
    return the_signer;
}

/// Signing is slow, and who signed does not matter here: one certificate for all inputs.
const std::vector<card::StoredCertificate> &certificates() {
    static const std::vector<card::StoredCertificate> list{{"fuzz", signer().certificate()}};
    return list;
}

void load(const card::VerifiedImage &image) {
    NoServices services;
    const std::atomic<bool> kill{false};
    const auto engine = fm::make_rv32im_engine(image.fm.elf, services, kill);
    if (image.fm.fm_id < K7_FM_ID_MIN || image.fm.fm_id > K7_FM_ID_MAX)
        std::abort();
}

void take_image(std::span<const std::byte> image) {
    load(card::verify_image(image, certificates(), std::time(nullptr)));
}

void take_certificate(std::span<const std::byte> der) {
    const card::Certificate certificate(der);
    if (certificate.common_name(32).size() > 32)
        std::abort();
    certificate.check_may_sign(std::time(nullptr));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    if (size == 0)
        return 0;
    const auto rest = std::as_bytes(std::span(data, size)).subspan(1);
    try {
        switch (data[0] % 4) {
        case 0:
            take_certificate(rest);
            break;
        case 1:
            take_image(rest);
            break;
        default:
            take_image(signer().sign(rest));
        }
    } catch (const card::Error &) { // refused
    }
    return 0;
}
