// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/payload.hpp"

#include <algorithm>
#include <iostream>

#include <nlohmann/json.hpp>
#include <unistd.h>

namespace k7::tool {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

bool is_text(hsm::ByteView bytes) {
    return std::ranges::all_of(hsm::as_text(bytes), [](char c) {
        const auto value = static_cast<unsigned char>(c);
        return (value >= 0x20 && value != 0x7f) || c == '\n' || c == '\t';
    });
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
