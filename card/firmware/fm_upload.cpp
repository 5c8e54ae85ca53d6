// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/firmware/fm_upload.hpp"

#include <algorithm>
#include <cstring>
#include <openssl/crypto.h>

#include "card/context.hpp"
#include "card/image/certificate.hpp"
#include "k7/payload.h"

namespace k7::card {
namespace {

static_assert(sizeof(k7_fm_load) == 48);
constexpr std::size_t kLabelSize = sizeof(k7_fm_load::label);
constexpr std::uint32_t kKnownFlags = K7_FM_LOAD_ALLOW_DOWNGRADE;

std::string label_of(const k7_fm_load &load) {
    std::string label(load.label, ::strnlen(load.label, kLabelSize));
    if (std::any_of(label.begin(), label.end(), [](char c) { return c < ' ' || c > '~'; }))
        throw Error(K7_ST_BAD_FIELD, "the certificate's label is not printable ASCII");
    return label;
}

auto find_label(const std::vector<StoredCertificate> &stored, const std::string &label) {
    return std::find_if(stored.begin(), stored.end(), [&](const auto &each) { return each.label == label; });
}

} // namespace

void FmUpload::WipedArray::operator()(std::byte *bytes) const {
    OPENSSL_cleanse(bytes, size);
    delete[] bytes;
}

FmUpload::FmUpload(std::uint32_t channel, std::span<const std::byte> request)
    : channel_(channel), image_(nullptr, WipedArray{0}) {
    k7_fm_load load{};
    std::memcpy(&load, request.data(), sizeof(load));
    if ((load.flags & ~kKnownFlags) != 0 || load.reserved != 0)
        throw Error(K7_ST_BAD_FIELD, "unknown flags and the reserved field of the load must be 0");
    if (load.image_size > K7_FM_IMAGE_MAX)
        throw Error(K7_ST_IMAGE_TOO_LARGE, "image of " + std::to_string(load.image_size) + " bytes, at most " +
                                               std::to_string(K7_FM_IMAGE_MAX) + " are taken");
    if (load.image_size == 0)
        throw Error(K7_ST_IMAGE_FORMAT, "the image is empty");
    const auto certificate = request.subspan(sizeof(load));
    if (load.certificate_size != certificate.size())
        throw Error(K7_ST_BAD_LENGTH, "certificate of " + std::to_string(load.certificate_size) + " bytes announced, " +
                                          std::to_string(certificate.size()) + " sent");
    label_ = label_of(load);
    certificate_.assign(certificate.begin(), certificate.end());
    if (!certificate_.empty())
        Certificate(certificate_)
            .check_may_sign(static_cast<std::time_t>(card_time())); // early, before the image comes
    allows_downgrade_ = (load.flags & K7_FM_LOAD_ALLOW_DOWNGRADE) != 0;
    image_size_ = load.image_size;
    image_ = {new std::byte[image_size_], WipedArray{0}};
}

std::span<std::byte> FmUpload::room(std::uint32_t offset, std::size_t size) {
    if (offset != image_filled_ || size > image_size_ - image_filled_)
        return {};
    image_.get_deleter().size = image_filled_ + size;
    return {image_.get() + image_filled_, size};
}

void FmUpload::append(std::uint32_t offset, std::span<const std::byte> bytes) {
    if (offset != image_filled_)
        throw Error(K7_ST_BAD_FIELD, "data for offset " + std::to_string(offset) + ", but " +
                                         std::to_string(image_filled_) + " bytes have come so far");
    const auto to = room(offset, bytes.size());
    if (to.empty())
        throw Error(K7_ST_BAD_LENGTH, "more data than the announced " + std::to_string(image_size_) + " bytes");
    if (to.data() != bytes.data())
        std::copy(bytes.begin(), bytes.end(), to.begin());
    image_filled_ += static_cast<std::uint32_t>(bytes.size());
}

VerifiedImage FmUpload::finish(const std::vector<StoredCertificate> &stored) const {
    if (image_filled_ != image_size_)
        throw Error(K7_ST_BAD_LENGTH, "only " + std::to_string(image_filled_) + " of " + std::to_string(image_size_) +
                                          " bytes of the image have come");
    return verify_image({image_.get(), image_filled_}, candidates(stored), static_cast<std::time_t>(card_time()));
}

std::vector<StoredCertificate> FmUpload::candidates(const std::vector<StoredCertificate> &stored) const {
    if (!certificate_.empty())
        return {given_certificate(stored)};
    if (label_.empty())
        return stored;
    const auto found = find_label(stored, label_);
    if (found == stored.end())
        throw Error(K7_ST_NOT_FOUND, "no certificate with label '" + label_ + "' is stored on the card");
    return {*found};
}

StoredCertificate FmUpload::given_certificate(const std::vector<StoredCertificate> &stored) const {
    if (label_.empty()) {
        const auto known =
            std::find_if(stored.begin(), stored.end(), [&](const auto &each) { return each.der == certificate_; });
        if (known != stored.end())
            return *known;
    }
    const std::string label = label_.empty() ? Certificate(certificate_).common_name(kLabelSize) : label_;
    const auto holder = find_label(stored, label);
    if (holder != stored.end() && holder->der != certificate_)
        throw Error(K7_ST_EXISTS, "another certificate is stored with label '" + label + "': give another label");
    return {label, certificate_};
}

} // namespace k7::card
