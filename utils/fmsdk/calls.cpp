// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/fmsdk/calls.hpp"

#include "utils/common/files.hpp"
#include "utils/common/payload.hpp"

namespace k7::fmsdk {

void declare_calls(tool::CommandLine &line, Options &options) {
    line.add("FM", options.fm, "ELF file, or image made by mkfm; its signature is not looked at").required();
    line.add_repeated("--text", options.texts, "Request as text; may be repeated", "T");
    line.add_repeated("--hex", options.hexes, "Request in hexadecimal; may be repeated", "H");
    line.add_repeated("--file", options.files, "File with a request, the way for secrets; may be repeated", "FILE");
}

hsm::Bytes elf_of(const Options &options) {
    return hsm::fm_elf_of(tool::read_file(options.fm, "the FM"));
}

std::vector<hsm::SecureBytes> requests_of(const Options &options) {
    std::vector<hsm::SecureBytes> requests;
    for (const std::string &text : options.texts) {
        const hsm::ByteView bytes = hsm::as_bytes(text);
        requests.emplace_back(bytes.begin(), bytes.end());
    }
    for (const std::string &hex : options.hexes)
        requests.push_back(tool::from_hex(hex));
    for (const std::string &file : options.files)
        requests.push_back(tool::read_secret(file, "the request"));
    return requests;
}

void call_all(const tool::Tool &tool, const std::vector<hsm::SecureBytes> &requests, unsigned rounds,
              hsm::ThrowawayCard &card) {
    std::size_t number = 0;
    for (unsigned round = 0; round < rounds; ++round)
        for (const hsm::SecureBytes &request : requests) {
            const hsm::FmReply reply = card.call(request);
            tool.note("call " + std::to_string(++number) + ": status " + std::to_string(reply.status) + ", " +
                      std::to_string(reply.payload.size()) + " bytes of reply");
        }
}

} // namespace k7::fmsdk
