// SPDX-License-Identifier: GPL-2.0-or-later
//
// The mailbox as the bus shows it. No lock of its own: class Registers guards it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "k7/hw.h"
#include "k7/status.h"

namespace k7::card {

/// A boot loader command as the driver wrote it.
struct MailboxCommand {
    std::uint16_t opcode = 0;
    std::uint16_t tag = 0;
    std::array<std::uint32_t, 4> args{};
};

class MailboxRegisters {
  public:
    [[nodiscard]] bool busy() const { return (status_ & K7_MB_BUSY) != 0; }

    [[nodiscard]] std::uint32_t status() const { return status_; }
    [[nodiscard]] std::uint32_t length() const { return length_; }
    [[nodiscard]] std::uint32_t arg(std::size_t index) const { return args_.at(index); }

    /// @param offset from K7_REG_MB_DATA, a multiple of 4 below K7_MB_DATA_BYTES
    [[nodiscard]] std::uint32_t data(std::size_t offset) const {
        std::uint32_t word = 0;
        std::memcpy(&word, data_.data() + offset, sizeof(word));
        return word;
    }

    void set_arg(std::size_t index, std::uint32_t value) { args_.at(index) = value; }

    void begin(std::uint32_t command) {
        command_ = {static_cast<std::uint16_t>(command & 0xffff), static_cast<std::uint16_t>(K7_MB_TAG_GET(command)),
                    args_};
        status_ = K7_MB_BUSY | (command & 0x7fff0000u);
        length_ = 0;
        data_.fill(std::byte{0});
    }

    [[nodiscard]] const MailboxCommand &command() const { return command_; }

    /// @param reply cut at K7_MB_DATA_BYTES
    void end(k7_status status, std::span<const std::byte> reply) {
        const std::size_t size = std::min<std::size_t>(reply.size(), K7_MB_DATA_BYTES);
        std::copy_n(reply.begin(), size, data_.begin());
        length_ = static_cast<std::uint32_t>(size);
        status_ = static_cast<std::uint32_t>(command_.tag) << 16 | static_cast<std::uint32_t>(status);
    }

    /// A fault: answer as if to another command.
    void change_tag() { status_ ^= 1u << 16; }
    /// A fault: @p length is not looked at.
    void replace_reply(std::uint32_t length, const std::array<std::byte, K7_MB_DATA_BYTES> &data) {
        length_ = length;
        data_ = data;
    }

  private:
    MailboxCommand command_;
    std::array<std::uint32_t, 4> args_{};
    std::uint32_t status_ = 0;
    std::uint32_t length_ = 0;
    std::array<std::byte, K7_MB_DATA_BYTES> data_{};
};

} // namespace k7::card
