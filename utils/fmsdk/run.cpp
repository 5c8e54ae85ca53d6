// SPDX-License-Identifier: GPL-2.0-or-later
//
// fmsdk run: an FM on a card in this process that exists for this run only. What the card is asked to trust is a
// certificate of the moment, so neither a key nor a signature of the developer takes part.
#include <chrono>
#include <iostream>

#include <nlohmann/json.hpp>

#include "utils/common/fault_text.hpp"
#include "utils/common/payload.hpp"
#include "utils/fmsdk/calls.hpp"

namespace k7::fmsdk {
namespace {

using tool::Json;
using tool::Tool;

void declare(tool::CommandLine &line, Options &options) {
    declare_calls(line, options);
    // Replies come in the order of the requests, which would not be that of the command line with several kinds.
    const tool::Option hex = line.option("--hex");
    line.option("--text").excludes(hex);
    line.option("--file").excludes(hex).excludes(line.option("--text"));
    line.add("--timeout", options.timeout_s, "Longest wait for each reply, in seconds (default 30)", "S", {1, 600});
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

/// @param line number of the first log line that was not printed yet
int call_and_print(const Tool &tool, const Options &options, hsm::ThrowawayCard &card,
                   const std::vector<hsm::SecureBytes> &requests, std::uint32_t &line) {
    int code = tool::kExitDone;
    Json replies = Json::array();
    for (const hsm::SecureBytes &request : requests) {
        const hsm::FmReply reply = card.call(request, std::chrono::seconds(options.timeout_s));
        line = print_log(card.card(), line);
        if (!tool.json())
            tool::print_payload(tool, reply.payload, false);
        replies.push_back(tool::reply_json(reply));
        if (reply.status == 0)
            continue;
        std::cerr << tool.name() << ": the FM answered with status " << reply.status << '\n';
        code = tool::kExitFailed;
    }
    tool.result({{"id", to_string(card.fm_id())}, {"replies", replies}});
    return code;
}

/// Without a request the FM is only started.
int work(const Tool &tool, const Options &options) {
    const std::vector<hsm::SecureBytes> requests = requests_of(options);
    hsm::ThrowawayCard card(elf_of(options), "");
    std::uint32_t line = 0;
    try {
        card.start();
        line = print_log(card.card(), 0);
        require_started(card.card());
        return call_and_print(tool, options, card, requests, line);
    } catch (const hsm::Error &) {
        if (!halted(card.card()))
            throw;
    }
    return explain_fault(tool, card.card(), options.fm, line);
}

} // namespace

constexpr Subcommand kRun{"run", "Run an FM on a card in this process and call it", declare, work};

} // namespace k7::fmsdk
