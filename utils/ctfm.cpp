// SPDX-License-Identifier: GPL-2.0-or-later
//
// ctfm: list, show, load and delete FMs, activate the SMFS, explain faults, show the log.
#include <algorithm>
#include <iostream>
#include <vector>

#include <nlohmann/json.hpp>

#include "hsm/card.hpp"
#include "hsm/fm_image.hpp"
#include "utils/common/audit.hpp"
#include "utils/common/command_table.hpp"
#include "utils/common/confirm.hpp"
#include "utils/common/describe.hpp"
#include "utils/common/fault_text.hpp"
#include "utils/common/files.hpp"
#include "utils/common/fm_view.hpp"
#include "utils/common/image_cache.hpp"
#include "utils/common/password.hpp"
#include "utils/common/progress.hpp"
#include "utils/common/tool.hpp"

namespace {

using k7::tool::card_text;
using k7::tool::CommandLine;
using k7::tool::Json;
using k7::tool::to_json;
using k7::tool::Tool;

constexpr mode_t kCoreMode = 0600; // an FM's memory may be secret

struct Options {
    std::string card;
    std::string image;
    std::string certificate;
    std::string label;
    std::string fm;
    std::string elf;
    std::string core;
    std::string password_file;
    std::uint32_t sequence = 0;
    bool allow_downgrade = false;
    bool yes = false;
};

/// What every command needs; the card is opened when the command runs.
struct Context {
    const Tool &tool;
    const Options &options;
    hsm::Card &card;
};

int list(const Context &context) {
    const Tool &tool = context.tool;
    const hsm::Identity identity = context.card.identity();
    const std::vector<hsm::FmInfo> fms = context.card.fms();
    const hsm::CardStatus status = context.card.status();
    const hsm::SmfsInfo smfs = context.card.smfs_info();
    tool.line("Card:            " + context.card.name());
    tool.line("Serial:          " + identity.esn);
    tool.line("Model:           " + identity.model);
    tool.line(std::string("SMFS:            ") + (smfs.active ? "Activated" : "Not activated"));
    tool.line(k7::tool::fm_capacity_text(identity, status));
    Json list = Json::array();
    for (const hsm::FmInfo &fm : fms) {
        tool.line(k7::tool::fm_text(fm));
        list.push_back(to_json(fm));
    }
    Json result = {{"card", context.card.name()},
                   {"esn", identity.esn},
                   {"model", identity.model},
                   {"smfs_active", smfs.active},
                   {"fms", list}};
    result.update(k7::tool::fm_capacity_json(identity, status));
    tool.result(result);
    return k7::tool::kExitDone;
}

int show(const Context &context) {
    const k7::tool::FmView view = k7::tool::view_fm(context.card, hsm::parse_fm_id(context.options.fm));
    if (!context.tool.json())
        std::cout << k7::tool::fm_view_text(view);
    Json result = {{"card", context.card.name()}};
    result.update(k7::tool::fm_view_json(view));
    context.tool.result(result);
    return k7::tool::kExitDone;
}

/// All lines, or those of one FM: also of one that has been deleted since.
int show_log(const Context &context) {
    const std::string &wanted = context.options.fm;
    const std::optional<hsm::FmId> only = wanted.empty() ? std::nullopt : std::optional(hsm::parse_fm_id(wanted));
    Json lines = Json::array();
    for (const hsm::FmLogLine &line : context.card.fm_log()) {
        if (only && line.id != *only)
            continue;
        context.tool.line(to_string(line.id) + " " + line.text);
        lines.push_back(to_json(line));
    }
    context.tool.result({{"card", context.card.name()}, {"lines", lines}});
    return k7::tool::kExitDone;
}

/// Check what can be checked here, where the messages can be better than the card's.
hsm::FmImage check_image(const Options &options, const hsm::Bytes &image, const hsm::Bytes &certificate) {
    if (options.certificate.empty())
        return hsm::parse_fm_image(image);
    return hsm::verify_fm_image(image, certificate);
}

int load(const Context &context) {
    const Options &options = context.options;
    const hsm::Bytes image = k7::tool::read_file(options.image, "the FM image");
    hsm::Bytes certificate;
    if (!options.certificate.empty())
        certificate = hsm::certificate_der(k7::tool::read_file(options.certificate, "the certificate"));
    const hsm::FmImage parsed = check_image(options, image, certificate);
    context.card.require_firmware("load FM " + to_string(parsed.header.id));
    const std::vector<hsm::FmInfo> before = context.card.fms();
    k7::tool::login(context.tool, context.card, options.password_file);
    hsm::FmInfo fm;
    {
        k7::tool::Progress progress(context.tool, "loading " + parsed.header.product);
        fm = context.card.load_fm({image, certificate, options.label, options.allow_downgrade},
                                  [&](std::size_t done, std::size_t total) { progress.update(done, total); });
    }
    const std::string cached = k7::tool::cache_image(fm.fingerprint, image);
    context.tool.detail(cached.empty() ? "no copy of the image was kept for `ctfm faults`" : "copy kept in " + cached);
    k7::tool::audit(context.tool.name(), context.card.info().esn, "load-fm-" + to_string(fm.id), "done");
    const auto old = std::ranges::find(before, fm.id, &hsm::FmInfo::id);
    context.tool.line("FM " + to_string(fm.id) + " (" + fm.product + " " + hsm::fm_version_text(fm.version) +
                      ") was loaded successfully." +
                      (old == before.end() ? "" : " It replaces version " + hsm::fm_version_text(old->version) + "."));
    context.tool.line("Restart the card to activate it: k7reset " + context.card.name());
    context.tool.result({{"card", context.card.name()},
                         {"fm", to_json(fm)},
                         {"replaced", old != before.end()},
                         {"restart_needed", true}});
    return k7::tool::kExitDone;
}

int delete_fm(const Context &context) {
    const Tool &tool = context.tool;
    const hsm::FmId id = hsm::parse_fm_id(context.options.fm);
    context.card.require_firmware("delete FM " + to_string(id));
    const std::vector<hsm::FmInfo> fms = context.card.fms();
    const auto fm = std::ranges::find(fms, id, &hsm::FmInfo::id);
    if (fm == fms.end())
        throw hsm::Error(hsm::ErrorKind::not_found, "cannot delete FM " + to_string(id) + ": it is not on the card",
                         "`ctfm list` shows the FMs on the card")
            .with_object(to_string(id));
    const hsm::Identity identity = context.card.identity();
    const std::string text = card_text(context.card, identity, context.card.status()) + "Will be lost:\n  FM " +
                             to_string(id) + " (" + fm->product + " " + hsm::fm_version_text(fm->version) + ")\n";
    if (!context.options.yes)
        k7::tool::confirm_yes(text, "Delete?");
    k7::tool::login(tool, context.card, context.options.password_file);
    context.card.delete_fm(id);
    const std::vector<hsm::FmInfo> after = context.card.fms();
    const bool gone = std::ranges::find(after, id, &hsm::FmInfo::id) == after.end();
    k7::tool::audit(tool.name(), identity.esn, "delete-fm-" + to_string(id), gone ? "verified" : "failed");
    if (!gone)
        throw hsm::Error(hsm::ErrorKind::failed, "not verified: the card still lists FM " + to_string(id));
    tool.line("FM " + to_string(id) + " (" + fm->product + ") was deleted; verified.");
    tool.result({{"card", context.card.name()}, {"deleted", to_json(*fm)}, {"verified", true}});
    return k7::tool::kExitDone;
}

int activate(const Context &context) {
    k7::tool::login(context.tool, context.card, context.options.password_file);
    context.card.activate_smfs();
    const hsm::SmfsInfo smfs = context.card.smfs_info();
    if (!smfs.active)
        throw hsm::Error(hsm::ErrorKind::failed, "the SMFS did not become active");
    context.tool.line("SMFS activated.");
    context.tool.result({{"card", context.card.name()}, {"smfs_active", true}});
    return k7::tool::kExitDone;
}

/// Save what the card kept of the FM's memory. @return bytes of the file
std::size_t save_core(const Context &context, const hsm::FaultReport &report) {
    const std::optional<hsm::FaultCore> core = context.card.fault_core(report.sequence);
    if (!core)
        throw hsm::Error(hsm::ErrorKind::not_found,
                         "the card keeps no core of fault " + std::to_string(report.sequence),
                         "only the last faults of FMs have one, until FMs or the SMFS are erased");
    const hsm::SecureBytes file = hsm::core_file(report, *core);
    k7::tool::write_file(context.options.core, file, kCoreMode);
    return file.size();
}

int faults(const Context &context) {
    k7::tool::check_output(context.options.core, {context.options.elf});
    const std::optional<hsm::FaultReport> report = context.card.fault_report(context.options.sequence);
    if (!report) {
        if (context.options.sequence != 0)
            throw hsm::Error(hsm::ErrorKind::not_found,
                             "the card keeps no fault report " + std::to_string(context.options.sequence));
        context.tool.line("The card has no fault report.");
        context.tool.result({{"card", context.card.name()}, {"fault", nullptr}});
        return k7::tool::kExitDone;
    }
    const k7::tool::FaultSymbols symbols = context.options.elf.empty()
                                               ? k7::tool::FaultSymbols::from_cache(*report)
                                               : k7::tool::FaultSymbols::from_file(*report, context.options.elf);
    if (!symbols.note().empty())
        context.tool.note(symbols.note());
    Json result = {{"card", context.card.name()}, {"fault", k7::tool::fault_json(*report, symbols)}};
    const std::string &core = context.options.core;
    if (!core.empty())
        result["core"] = {{"file", core}, {"size", save_core(context, *report)}};
    if (!context.tool.json())
        std::cout << k7::tool::fault_text(*report, symbols);
    if (!core.empty())
        context.tool.line("Core file:       " + core + ", for `gdb-multiarch FM.elf " + core + "`");
    context.tool.result(result);
    return k7::tool::kExitDone;
}

/// A command and its one-letter form. The table is the only list of commands.
struct Command {
    const char *name;
    const char *letter;
    const char *description;
    int (*function)(const Context &context);
    void (*declare)(CommandLine &line, Options &options);
};

void declare_nothing(CommandLine & /*line*/, Options & /*options*/) {}

void declare_activate(CommandLine &line, Options &options) {
    line.add_password_option(options.password_file);
}

void declare_load(CommandLine &line, Options &options) {
    line.add("-f,--file,--fm-file", options.image, "FM image made by mkfm", "FM").required();
    line.add("-c,--cert,--fm-cert-file", options.certificate,
             "Certificate of its signer, PEM or DER; the card stores it", "FILE");
    line.add("-l,--label", options.label,
             "Without -c: label of a certificate that the card has stored. With -c: label to store it under", "LABEL");
    line.add_flag("--allow-downgrade", options.allow_downgrade, "Replace an FM of a higher version, too");
    line.add_password_option(options.password_file);
}

void declare_show(CommandLine &line, Options &options) {
    line.add("ID", options.fm, "FM ID in hexadecimal").required();
}

void declare_log(CommandLine &line, Options &options) {
    line.add("--fm", options.fm, "Only the lines of the FM with this ID", "ID");
}

void declare_delete(CommandLine &line, Options &options) {
    line.add("ID", options.fm, "FM ID in hexadecimal").required();
    line.add_password_option(options.password_file);
    line.add_yes_option(options.yes);
}

void declare_faults(CommandLine &line, Options &options) {
    line.add("--elf", options.elf, "ELF file or image of the FM, for its symbols (default: the copy kept by load)",
             "FILE");
    line.add("--core", options.core,
             "Save the FM's memory and registers as a core file for gdb-multiarch (mode 0600: may hold secrets)",
             "FILE");
    line.add("--sequence", options.sequence, "Number of an older fault report (default: the last)", "N");
}

constexpr Command kCommands[] = {
    {"list", "q", "List the FMs on the card", list, declare_nothing},
    {"show", "s", "Show everything about one FM", show, declare_show},
    {"load", "i", "Load a signed FM; it runs after a restart", load, declare_load},
    {"delete", "d", "Delete one FM", delete_fm, declare_delete},
    {"activate", "a", "Activate the SMFS", activate, declare_activate},
    {"faults", "", "Explain what halted the card", faults, declare_faults},
    {"log", "", "Show what FMs have logged since power on", show_log, declare_log},
};

void declare(Tool &tool, Options &options) {
    CommandLine &line = tool.command_line();
    line.add_card_option(options.card);
    for (const Command &command : kCommands) {
        CommandLine subcommand = line.add_subcommand(command.name, command.description, command.letter);
        command.declare(subcommand, options);
    }
    line.require_subcommands(1, 1);
}

int work(Tool &tool, const Options &options) {
    const Command &given = k7::tool::given_command(
        kCommands, [&](const Command &command) { return tool.command_line().has(command.name); });
    hsm::Card card = hsm::Card::open(k7::tool::chosen_card(options.card));
    return given.function({tool, options, card});
}

} // namespace

int main(int argc, char **argv) {
    Tool tool("ctfm", "List, load and delete the FMs of a card.");
    Options options;
    declare(tool, options);
    return tool.run(argc, argv, [&] { return work(tool, options); });
}
