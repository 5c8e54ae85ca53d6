// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/fmsdk/calls.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <CLI/CLI.hpp>

#include "utils/common/files.hpp"
#include "utils/common/payload.hpp"

namespace k7::fmsdk {
namespace {

/// An option that may be repeated, once for each value; without extra arguments "[1,2]" is a text and no list.
void declare_request(CLI::App &app, const char *name, std::vector<std::string> &to, const char *description,
                     const char *type) {
    app.add_option(name, to, description)
        ->type_name(type)
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

} // namespace

void declare_calls(CLI::App &app, Options &options) {
    app.add_option("FM", options.fm, "ELF file, or image made by mkfm; its signature is not looked at")
        ->required()
        ->type_name("");
    declare_request(app, "--text", options.texts, "Request as text; may be repeated", "T");
    declare_request(app, "--hex", options.hexes, "Request in hexadecimal; may be repeated", "H");
    declare_request(app, "--file", options.files, "File with a request, the way for secrets; may be repeated", "FILE");
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

void call_all(const tool::Tool &tool, const Options &options, tool::ThrowawayCard &card) {
    const std::vector<hsm::SecureBytes> requests = requests_of(options);
    std::size_t number = 0;
    for (unsigned round = 0; round < options.repeat; ++round)
        for (const hsm::SecureBytes &request : requests) {
            const hsm::FmReply reply = card.call(request);
            tool.note("call " + std::to_string(++number) + ": status " + std::to_string(reply.status) + ", " +
                      std::to_string(reply.payload.size()) + " bytes of reply");
        }
}

TemporaryDirectory::TemporaryDirectory() {
    std::string name = "/tmp/fmsdk-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr)
        throw hsm::Error(hsm::ErrorKind::failed, std::string("no temporary directory: ") + std::strerror(errno));
    path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

} // namespace k7::fmsdk
