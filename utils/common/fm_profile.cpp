// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/fm_profile.hpp"

#include <algorithm>
#include <functional>
#include <sstream>

#include "utils/common/files.hpp"

namespace k7::tool {
namespace {

/// Code without debug information, by the names of its symbols.
void add_others(const hsm::SymbolTable &symbols, const InstructionCounts &rest, std::vector<FunctionProfile> &to) {
    std::map<std::string, FunctionProfile> others;
    for (const auto &[address, count] : rest) {
        const std::vector<hsm::SourceFrame> frames = symbols.frames(address);
        const std::string name = frames.empty() ? "(unknown)" : frames.back().function;
        const auto [place, is_new] = others.try_emplace(name);
        if (is_new)
            place->second = {.function = {.name = name, .file = {}, .begin = address}, .calls = count};
        place->second.instructions += count;
    }
    for (const auto &[name, profile] : others)
        to.push_back(profile);
}

} // namespace

InstructionCounts read_counts(const std::string &path, hsm::FmId fm_id) {
    const hsm::Bytes bytes = read_file(path, "the profile");
    std::istringstream in{std::string(hsm::as_text(bytes))};
    InstructionCounts counts;
    bool wanted = false;
    for (std::string first, second; in >> first >> second;) {
        if (first == "fm")
            wanted = second == to_string(fm_id);
        else if (wanted)
            counts[static_cast<std::uint32_t>(std::stoul(first, nullptr, 16))] = std::stoull(second);
    }
    return counts;
}

std::vector<FunctionProfile> function_profiles(const hsm::SymbolTable &symbols, const InstructionCounts &counts) {
    std::vector<FunctionProfile> profiles;
    InstructionCounts rest = counts;
    for (hsm::SourceFunction &function : symbols.functions()) {
        FunctionProfile profile{.function = std::move(function)};
        const auto begin = rest.lower_bound(profile.function.begin);
        const auto end = rest.lower_bound(profile.function.end);
        if (begin != end && begin->first == profile.function.begin)
            profile.calls = begin->second;
        for (auto at = begin; at != end; ++at)
            profile.instructions += at->second;
        rest.erase(begin, end);
        profiles.push_back(std::move(profile));
    }
    add_others(symbols, rest, profiles);
    std::ranges::stable_sort(profiles, std::greater<>(), &FunctionProfile::instructions);
    return profiles;
}

// A line can begin in several places, by inlining or loops that were turned: the place that ran most is its count.
LineCounts line_counts(const hsm::SymbolTable &symbols, const InstructionCounts &counts) {
    LineCounts lines;
    for (const hsm::SourceStatement &statement : symbols.statements()) {
        const auto count = counts.find(statement.address);
        std::uint64_t &line = lines[statement.file][statement.line];
        line = std::max(line, count == counts.end() ? 0 : count->second);
    }
    return lines;
}

std::string lcov_text(const std::vector<FunctionProfile> &functions, const LineCounts &lines) {
    std::ostringstream out;
    for (const auto &[file, counts] : lines) {
        out << "TN:fm\nSF:" << file << '\n';
        std::size_t found = 0;
        std::size_t hit = 0;
        for (const FunctionProfile &profile : functions) {
            if (profile.function.file != file)
                continue;
            out << "FN:" << profile.function.line << ',' << profile.function.name << '\n'
                << "FNDA:" << profile.calls << ',' << profile.function.name << '\n';
            ++found;
            hit += profile.calls != 0;
        }
        out << "FNF:" << found << "\nFNH:" << hit << '\n';
        for (const auto &[line, count] : counts)
            out << "DA:" << line << ',' << count << '\n';
        out << "LF:" << counts.size()
            << "\nLH:" << std::ranges::count_if(counts, [](const auto &entry) { return entry.second != 0; })
            << "\nend_of_record\n";
    }
    return out.str();
}

} // namespace k7::tool
