// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/openers.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

namespace k7::tool {
namespace {

namespace fs = std::filesystem;

/// Calls @p visit with each entry of @p directory; one that goes away meanwhile, or may not be read, is no error.
template <class Visit>
void for_each_entry(const fs::path &directory, Visit &&visit) {
    std::error_code error;
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
        visit(entry->path());
}

bool has_open(const fs::path &process, dev_t device) {
    bool found = false;
    for_each_entry(process / "fd", [&](const fs::path &descriptor) {
        struct stat status {};
        found |= ::stat(descriptor.c_str(), &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == device;
    });
    return found;
}

std::string name_of(const fs::path &process) {
    std::ifstream file(process / "comm");
    std::string name;
    std::getline(file, name);
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return std::isprint(c) == 0; }, '?');
    return name + " (pid " + process.filename().string() + ")";
}

bool is_other_process(const fs::path &process) {
    const std::string pid = process.filename().string();
    return std::all_of(pid.begin(), pid.end(), [](unsigned char c) { return std::isdigit(c) != 0; }) &&
           pid != std::to_string(::getpid());
}

} // namespace

std::vector<std::string> openers(const std::string &node) {
    std::vector<std::string> names;
    struct stat status {};
    if (::stat(node.c_str(), &status) != 0 || !S_ISCHR(status.st_mode))
        return names;
    for_each_entry("/proc", [&](const fs::path &process) {
        if (is_other_process(process) && has_open(process, status.st_rdev))
            names.push_back(name_of(process));
    });
    return names;
}

} // namespace k7::tool
