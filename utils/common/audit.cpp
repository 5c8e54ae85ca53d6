// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/audit.hpp"

#include <fstream>

#include <sys/types.h>
#include <syslog.h>
#include <unistd.h>

namespace k7::tool {
namespace {

/// Who logged in, which sudo and su do not change; the kernel keeps it. Empty without a login.
std::string login_uid() {
    std::ifstream file("/proc/self/loginuid");
    std::string uid;
    file >> uid;
    return uid == "4294967295" ? "" : uid;
}

} // namespace

void audit(const std::string &tool, const std::string &esn, const std::string &action, const std::string &outcome) {
    const std::string login = login_uid();
    ::openlog(tool.c_str(), LOG_PID, LOG_AUTHPRIV);
    ::syslog(LOG_NOTICE, "card esn=%s action=%s uid=%u%s%s result=%s", esn.c_str(), action.c_str(), ::getuid(),
             login.empty() ? "" : " loginuid=", login.c_str(), outcome.c_str());
    ::closelog();
}

} // namespace k7::tool
