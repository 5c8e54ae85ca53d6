// SPDX-License-Identifier: GPL-2.0-or-later
//
// fmcall: send a request to an FM, print or save its reply.
#include <chrono>
#include <iostream>

#include <nlohmann/json.hpp>

#include "hsm/card.hpp"
#include "utils/common/files.hpp"
#include "utils/common/payload.hpp"
#include "utils/common/tool.hpp"

namespace {

using k7::tool::CommandLine;
using k7::tool::Json;
using k7::tool::Option;
using k7::tool::Tool;

constexpr mode_t kReplyMode = 0600; // a reply may be secret

struct Options {
    std::string card;
    std::string fm;
    std::string text;
    std::string in;
    std::string out;
    bool hex = false;
    unsigned timeout_s = 0;
};

void declare(Tool &tool, Options &options) {
    CommandLine &line = tool.command_line();
    line.add_card_option(options.card);
    line.add("ID", options.fm, "FM ID in hexadecimal, as `ctfm list` shows it").required();
    const Option text = line.add(
        "REQUEST,--text", options.text,
        "Request as text; - reads it from standard input. Others can see a text in the process list: not for secrets");
    line.add("--in", options.in, "File with the request; - is standard input. The way for secrets", "FILE")
        .excludes(text);
    line.add("--out", options.out, "Save the reply as it is to FILE (mode 0600); - is standard output", "FILE");
    line.add_flag("--hex", options.hex, "Print the reply in hexadecimal; without it only what is no text is");
    line.add("--timeout", options.timeout_s, "Longest wait for the reply, in seconds (default: the driver's)", "S",
             {1, 600});
}

hsm::SecureBytes read_request(const Options &options) {
    const std::string &source = options.text == "-" ? options.text : options.in;
    if (!source.empty())
        return k7::tool::read_secret(source, "the request");
    const hsm::ByteView text = hsm::as_bytes(options.text);
    return {text.begin(), text.end()};
}

bool replies_to_standard_output(const Tool &tool, const Options &options) {
    return options.out == "-" && !tool.json();
}

void give_reply(const Tool &tool, const Options &options, const hsm::FmReply &reply) {
    if (replies_to_standard_output(tool, options))
        k7::tool::write_out(reply.payload);
    else if (!options.out.empty())
        k7::tool::write_file(options.out, reply.payload, kReplyMode);
    else if (!tool.json())
        k7::tool::print_payload(tool, reply.payload, options.hex);
    if (options.out.empty())
        tool.result(k7::tool::reply_json(reply));
    else
        tool.result({{"fm_status", reply.status}, {"reply_size", reply.payload.size()}, {"reply_file", options.out}});
}

int work(const Tool &tool, const Options &options) {
    const hsm::FmId id = hsm::parse_fm_id(options.fm);
    if (!replies_to_standard_output(tool, options))
        k7::tool::check_output(options.out, {options.in});
    const hsm::SecureBytes request = read_request(options);
    hsm::Card card = hsm::Card::open(k7::tool::chosen_card(options.card));
    const hsm::FmReply reply = card.call_fm(id, request, std::chrono::seconds(options.timeout_s));
    give_reply(tool, options, reply);
    if (reply.status == 0)
        return k7::tool::kExitDone;
    std::cerr << tool.name() << ": FM " << to_string(id) << " answered with status " << reply.status << '\n';
    return k7::tool::kExitFailed;
}

} // namespace

int main(int argc, char **argv) {
    Tool tool("fmcall", "Send a request to an FM and print or save its reply.");
    Options options;
    declare(tool, options);
    return tool.run(argc, argv, [&] { return work(tool, options); });
}
