// SPDX-License-Identifier: GPL-2.0-or-later
//
// fmsdk profile: an FM on a card that counts each instruction (its property `profile`), by function and line.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "hsm/symbols.hpp"
#include "utils/common/files.hpp"
#include "utils/common/fm_profile.hpp"
#include "utils/fmsdk/calls.hpp"

namespace k7::fmsdk {
namespace {

using tool::FunctionProfile;
using tool::Json;
using tool::LineCounts;
using tool::Tool;

constexpr mode_t kPublic = 0644;

/// Where the card writes its counts. Once it has opened the file, that needs a name no longer: then nothing stays
/// behind whatever ends this program.
class CountsFile {
  public:
    CountsFile() {
        if (::mkdtemp(directory_.data()) == nullptr)
            throw error("make");
    }
    CountsFile(const CountsFile &) = delete;
    CountsFile &operator=(const CountsFile &) = delete;
    ~CountsFile() {
        remove_name();
        if (descriptor_ >= 0)
            ::close(descriptor_);
    }
    [[nodiscard]] std::string name() const { return directory_ + "/counts"; }
    void was_opened() {
        descriptor_ = ::open(name().c_str(), O_RDONLY | O_CLOEXEC);
        if (descriptor_ < 0)
            throw error("open");
        remove_name();
    }
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

  private:
    hsm::Error error(const std::string &attempt) const {
        return {hsm::ErrorKind::failed, "cannot " + attempt + " " + directory_ + ": " + std::strerror(errno)};
    }
    void remove_name() const {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    std::string directory_ = std::filesystem::temp_directory_path() / "fmsdk-XXXXXX";
    int descriptor_ = -1;
};

/// @return what ended it early, empty when nothing did: a profile of what ran until then is still of use
std::string run_counted(const Tool &tool, const Options &options, const hsm::Bytes &elf, CountsFile &counts) {
    const std::vector<hsm::SecureBytes> requests = requests_of(options);
    hsm::ThrowawayCard card(elf, "profile=" + counts.name());
    counts.was_opened();
    try {
        card.start();
        call_all(tool, requests, options.repeat, card);
    } catch (const hsm::Error &error) {
        return error.what();
    }
    return {};
}

/// Sources of the SDK are named from it, as fmsdk/src/crt0.c. genhtml opens every file that is named: they get the path
/// that they have here, or are left out where they are not, like headers of the card in an SDK that is installed.
class SourcePaths {
  public:
    /// @return empty when there is no such file
    std::string operator()(const std::string &file) {
        if (!file.starts_with(kPrefix))
            return file;
        const auto [place, is_new] = known_.try_emplace(file);
        if (is_new)
            place->second = find(file.substr(kPrefix.size()));
        return place->second;
    }

  private:
    static std::string find(const std::string &file) {
        std::error_code error;
        const std::filesystem::path sdk = sdk_directory();
        for (const std::filesystem::path &path : {sdk / file, sdk / ".." / file})
            if (std::filesystem::exists(path, error))
                return std::filesystem::canonical(path, error);
        return {};
    }

    static constexpr std::string_view kPrefix = "fmsdk/";
    std::map<std::string, std::string> known_;
};

std::string lcov_of(std::vector<FunctionProfile> functions, const LineCounts &lines) {
    SourcePaths paths;
    LineCounts found;
    for (const auto &[file, counts] : lines)
        if (const std::string path = paths(file); !path.empty())
            found.emplace(path, counts);
    for (FunctionProfile &profile : functions)
        profile.function.file = paths(profile.function.file);
    return tool::lcov_text(functions, found);
}

struct Totals {
    std::uint64_t instructions = 0;
    std::size_t lines = 0;
    std::size_t lines_run = 0;
};

Totals totals_of(const tool::InstructionCounts &counts, const LineCounts &files) {
    Totals totals;
    for (const auto &[address, count] : counts)
        totals.instructions += count;
    for (const auto &[file, lines] : files)
        for (const auto &[line, count] : lines) {
            ++totals.lines;
            totals.lines_run += count != 0;
        }
    return totals;
}

std::string row_of(const FunctionProfile &profile, std::uint64_t total) {
    char numbers[64];
    std::snprintf(numbers, sizeof(numbers), "%14llu %6.2f %12llu  ",
                  static_cast<unsigned long long>(profile.instructions),
                  100.0 * static_cast<double>(profile.instructions) / static_cast<double>(total),
                  static_cast<unsigned long long>(profile.calls));
    const hsm::SourceFunction &function = profile.function;
    return numbers + function.name +
           (function.file.empty() ? "" : " at " + function.file + ":" + std::to_string(function.line));
}

void print(const Tool &tool, const std::vector<FunctionProfile> &functions, const Totals &totals) {
    tool.line("  Instructions      %        Calls  Function");
    for (const FunctionProfile &profile : functions)
        if (profile.instructions != 0)
            tool.line(row_of(profile, totals.instructions));
    tool.line("");
    tool.line(std::to_string(totals.instructions) + " instructions; " + std::to_string(totals.lines_run) + " of " +
              std::to_string(totals.lines) + " lines with code have run");
}

Json functions_json(const std::vector<FunctionProfile> &functions) {
    Json list = Json::array();
    for (const FunctionProfile &profile : functions)
        list.push_back({{"name", profile.function.name},
                        {"file", profile.function.file},
                        {"line", profile.function.line},
                        {"address", profile.function.begin},
                        {"calls", profile.calls},
                        {"instructions", profile.instructions}});
    return list;
}

Json files_json(const LineCounts &files) {
    Json json = Json::object();
    for (const auto &[file, lines] : files)
        for (const auto &[line, count] : lines)
            json[file].push_back({{"line", line}, {"count", count}});
    return json;
}

int profile(const Tool &tool, const Options &options) {
    std::vector<std::string> inputs = options.files;
    inputs.push_back(options.fm);
    tool::check_output(options.lcov, inputs);
    const hsm::Bytes elf = elf_of(options);
    CountsFile file;
    const std::string fault = run_counted(tool, options, elf, file);
    const tool::InstructionCounts counts = tool::read_counts(file.path(), hsm::check_fm_elf(elf).id);
    const hsm::SymbolTable symbols(elf);
    const std::vector<FunctionProfile> functions = tool::function_profiles(symbols, counts);
    const LineCounts lines = tool::line_counts(symbols, counts);
    const Totals totals = totals_of(counts, lines);
    if (!options.lcov.empty())
        tool::write_file(options.lcov, hsm::as_bytes(lcov_of(functions, lines)), kPublic);
    print(tool, functions, totals);
    tool.result({{"instructions", totals.instructions},
                 {"lines", totals.lines},
                 {"lines_run", totals.lines_run},
                 {"functions", functions_json(functions)},
                 {"files", files_json(lines)},
                 {"fault", fault.empty() ? Json(nullptr) : Json(fault)}});
    if (fault.empty())
        return tool::kExitDone;
    std::cerr << tool.name() << ": " << fault << '\n';
    return tool::kExitNotOperational;
}

void declare(tool::CommandLine &line, Options &options) {
    declare_calls(line, options);
    line.add("--repeat", options.repeat, "Do all calls N times (default: 1)", "N", {1, 1000000});
    line.add("--lcov", options.lcov, "Write the counts of functions and lines to a file for genhtml", "FILE");
}

} // namespace

const Subcommand kProfile = {"profile", "Count the instructions of an FM by function and line", declare, profile};

} // namespace k7::fmsdk
