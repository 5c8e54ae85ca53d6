// SPDX-License-Identifier: GPL-2.0-or-later
//
// ctfm: list, load and delete FMs, activate the SMFS, explain faults.
#include <algorithm>
#include <iostream>
#include <vector>

#include "hsm/card.hpp"
#include "hsm/fm_image.hpp"
#include "utils/common/audit.hpp"
#include "utils/common/confirm.hpp"
#include "utils/common/describe.hpp"
#include "utils/common/fault_text.hpp"
#include "utils/common/files.hpp"
#include "utils/common/image_cache.hpp"
#include "utils/common/password.hpp"
#include "utils/common/progress.hpp"
#include "utils/common/tool.hpp"

namespace {

using k7::tool::card_text;
using k7::tool::Json;
using k7::tool::to_json;
using k7::tool::Tool;

struct Options {
    std::string card;
    std::string image;
    std::string certificate;
    std::string label;
    std::string fm;
    std::string elf;
    std::string password_file;
    std::uint32_t sequence = 0;
    bool yes = false;
};

/// What every command needs; the card is opened when the command runs.
struct Context {
    const Tool &tool;
    const Options &options;
    hsm::Card &card;
};

void list_one(const Tool &tool, const hsm::FmInfo &fm) {
    tool.line("FM ID:           " + to_string(fm.id));
    tool.line("Label:           " + fm.product);
    tool.line("Version:         " + hsm::fm_version_text(fm.version));
    tool.line("Manufacturer:    " + fm.manufacturer);
    tool.line("Build Time:      " + k7::tool::time_text(fm.build_time));
    tool.line("Fingerprint:     " + to_string(fm.fingerprint));
    tool.line("ROM size:        " + std::to_string(fm.image_size));
    tool.line("Certificate:     " + fm.certificate);
    tool.line("Status:          " + to_string(fm.status));
    tool.line("Startup Status:  " + startup_text(fm));
    tool.line("");
}

int list(const Context &context) {
    const Tool &tool = context.tool;
    const hsm::Identity identity = context.card.identity();
    const std::vector<hsm::FmInfo> fms = context.card.fms();
    const hsm::SmfsInfo smfs = context.card.smfs_info();
    tool.line("Card:            " + context.card.name());
    tool.line("Serial:          " + identity.esn);
    tool.line("Model:           " + identity.model);
    tool.line(std::string("SMFS:            ") + (smfs.active ? "Activated" : "Not activated"));
    tool.line("FMs:             " + std::to_string(fms.size()));
    tool.line("");
    Json list = Json::array();
    for (const hsm::FmInfo &fm : fms) {
        list_one(tool, fm);
        list.push_back(to_json(fm));
    }
    tool.result({{"card", context.card.name()},
                 {"esn", identity.esn},
                 {"model", identity.model},
                 {"smfs_active", smfs.active},
                 {"fms", list}});
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
        fm = context.card.load_fm({image, certificate, options.label},
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

int faults(const Context &context) {
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
    if (!context.tool.json())
        std::cout << k7::tool::fault_text(*report, symbols);
    context.tool.result({{"card", context.card.name()}, {"fault", k7::tool::fault_json(*report, symbols)}});
    return k7::tool::kExitDone;
}

/// A command and its one-letter form. The table is the only list of commands.
struct Command {
    const char *name;
    const char *letter;
    const char *description;
    int (*function)(const Context &context);
    void (*declare)(CLI::App &app, Options &options);
};

void declare_nothing(CLI::App & /*app*/, Options & /*options*/) {}

void declare_activate(CLI::App &app, Options &options) {
    k7::tool::add_password_option(app, options.password_file);
}

void declare_load(CLI::App &app, Options &options) {
    app.add_option("-f,--file,--fm-file", options.image, "FM image made by mkfm")->required()->type_name("FM");
    CLI::Option *const certificate = app.add_option("-c,--cert,--fm-cert-file", options.certificate,
                                                    "Certificate of its signer, PEM or DER; the card stores it");
    certificate->type_name("FILE");
    app.add_option("-l,--label", options.label,
                   "Without -c: label of a certificate that the card has stored. With -c: label to store it under")
        ->type_name("LABEL");
    k7::tool::add_password_option(app, options.password_file);
}

void declare_delete(CLI::App &app, Options &options) {
    app.add_option("ID", options.fm, "FM ID in hexadecimal")->required()->type_name("");
    k7::tool::add_password_option(app, options.password_file);
    k7::tool::add_yes_option(app, options.yes);
}

void declare_faults(CLI::App &app, Options &options) {
    app.add_option("--elf", options.elf,
                   "ELF file or image of the FM, for its symbols (default: the copy kept by load)")
        ->type_name("FILE");
    app.add_option("--sequence", options.sequence, "Number of an older fault report (default: the last)")
        ->type_name("N");
}

constexpr Command kCommands[] = {
    {"list", "q", "List the FMs on the card", list, declare_nothing},
    {"load", "i", "Load a signed FM; it runs after a restart", load, declare_load},
    {"delete", "d", "Delete one FM", delete_fm, declare_delete},
    {"activate", "a", "Activate the SMFS", activate, declare_activate},
    {"faults", "", "Explain what halted the card", faults, declare_faults},
};

void declare(Tool &tool, Options &options) {
    CLI::App &app = tool.app();
    k7::tool::add_card_option(app, options.card);
    for (const Command &command : kCommands) {
        CLI::App *const subcommand = app.add_subcommand(command.name, command.description);
        if (command.letter[0] != '\0')
            subcommand->alias(command.letter);
        command.declare(*subcommand, options);
    }
    app.require_subcommand(1);
}

int work(Tool &tool, const Options &options) {
    for (const Command &command : kCommands) {
        if (!tool.app().got_subcommand(command.name))
            continue;
        hsm::Card card = hsm::Card::open(k7::tool::chosen_card(options.card));
        return command.function({tool, options, card});
    }
    throw hsm::Error(hsm::ErrorKind::usage, "no command given");
}

} // namespace

int main(int argc, char **argv) {
    Tool tool("ctfm", "List, load and delete the FMs of a card.");
    Options options;
    declare(tool, options);
    return tool.run(argc, argv, [&] { return work(tool, options); });
}
