// SPDX-License-Identifier: GPL-2.0-or-later
//
// fmsdk run: an FM on a card in this process that exists for this run only. What the card is asked to trust is a
// certificate of the moment, so neither a key nor a signature of the developer takes part.
#include <chrono>
#include <cstring>
#include <ctime>
#include <iostream>

#include "hsm/card.hpp"
#include "hsm/fm_image.hpp"
#include "utils/common/fault_text.hpp"
#include "utils/common/files.hpp"
#include "utils/common/payload.hpp"
#include "utils/fmsdk/subcommand.hpp"

namespace k7::fmsdk {
namespace {

using tool::Json;
using tool::Tool;

constexpr unsigned kDays = 1;

/// An option that may be repeated, once for each value; without extra arguments "[1,2]" is a text and no list.
CLI::Option *add_requests(CLI::App &app, const std::string &name, std::vector<std::string> &values,
                          const std::string &description, const std::string &type) {
    return app.add_option(name, values, description)
        ->type_name(type)
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void declare(CLI::App &app, Options &options) {
    app.add_option("FM", options.fm, "ELF file, or image made by mkfm; its signature is not looked at")
        ->required()
        ->type_name("");
    CLI::Option *const text = add_requests(app, "--text", options.texts, "Request as text; may be repeated", "T");
    CLI::Option *const hex = add_requests(app, "--hex", options.hexes, "Request in hexadecimal; may be repeated", "H");
    CLI::Option *const file = add_requests(app, "--file", options.files,
                                           "File with the request, - is standard input; may be repeated", "FILE");
    text->excludes(hex)->excludes(file);
    hex->excludes(file);
    app.add_option("--timeout", options.timeout_s, "Longest wait for each reply, in seconds (default 30)")
        ->check(CLI::Range(1u, 600u))
        ->type_name("S");
}

/// Without a request the FM is only started.
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

hsm::Bytes elf_of(const std::string &path) {
    const hsm::Bytes file = tool::read_file(path, "the FM");
    const bool is_elf = file.size() >= 4 && std::memcmp(file.data(), "\177ELF", 4) == 0;
    return is_elf ? file : hsm::parse_fm_image(file).elf;
}

/// The log lines since @p first go to standard error. @return the number of the next one
std::uint32_t print_log(const hsm::Card &card, std::uint32_t first) {
    for (;;) {
        const hsm::FmLogPage page = card.fm_log_page(first);
        for (const hsm::FmLogLine &line : page.lines)
            std::cerr << hsm::to_string(line.id) << ' ' << line.text << '\n';
        if (page.next_line == first)
            return first;
        first = page.next_line;
    }
}

void load(hsm::Card &card, const hsm::Bytes &elf) {
    const auto identity = hsm::make_signing_identity(hsm::KeyType::ec_p256, "fmsdk run", kDays);
    const auto now = static_cast<std::uint64_t>(std::time(nullptr));
    const hsm::Bytes image = hsm::build_fm_image(elf, identity.key_pem, identity.certificate_pem, now);
    card.load_fm({image, hsm::certificate_der(identity.certificate_pem), {}});
    card.reset(hsm::ResetKind::function);
}

/// The FM has halted the card: its last lines, and what `ctfm faults` would say.
/// @param line number of the first line that was not printed
int explain_fault(const Tool &tool, hsm::Card &card, const std::string &fm, std::uint32_t line) {
    const auto report = card.fault_report();
    if (!report)
        throw hsm::Error(hsm::ErrorKind::not_operational, "the card does not run and has no fault report");
    card.erase_fms(); // or the firmware, which is asked for the log, would halt again
    card.reset(hsm::ResetKind::firmware);
    print_log(card, line);
    const tool::FaultSymbols symbols = tool::FaultSymbols::from_file(*report, fm);
    if (!tool.json())
        std::cout << tool::fault_text(*report, symbols);
    tool.result({{"fault", tool::fault_json(*report, symbols)}});
    return tool::kExitNotOperational;
}

bool halted(const hsm::Card &card) {
    return card.status().state == hsm::CardState::halted;
}

void require_started(const hsm::Card &card) {
    const hsm::FmInfo fm = card.fms().at(0);
    if (fm.startup_value != 0)
        throw hsm::Error(hsm::ErrorKind::failed,
                         "the FM's start-up function returned " + std::to_string(fm.startup_value),
                         "Startup() returns FM_OK when all is well");
}

Json reply_json(const hsm::FmReply &reply) {
    const hsm::SecureBytes hex = tool::to_hex(reply.payload);
    return {{"fm_status", reply.status},
            {"reply_size", reply.payload.size()},
            {"reply_hex", std::string(hsm::as_text(hex))}};
}

int call_all(const Tool &tool, hsm::Card &card, const Options &options, const std::vector<hsm::SecureBytes> &requests,
             std::uint32_t &line) {
    const hsm::FmId id = card.fms().at(0).id;
    int code = tool::kExitDone;
    Json replies = Json::array();
    for (const hsm::SecureBytes &request : requests) {
        const hsm::FmReply reply = card.call_fm(id, request, std::chrono::seconds(options.timeout_s));
        line = print_log(card, line);
        if (!tool.json())
            tool::print_payload(tool, reply.payload, false);
        replies.push_back(reply_json(reply));
        if (reply.status == 0)
            continue;
        std::cerr << tool.name() << ": the FM answered with status " << reply.status << '\n';
        code = tool::kExitFailed;
    }
    tool.result({{"id", to_string(id)}, {"replies", replies}});
    return code;
}

int work(const Tool &tool, const Options &options) {
    const std::vector<hsm::SecureBytes> requests = requests_of(options);
    const hsm::Bytes elf = elf_of(options.fm);
    hsm::Card card = hsm::Card::open("sim:");
    load(card, elf);
    if (halted(card))
        return explain_fault(tool, card, options.fm, 0);
    std::uint32_t line = print_log(card, 0);
    require_started(card);
    try {
        return call_all(tool, card, options, requests, line);
    } catch (const hsm::Error &) {
        if (!halted(card))
            throw;
    }
    return explain_fault(tool, card, options.fm, line);
}

} // namespace

constexpr Subcommand kRun{"run", "Run an FM on a card in this process and call it", declare, work};

} // namespace k7::fmsdk
