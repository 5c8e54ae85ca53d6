// SPDX-License-Identifier: GPL-2.0-or-later
//
// An .fm image on its way in: FM_LOAD_BEGIN to FM_LOAD_COMMIT. One per card; nothing reaches the store before commit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "card/image/image.hpp"
#include "card/store/store.hpp"

namespace k7::card {

class FmUpload {
  public:
    /// @param request struct k7_fm_load and the certificate after it. @throws Error
    FmUpload(std::uint32_t channel, std::span<const std::byte> request);

    [[nodiscard]] std::uint32_t channel() const { return channel_; }
    /// May the image replace an FM of a higher version?
    [[nodiscard]] bool allows_downgrade() const { return allows_downgrade_; }

    /// Where @p size bytes for @p offset go; empty if they do not fit there. What is put there counts after append().
    [[nodiscard]] std::span<std::byte> room(std::uint32_t offset, std::size_t size);
    /// @param offset must be the number of bytes so far. @throws Error
    void append(std::uint32_t offset, std::span<const std::byte> bytes);

    /// Check everything. @param stored certificates of the card. @throws Error
    [[nodiscard]] VerifiedImage finish(const std::vector<StoredCertificate> &stored) const;

  private:
    [[nodiscard]] std::vector<StoredCertificate> candidates(const std::vector<StoredCertificate> &stored) const;
    [[nodiscard]] StoredCertificate given_certificate(const std::vector<StoredCertificate> &stored) const;

    std::uint32_t channel_;
    bool allows_downgrade_ = false;
    std::uint32_t image_size_ = 0;
    std::string label_; ///< empty when not given
    Bytes certificate_; ///< empty when not given

    /// Image bytes are request payload: wiped. Memory is committed as it is filled.
    struct WipedArray {
        std::size_t size;
        void operator()(std::byte *bytes) const;
    };
    std::unique_ptr<std::byte[], WipedArray> image_;
    std::uint32_t image_filled_ = 0;
};

} // namespace k7::card
