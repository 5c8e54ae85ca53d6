// SPDX-License-Identifier: Apache-2.0
#include "libhsm/node_access.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <vector>

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

namespace hsm {
namespace {

constexpr std::size_t kNameBuffer = 16384;

std::string user_name(uid_t uid) {
    passwd entry{};
    passwd *found = nullptr;
    std::vector<char> buffer(kNameBuffer);
    if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
        return found->pw_name;
    return std::to_string(uid);
}

std::string group_name(gid_t gid) {
    group entry{};
    group *found = nullptr;
    std::vector<char> buffer(kNameBuffer);
    if (getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
        return found->gr_name;
    return std::to_string(gid);
}

} // namespace

std::string node_owner_text(const std::string &node) {
    struct stat status {};
    if (::stat(node.c_str(), &status) < 0)
        return "its owner cannot be read";
    std::array<char, 8> mode{};
    std::snprintf(mode.data(), mode.size(), "%04o", status.st_mode & 07777u);
    return user_name(status.st_uid) + ":" + group_name(status.st_gid) + " " + mode.data();
}

std::string node_access_hint(const std::string &node) {
    struct stat status {};
    if (::stat(node.c_str(), &status) < 0)
        return "ask root for access";
    const bool group_may = (status.st_mode & 0060u) == 0060u && status.st_gid != 0;
    if (!group_may)
        return "only root may open it: run as root, or install the udev rule that gives it to group hsmusers";
    const std::string group = group_name(status.st_gid);
    return "join group " + group + " (usermod -aG " + group + " USER, then log in again): it may query the card and " +
           "call FMs; loading and erasing FMs and resets need root";
}

} // namespace hsm
