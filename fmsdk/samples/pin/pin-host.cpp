// SPDX-License-Identifier: Apache-2.0
//
// pin-host CARD set|verify|change|unblock|status: talks to the FM "pin". PINs and codes come from standard input, one a
// line, so that no command line shows them. Exits with the FM's status.
#include <iostream>
#include <string>

#include <hsm/card.hpp>

namespace {

constexpr hsm::FmId kPin{0xa003};

/// Lines that a verb takes.
int lines_of(const std::string &verb) {
    if (verb == "status")
        return 0;
    return verb == "verify" ? 1 : 2;
}

hsm::SecureBytes request_of(const std::string &verb) {
    hsm::SecureBytes request;
    const auto append = [&](std::string_view text) {
        const hsm::ByteView bytes = hsm::as_bytes(text);
        request.insert(request.end(), bytes.begin(), bytes.end());
    };
    append(verb);
    for (int i = 0; i < lines_of(verb); ++i) {
        std::string line;
        if (!std::getline(std::cin, line))
            throw hsm::Error(hsm::ErrorKind::usage,
                             verb + " needs " + std::to_string(lines_of(verb)) + " line(s) on standard input");
        append(" ");
        append(line);
        hsm::wipe(line.data(), line.size());
    }
    return request;
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 3) {
        std::cerr << "usage: pin-host CARD set|verify|change|unblock|status\n";
        return 2;
    }
    try {
        hsm::Card card = hsm::Card::open(argv[1]);
        const hsm::FmReply reply = card.call_fm(kPin, request_of(argv[2]));
        std::cout << hsm::as_text(reply.payload) << '\n';
        return reply.status < 256 ? static_cast<int>(reply.status) : 255;
    } catch (const hsm::Error &error) {
        std::cerr << "pin-host: " << error.what() << '\n';
        return static_cast<int>(error.kind());
    }
}
