// SPDX-License-Identifier: GPL-2.0-or-later
//
// fmsdk new: a project that plain make builds, from the templates in the SDK.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include <nlohmann/json.hpp>

#include "hsm/types.hpp"
#include "k7/fm_abi.h"
#include "utils/common/files.hpp"
#include "utils/fmsdk/subcommand.hpp"

namespace k7::fmsdk {
namespace {

namespace fs = std::filesystem;
using Values = std::map<std::string, std::string>;

constexpr std::size_t kNameMax = 16; ///< of a product in the FM header
constexpr mode_t kFileMode = 0644;

void declare(tool::CommandLine &line, Options &options) {
    line.add("NAME", options.name, "Name of the FM, and of the directory that is made for it").required();
    line.add("--id", options.id, "FM ID in hexadecimal, a000 to afff (default: made from the name)", "ID");
    line.add_flag("--cpp", options.cpp, "Begin in C++20 instead of C");
}

void check_name(const std::string &name) {
    const bool good = std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    if (!good || name.empty() || name.size() > kNameMax || name.front() == '-')
        throw hsm::Error(hsm::ErrorKind::usage, "'" + name + "' is no name for an FM",
                         "use 1 to 16 letters, digits, '-' and '_'")
            .with_object(name);
}

/// FNV-1a: the same name gives the same ID on every machine, and two names of one person rarely share one.
hsm::FmId id_of(const std::string &name) {
    std::uint32_t hash = 2166136261u;
    for (const char c : name)
        hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    constexpr std::uint32_t kFirst = 0xa100; // below are the samples and the FMs of the tests
    return {kFirst + hash % (K7_FM_ID_MAX - kFirst + 1)};
}

/// Replace every @KEY@.
std::string fill(std::string text, const Values &values) {
    for (const auto &[key, value] : values) {
        const std::string mark = "@" + key + "@";
        for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size()))
            text.replace(at, mark.size(), value);
    }
    return text;
}

void make_file(const std::string &from, const std::string &to, const Values &values) {
    const hsm::Bytes content = tool::read_file(from, "the template");
    tool::write_file(to, hsm::as_bytes(fill(std::string(hsm::as_text(content)), values)), kFileMode);
}

int work(const tool::Tool &tool, const Options &options) {
    check_name(options.name);
    const hsm::FmId id = options.id.empty() ? id_of(options.name) : hsm::parse_fm_id(options.id);
    const std::string sdk = sdk_directory();
    std::error_code error;
    if (!fs::create_directory(options.name, error))
        throw hsm::Error(hsm::ErrorKind::failed,
                         "cannot make the directory " + options.name + ": " + (error ? error.message() : "it exists"),
                         error ? "" : "choose another name")
            .with_object(options.name);
    const std::string source = options.name + (options.cpp ? ".cpp" : ".c");
    const Values values{{"NAME", options.name},
                        {"ID", to_string(id)},
                        {"FMSDK", sdk},
                        {"GREETING", options.cpp ? "hello, visitor 1" : "hello, world"}};
    make_file(sdk + (options.cpp ? "/template/fm.cpp.in" : "/template/fm.c.in"), options.name + "/" + source, values);
    make_file(sdk + "/template/fm-test.cpp.in", options.name + "/" + options.name + "-test.cpp", values);
    make_file(sdk + "/template/Makefile.in", options.name + "/Makefile", values);
    tool.line("Made " + options.name + "/" + source + ", its test and a Makefile, FM ID " + to_string(id));
    tool.line("Build and run it: make -C " + options.name + " run; test it: make -C " + options.name + " test");
    tool.result({{"directory", options.name}, {"source", source}, {"id", to_string(id)}, {"fmsdk", sdk}});
    return tool::kExitDone;
}

} // namespace

constexpr Subcommand kNew{"new", "Make a project for a new FM", declare, work};

std::string sdk_directory() {
    std::vector<fs::path> places;
    std::error_code error;
    if (const char *named = std::getenv("K7_FMSDK"))
        places.emplace_back(named);
    const fs::path programs = fs::read_symlink("/proc/self/exe", error).parent_path();
    for (const char *beside : {"../share/k7hsm/fmsdk", "../../fmsdk", "../../../fmsdk"})
        places.push_back(programs / beside);
    for (const fs::path &place : places)
        if (fs::exists(place / "fm.mk", error))
            return fs::canonical(place, error).string();
    throw hsm::Error(hsm::ErrorKind::not_found, "the FM SDK is neither in $K7_FMSDK nor beside this program",
                     "set K7_FMSDK to the directory that has fm.mk");
}

} // namespace k7::fmsdk
