// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/debug/debug_port.hpp"

#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "card/error.hpp"

namespace k7::card {
namespace {

constexpr int kPatienceMs = 100; ///< how soon a card that is switched off is noticed
constexpr std::size_t kPrefix = 5;

[[noreturn]] void refuse(const std::string &path, const std::string &why) {
    throw Error(K7_ST_BAD_FIELD, "debug socket " + path + ": " + why);
}

sockaddr_un address_of(const std::string &path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        refuse(path, "its path is too long");
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    return address;
}

/// What an earlier card left behind; nothing else is removed.
void remove_socket(const std::string &path) {
    struct stat status {};
    if (lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode))
        unlink(path.c_str());
}

} // namespace

DebugPort::DebugPort(const std::string &place, std::uint32_t fm_id) : fm_id_(fm_id) {
    if (place == "stdio") {
        session_ = std::make_unique<Session>(STDIN_FILENO, STDOUT_FILENO);
        return;
    }
    wait_ = place.starts_with("wait:");
    listen(place.substr(kPrefix));
}

DebugPort::~DebugPort() {
    if (session_)
        session_->end("W00");
    if (!path_.empty())
        remove_socket(path_);
}

// The mode is set before anybody can connect: what is not listened to refuses.
void DebugPort::listen(const std::string &path) {
    const sockaddr_un address = address_of(path);
    remove_socket(path);
    FileDescriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!listener.is_open() ||
        bind(listener.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0 ||
        chmod(path.c_str(), 0600) != 0 || ::listen(listener.get(), 1) != 0)
        refuse(path, std::strerror(errno));
    listener_ = std::move(listener);
    path_ = path;
}

bool DebugPort::somebody_waits(int patience_ms) const {
    pollfd wait{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    return listener_.is_open() && poll(&wait, 1, patience_ms) > 0;
}

/// @return false when the host has no room for a connection
bool DebugPort::accept() {
    FileDescriptor connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection.is_open())
        return false;
    session_ = std::make_unique<Session>(std::move(connection));
    wait_ = false;
    return true;
}

bool DebugPort::wanted(std::uint32_t fm_id) const {
    if (fm_id_ != 0 && fm_id_ != fm_id)
        return false;
    return (session_ && !session_->over()) || wait_ || somebody_waits(0);
}

void DebugPort::forget_if_over() {
    if (session_ && session_->over())
        session_.reset();
}

Session *DebugPort::session(std::uint32_t fm_id, const std::atomic<bool> &kill) {
    if (fm_id_ != 0 && fm_id_ != fm_id)
        return nullptr;
    forget_if_over();
    while (!session_ && !kill && (somebody_waits(wait_ ? kPatienceMs : 0) || wait_))
        if (somebody_waits(0) && !accept())
            break;
    if (session_)
        fm_id_ = fm_id;
    return session_.get();
}

} // namespace k7::card
