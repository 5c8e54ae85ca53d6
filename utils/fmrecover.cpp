// SPDX-License-Identifier: GPL-2.0-or-later
//
// fmrecover: the last resort for a card that an FM keeps halting. Erases all FMs, or the SMFS, or both, through the
// boot loader, restarts the card and says "verified" only after it has looked.
#include <nlohmann/json.hpp>

#include "hsm/card.hpp"
#include "utils/common/audit.hpp"
#include "utils/common/confirm.hpp"
#include "utils/common/describe.hpp"
#include "utils/common/openers.hpp"
#include "utils/common/progress.hpp"
#include "utils/common/tool.hpp"

namespace {

using k7::tool::card_text;
using k7::tool::CommandLine;
using k7::tool::Json;
using k7::tool::to_json;
using k7::tool::Tool;

struct Options {
    std::string card;
    bool fm = false;
    bool smfs = false;
    bool yes = false;
    bool dry_run = false;
};

void declare(Tool &tool, Options &options) {
    CommandLine &line = tool.command_line();
    line.add_card_argument(options.card);
    line.add_flag("--fm", options.fm, "Erase all FMs. The SMFS stays");
    line.add_flag("--smfs", options.smfs, "Erase the SMFS with all keys and objects in it. FMs stay");
    line.add_yes_option(options.yes);
    line.add_flag("--dry-run", options.dry_run, "Show the card and what would be lost, and change nothing");
}

std::string counted(std::uint64_t count, const std::string &one, const std::string &many = {}) {
    return std::to_string(count) + " " + (count == 1 ? one : (many.empty() ? one + "s" : many));
}

std::string loss_text(const Options &options, const hsm::CardStatus &status) {
    std::string text;
    if (options.fm)
        text += "  all FMs: " + counted(status.fm_count, "FM") + ", " + counted(status.fm_bytes, "byte") + "\n";
    if (options.smfs)
        text += "  the whole SMFS: " + counted(status.smfs_files, "file") + " in " +
                counted(status.smfs_directories, "directory", "directories") + ", " +
                counted(status.smfs_used, "byte") + ". Keys in it are gone for good\n";
    return text;
}

/// Who else works with the card: their requests end with an error. Not a reason to refuse, since what hangs on a dead
/// card holds it open.
std::string openers_text(const hsm::Card &card) {
    std::string text;
    for (const std::string &opener : k7::tool::openers(card.name()))
        text += (text.empty() ? "Open in: " : ", ") + opener;
    return text.empty() ? text : text + ". Their requests will end with an error.\n";
}

std::string action_text(const Options &options) {
    return options.fm && options.smfs ? "erase-fm+smfs" : (options.fm ? "erase-fm" : "erase-smfs");
}

void confirm(const Options &options, const std::string &text, const hsm::Identity &identity) {
    if (options.yes)
        return;
    if (options.smfs)
        k7::tool::confirm_typed(text, "Type the card's ESN to erase", identity.esn);
    else
        k7::tool::confirm_yes(text, "Erase?");
}

/// What is left that should not be, as far as the boot loader can tell; empty: nothing.
std::string leftovers(const Options &options, const hsm::CardStatus &before, const hsm::CardStatus &after) {
    if (options.fm && (after.fm_count != 0 || after.fm_bytes != 0))
        return counted(after.fm_count, "FM") + " left on the card";
    if (options.smfs && (after.smfs_files != 0 || after.smfs_directories != 0 || after.smfs_used != 0))
        return counted(after.smfs_files, "file") + " left in the SMFS";
    if (options.smfs && after.smfs_generation == before.smfs_generation)
        return "the SMFS still has its old key";
    return {};
}

/// The same from the firmware's side, once it runs. @return what is wrong, empty: nothing
std::string firmware_leftovers(const Options &options, const hsm::Card &card) {
    if (options.fm && !card.fms().empty())
        return "the firmware still lists FMs";
    if (options.smfs) {
        const hsm::SmfsInfo smfs = card.smfs_info();
        if (smfs.files != 0 || smfs.directories != 0)
            return "the firmware still finds content in the SMFS";
    }
    return {};
}

std::string next_step(const Options &options, const hsm::Card &card, const hsm::CardStatus &after) {
    if (after.reason == hsm::Reason::fm_fault && !options.fm)
        return "an FM halts it: erase all FMs with `fmrecover --fm " + card.name() + "`";
    if (!options.smfs)
        return "if it stays so, erase the SMFS as well: `fmrecover --smfs " + card.name() + "`";
    return "the card needs service";
}

void erase(const Options &options, hsm::Card &card, k7::tool::Progress &progress) {
    if (options.fm) {
        progress.step("erasing all FMs");
        card.erase_fms();
    }
    if (options.smfs) {
        progress.step("erasing the SMFS");
        card.erase_smfs();
    }
    progress.step("restarting the card");
}

/// Erase, restart, verify. @return the card's state afterwards. @throws hsm::Error unless all of it is verified
hsm::CardStatus recover(const Tool &tool, const Options &options, hsm::Card &card, const hsm::CardStatus &before) {
    k7::tool::Progress progress(tool, "recovering");
    erase(options, card, progress);
    const hsm::CardStatus after = card.reset(hsm::ResetKind::firmware);
    progress.step("verifying");
    std::string wrong = leftovers(options, before, after);
    if (!wrong.empty())
        throw hsm::Error(hsm::ErrorKind::failed, "not verified: " + wrong, "run it again");
    if (after.state != hsm::CardState::operational && after.state != hsm::CardState::pre_init)
        throw hsm::Error(hsm::ErrorKind::not_operational, "erased, but the card is not operational: " + card.trouble(),
                         next_step(options, card, after));
    if (after.state == hsm::CardState::operational)
        wrong = firmware_leftovers(options, card);
    if (!wrong.empty())
        throw hsm::Error(hsm::ErrorKind::failed, "not verified: " + wrong, "run it again");
    return after;
}

void say_done(const Tool &tool, const Options &options, const hsm::Card &card, const hsm::CardStatus &before,
              const hsm::CardStatus &after) {
    if (options.fm)
        tool.line("All FMs erased (" + counted(before.fm_count, "FM") + "); verified.");
    if (options.smfs)
        tool.line("SMFS erased (" + counted(before.smfs_files, "file") + "); verified.");
    if (!options.smfs)
        tool.line("The SMFS was not touched (" + counted(after.smfs_files, "file") + ").");
    tool.line("Card " + card.name() + " is " + to_string(after.state) + ".");
}

int work(const Tool &tool, const Options &options) {
    if (!options.fm && !options.smfs)
        throw hsm::Error(hsm::ErrorKind::usage, "say what to erase: --fm, --smfs, or both", "try --fm first");
    hsm::Card card = hsm::Card::open(options.card);
    const hsm::Identity identity = card.identity();
    const hsm::CardStatus before = card.status();
    const std::string others = openers_text(card);
    const std::string text =
        card_text(card, identity, before) + others + "Will be lost:\n" + loss_text(options, before);
    Json result = {{"card", card.name()}, {"identity", to_json(identity)}, {"before", to_json(before)}};
    result["action"] = action_text(options);
    if (options.dry_run) {
        tool.line(text + "Nothing was changed (--dry-run).");
        result["dry_run"] = true;
        tool.result(result);
        return k7::tool::kExitDone;
    }
    confirm(options, text, identity);
    if (options.yes)
        tool.detail(others + "erasing on card " + identity.esn + " (" + card.name() + ")");
    try {
        const hsm::CardStatus after = recover(tool, options, card, before);
        k7::tool::audit(tool.name(), identity.esn, action_text(options), "verified");
        say_done(tool, options, card, before, after);
        result["after"] = to_json(after);
        result["verified"] = true;
        tool.result(result);
    } catch (const hsm::Error &error) {
        k7::tool::audit(tool.name(), identity.esn, action_text(options), error.message());
        throw;
    }
    return k7::tool::kExitDone;
}

} // namespace

int main(int argc, char **argv) {
    Tool tool("fmrecover", "Recover a card after FM failure: erase all FMs, the SMFS, or both.");
    Options options;
    declare(tool, options);
    return tool.run(argc, argv, [&] { return work(tool, options); });
}
