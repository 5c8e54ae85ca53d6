// SPDX-License-Identifier: GPL-2.0-or-later
//
// The HSM SO's password as the store keeps it: stretched with scrypt (RFC 7914), with a salt of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace k7::card {

struct Credentials {
    std::array<std::byte, 16> salt{};
    std::uint32_t cost_log2 = 0; ///< scrypt's N is 2 to this; r is 8, p is 1
    std::array<std::byte, 32> verifier{};
};

/// For a password that a person chose: 16 MiB and some 50 ms for each guess.
constexpr std::uint32_t kPasswordCost = 14;
/// For one that lies in a file on the machine of the card anyway (property so-password-file): stretching it protects
/// nothing, and machines with many test cards start faster.
constexpr std::uint32_t kProvisionedCost = 10;

/// Takes long: not in a doorbell. One at a time in a process, whatever number of cards it has.
/// @throws Error BAD_FIELD when it is too short or too long
[[nodiscard]] Credentials make_credentials(std::span<const std::byte> password, std::uint32_t cost_log2);

/// Takes as long. The comparison takes the same time wherever the difference is.
[[nodiscard]] bool fits(const Credentials &credentials, std::span<const std::byte> password);

/// For the property so-password-file: the first line of a file. @throws Error BAD_FIELD
[[nodiscard]] Credentials credentials_of_file(const std::string &path);

} // namespace k7::card
