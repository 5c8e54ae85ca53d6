// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/fm_view.hpp"

#include <algorithm>
#include <iterator>

#include <nlohmann/json.hpp>

#include "hsm/error.hpp"
#include "utils/common/describe.hpp"

namespace k7::tool {
namespace {

constexpr std::size_t kColumn = 17;
constexpr std::uint32_t kReportsMax = 64; ///< looked through for the last fault; a card keeps fewer

std::string row(std::string label, const std::string &value) {
    label += ':';
    label.resize(std::max(label.size() + 1, kColumn), ' ');
    return label + value + "\n";
}

std::string of_limit(std::uint64_t value, std::uint64_t limit) {
    return std::to_string(value) + " of " + std::to_string(limit);
}

/// Reports are numbered without gaps and only the last ones are kept: go back to the first that is there no more.
std::optional<hsm::FaultReport> last_fault(const hsm::Card &card, hsm::FmId id) {
    std::optional<hsm::FaultReport> report = card.fault_report();
    for (std::uint32_t seen = 1; report && report->fm_id != id; ++seen) {
        if (report->sequence <= 1 || seen == kReportsMax)
            return std::nullopt;
        report = card.fault_report(report->sequence - 1);
    }
    return report;
}

hsm::FmInfo find_fm(const std::vector<hsm::FmInfo> &fms, hsm::FmId id) {
    const auto fm = std::ranges::find(fms, id, &hsm::FmInfo::id);
    if (fm == fms.end())
        throw hsm::Error(hsm::ErrorKind::not_found, "cannot show FM " + to_string(id) + ": it is not on the card",
                         "`ctfm list` shows the FMs on the card")
            .with_object(to_string(id));
    return *fm;
}

} // namespace

std::string fm_text(const hsm::FmInfo &fm) {
    return row("FM ID", to_string(fm.id)) +                     //
           row("Label", fm.product) +                           //
           row("Version", hsm::fm_version_text(fm.version)) +   //
           row("Manufacturer", fm.manufacturer) +               //
           row("Build Time", time_text(fm.build_time)) +        //
           row("Fingerprint", to_string(fm.fingerprint)) +      //
           row("ROM size", std::to_string(fm.image_size)) +     //
           row("Memory size", std::to_string(fm.memory_size)) + //
           row("Certificate", fm.certificate) +                 //
           row("Status", to_string(fm.status)) +                //
           row("Startup Status", startup_text(fm));
}

std::string fm_capacity_text(const hsm::Identity &identity, const hsm::CardStatus &status) {
    return row("FMs", of_limit(status.fm_count, identity.fm_capacity)) +
           row("ROM in use",
               std::to_string(status.fm_bytes) + ", at most " + std::to_string(identity.fm_image_max) + " for one FM") +
           row("Memory", "at most " + std::to_string(identity.fm_memory_max) + " for one FM");
}

Json fm_capacity_json(const hsm::Identity &identity, const hsm::CardStatus &status) {
    return {{"fm_count", status.fm_count},
            {"fm_capacity", identity.fm_capacity},
            {"fm_bytes", status.fm_bytes},
            {"fm_image_max", identity.fm_image_max},
            {"fm_memory_max", identity.fm_memory_max}};
}

FmView view_fm(const hsm::Card &card, hsm::FmId id) {
    FmView view{find_fm(card.fms(), id), card.identity(), {}, last_fault(card, id), {}};
    const std::vector<hsm::CertificateInfo> certificates = card.certificates();
    const auto certificate = std::ranges::find(certificates, view.fm.certificate, &hsm::CertificateInfo::label);
    if (certificate != certificates.end())
        view.certificate = *certificate;
    std::ranges::copy_if(card.fm_log(), std::back_inserter(view.log),
                         [id](const hsm::FmLogLine &line) { return line.id == id; });
    return view;
}

std::string fm_view_text(const FmView &view) {
    const hsm::FmInfo &fm = view.fm;
    std::string text = fm_text(fm) +                                                            //
                       row("Serial", std::to_string(fm.serial)) +                               //
                       row("Load Time", time_text(fm.load_time)) +                              //
                       row("ROM quota", of_limit(fm.image_size, view.card.fm_image_max)) +      //
                       row("Memory quota", of_limit(fm.memory_size, view.card.fm_memory_max)) + //
                       row("SMFS", std::to_string(fm.smfs_used) + " bytes in " + std::to_string(fm.smfs_nodes) +
                                       " files and directories of its own") +
                       row("Calls", std::to_string(fm.calls) + " since it was started");
    if (view.certificate)
        text +=
            row("Signer", view.certificate->subject) + row("Signer's print", to_string(view.certificate->fingerprint));
    text += row("Last fault", !view.fault ? "none is kept"
                                          : to_string(*view.fault) + " (`ctfm faults --sequence " +
                                                std::to_string(view.fault->sequence) + "`)");
    text += row("Log", std::to_string(view.log.size()) + (view.log.size() == 1 ? " line" : " lines"));
    for (const hsm::FmLogLine &line : view.log)
        text += "  " + line.text + "\n";
    return text;
}

Json fm_view_json(const FmView &view) {
    Json log = Json::array();
    for (const hsm::FmLogLine &line : view.log)
        log.push_back(line.text);
    Json certificate;
    if (view.certificate)
        certificate = {{"label", view.certificate->label},
                       {"subject", view.certificate->subject},
                       {"fingerprint", to_string(view.certificate->fingerprint)}};
    return {{"fm", to_json(view.fm)},
            {"fm_image_max", view.card.fm_image_max},
            {"fm_memory_max", view.card.fm_memory_max},
            {"certificate", certificate},
            {"last_fault", view.fault ? to_json(*view.fault) : Json()},
            {"log", log}};
}

} // namespace k7::tool
