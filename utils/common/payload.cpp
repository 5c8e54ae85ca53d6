// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/payload.hpp"

#include <algorithm>
#include <cstdint>
#include <iostream>

#include <nlohmann/json.hpp>
#include <unistd.h>

namespace k7::tool {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

/// How long the sequences of UTF-8 are, by their first byte, and the least that each may stand for.
struct Utf8Form {
    std::uint8_t mask;
    std::uint8_t lead;
    std::uint16_t length;
    std::uint32_t least;
};
constexpr Utf8Form kUtf8Forms[] = {
    {0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

/// A terminal obeys control characters, also those above 0x7f; some turn the text around that follows.
bool is_printable(std::uint32_t character) {
    if (character < 0x20)
        return character == '\n' || character == '\t';
    const auto within = [&](std::uint32_t first, std::uint32_t last) {
        return character >= first && character <= last;
    };
    return !within(0x7f, 0x9f) && !within(0x202a, 0x202e) && !within(0x2066, 0x2069) && !within(0xd800, 0xdfff) &&
           character <= 0x10ffff;
}

/// @return bytes of the character that @p bytes begin with; 0 when it is none that can be printed
std::size_t character_size(hsm::ByteView bytes) {
    const auto lead = std::to_integer<std::uint8_t>(bytes[0]);
    const auto *const form =
        std::ranges::find_if(kUtf8Forms, [&](const Utf8Form &one) { return (lead & one.mask) == one.lead; });
    if (form == std::end(kUtf8Forms) || bytes.size() < form->length)
        return 0;
    std::uint32_t character = lead & static_cast<std::uint8_t>(~form->mask);
    for (const std::byte byte : bytes.subspan(1, form->length - 1)) {
        if ((byte & std::byte{0xc0}) != std::byte{0x80})
            return 0;
        character = character << 6 | std::to_integer<std::uint32_t>(byte & std::byte{0x3f});
    }
    return character >= form->least && is_printable(character) ? form->length : 0;
}

bool is_text(hsm::ByteView bytes) {
    while (!bytes.empty()) {
        const std::size_t size = character_size(bytes);
        if (size == 0)
            return false;
        bytes = bytes.subspan(size);
    }
    return true;
}

unsigned digit_value(char c) {
    const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    const std::size_t value = kDigits.find(lower);
    if (value == std::string_view::npos)
        throw hsm::Error(hsm::ErrorKind::usage, "the request is not hexadecimal", "use the digits 0 to 9 and a to f");
    return static_cast<unsigned>(value);
}

} // namespace

hsm::SecureBytes to_hex(hsm::ByteView bytes) {
    hsm::SecureBytes text;
    text.reserve(bytes.size() * 2);
    for (const std::byte byte : bytes) {
        text.push_back(static_cast<std::byte>(kDigits[std::to_integer<unsigned>(byte) >> 4]));
        text.push_back(static_cast<std::byte>(kDigits[std::to_integer<unsigned>(byte) & 15]));
    }
    return text;
}

hsm::SecureBytes from_hex(std::string_view text) {
    hsm::SecureBytes bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == ' ') {
            ++at;
            continue;
        }
        if (at + 1 == text.size())
            throw hsm::Error(hsm::ErrorKind::usage, "the request in hexadecimal has half a byte at its end");
        bytes.push_back(static_cast<std::byte>(digit_value(text[at]) << 4 | digit_value(text[at + 1])));
        at += 2;
    }
    return bytes;
}

Json reply_json(const hsm::FmReply &reply) {
    const hsm::SecureBytes hex = to_hex(reply.payload);
    return {{"fm_status", reply.status},
            {"reply_size", reply.payload.size()},
            {"reply_hex", std::string(hsm::as_text(hex))}};
}

void write_out(hsm::ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t size = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
        if (size <= 0)
            throw hsm::Error(hsm::ErrorKind::failed, "cannot write to standard output");
        bytes = bytes.subspan(static_cast<std::size_t>(size));
    }
}

void print_payload(const Tool &tool, hsm::ByteView payload, bool hex) {
    const bool binary = hex || !is_text(payload);
    if (binary && !hex)
        tool.detail("the reply is no text: printed in hexadecimal");
    const hsm::SecureBytes digits = binary ? to_hex(payload) : hsm::SecureBytes();
    const hsm::ByteView shown = binary ? hsm::ByteView(digits) : payload;
    if (shown.empty())
        return;
    std::cout.flush();
    write_out(shown);
    if (shown.back() != std::byte{'\n'})
        std::cout << '\n' << std::flush;
}

} // namespace k7::tool
