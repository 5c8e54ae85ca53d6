// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/password.hpp"

#include <algorithm>
#include <cstdlib>

#include <sys/stat.h>

#include "utils/common/confirm.hpp"
#include "utils/common/files.hpp"

namespace k7::tool {
namespace {

hsm::SecureBytes from_file(const Tool &tool, const std::string &file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & (S_IRGRP | S_IROTH)) != 0)
        tool.note("others can read the password file " + file + "; remedy: chmod 600 " + file);
    return read_password_file(file);
}

hsm::SecureBytes from_terminal(const std::string &question, const std::string &option = "--password-file") {
    auto password = ask_password(question);
    if (!password)
        throw hsm::Error(hsm::ErrorKind::refused, "no password: there is no terminal to ask on",
                         "give " + option + " FILE");
    if (password->empty())
        throw hsm::Error(hsm::ErrorKind::refused, "no password given: nothing was changed");
    return std::move(*password);
}

} // namespace

// Not by CLI11: several subcommands share one variable, and it would set that for those that were not given.
std::string password_file(const std::string &file) {
    const char *const variable = std::getenv("K7HSM_PASSWORD_FILE");
    return file.empty() && variable != nullptr ? variable : file;
}

hsm::SecureBytes so_password(const Tool &tool, const std::string &file) {
    const std::string source = password_file(file);
    return source.empty() ? from_terminal("HSM SO password") : from_file(tool, source);
}

hsm::SecureBytes new_so_password(const Tool &tool, const std::string &file) {
    if (!file.empty())
        return from_file(tool, file);
    hsm::SecureBytes password = from_terminal("New HSM SO password", "--new-password-file");
    if (!std::ranges::equal(password, from_terminal("The same once more")))
        throw hsm::Error(hsm::ErrorKind::refused, "the two passwords differ: nothing was changed");
    return password;
}

void login(const Tool &tool, hsm::Card &card, const std::string &file) {
    card.login(so_password(tool, file));
}

} // namespace k7::tool
